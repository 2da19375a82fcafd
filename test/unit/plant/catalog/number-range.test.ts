import { array, assert, constantFrom, integer, property, tuple } from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { type NumberRange, rangeForm } from '#plant/catalog/number-range.ts';
import { failureOf } from '../../release/failure-of.ts';

/** Few letters and digits, so that the ranges of different prefixes meet. */
const Range = tuple(
  array(constantFrom('A', '0', '1'), { maxLength: 3 }).map((letters) => letters.join('')),
  integer({ min: 1, max: 3 }),
  integer({ min: 0, max: 120 }),
  integer({ min: 0, max: 30 }),
)
  .filter(([, digits, first]) => first < 10 ** digits)
  .map(([prefix, digits, first, more]): NumberRange => {
    const last = Math.min(first + more, 10 ** digits - 1);
    return { kind: 'serial', prefix, digits, first, last };
  });

const serialsOf = ({ prefix, digits, first, last }: NumberRange): string[] =>
  Array.from({ length: last - first + 1 }, (_, n) => prefix + String(first + n).padStart(digits, '0'));

function meet(one: NumberRange, other: NumberRange): boolean {
  const [a, b] = [rangeForm(one), rangeForm(other)];
  return a.base === b.base && a.places === b.places && a.low <= b.high && b.low <= a.high;
}

describe('the form in which pools are compared', () => {
  test('meets another exactly when the two make a serial in common', () => {
    const pair = property(Range, Range, (one, other) => {
      const serials = new Set(serialsOf(one));
      expect(meet(one, other)).toBe(serialsOf(other).some((serial) => serials.has(serial)));
    });
    assert(pair, {
      numRuns: 2000,
      examples: [
        [
          { kind: 'serial', prefix: 'A1', digits: 2, first: 0, last: 99 },
          { kind: 'serial', prefix: 'A', digits: 3, first: 150, last: 150 },
        ],
      ],
    });
  });

  test.each([
    ['backwards', { first: 9, last: 3 }],
    ['more digits than it has', { digits: 2, last: 100 }],
    ['a control character', { prefix: 'A\n' }],
    ['a prefix for addresses', { kind: 'mac', digits: 12, prefix: 'AA', last: 9 }],
    ['addresses of 10 digits', { kind: 'mac', digits: 10, prefix: '', last: 9 }],
    ['addresses of more than 48 bits', { kind: 'mac', digits: 12, prefix: '', last: 2 ** 48 }],
    ['group addresses', { kind: 'mac', digits: 12, prefix: '', first: 0x01_00_5e_00_00_00, last: 0x01_00_5e_00_00_ff }],
    [
      'group addresses in between',
      { kind: 'mac', digits: 12, prefix: '', first: 0x02_ff_ff_ff_ff_ff, last: 0x04_00_00_00_00_00 },
    ],
  ] as const)('refuses %s', async (_, over) => {
    const range = { kind: 'serial', prefix: 'A', digits: 6, first: 0, last: 10, ...over } as const;
    expect(await failureOf(() => rangeForm(range))).toMatchObject({ code: 'bad-request' });
  });

  test('takes a maker’s block of addresses', () => {
    const block = {
      kind: 'mac',
      prefix: '',
      digits: 12,
      first: 0x00_80_e1_00_00_00,
      last: 0x00_80_e1_ff_ff_ff,
    } as const;
    expect(rangeForm(block)).toMatchObject({ low: BigInt(block.first), high: BigInt(block.last) });
  });
});
