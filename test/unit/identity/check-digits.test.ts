import { array, assert, constantFrom, integer, property, tuple } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { checkFault } from '#shared/identity/check-digits.ts';
import { CheckScheme } from '#shared/model/label.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const DIGITS = '0123456789';
const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const scheme = (value: unknown) => CheckScheme.parse(value);
const LUHN = scheme({ scheme: 'luhn' });
const LUHN36 = scheme({ scheme: 'luhn', alphabet: ALPHANUMERIC });
const MOD97 = scheme({ scheme: 'mod97-10' });
const GS1 = scheme({ scheme: 'gs1' });
/** ICAO 9303: 7, 3, 1 from the left, the remainder itself. */
const ICAO = scheme({
  scheme: 'weights',
  weights: [7, 3, 1],
  modulus: 10,
  remainder: 'sum',
  alphabet: ALPHANUMERIC,
});
/** ISBN-10: weights 2, 3, ... from the right, modulo 11 with X for 10. */
const ISBN = scheme({
  scheme: 'weights',
  weights: [2, 3, 4, 5, 6, 7, 8, 9, 10],
  from: 'right',
  modulus: 11,
  symbols: '0123456789X',
});
const FIRST = scheme({ scheme: 'weights', weights: [1, 3], modulus: 10, at: 'start' });
const LUHN_BY_WEIGHTS = scheme({
  scheme: 'weights',
  weights: [2, 1],
  from: 'right',
  products: 'digits',
  modulus: 10,
});

describe('numbers that others made', () => {
  it.each([
    ['Luhn', LUHN, '79927398713'],
    ['Luhn', LUHN, '4111111111111111'],
    ['GTIN-13', GS1, '4006381333931'],
    ['GTIN-14', GS1, '09506000134352'],
    ['SSCC', GS1, '376104250021234569'],
    ['LEI', MOD97, '5493001KJTIIGC8Y1R12'],
    ['LEI', MOD97, '213800WSGIIZCXF1P572'],
    ['IBAN, its country moved behind', MOD97, '370400440532013000DE89'],
    ['ICAO 9303 document number', ICAO, 'L898902C36'],
    ['ICAO 9303 date', ICAO, '7408122'],
    ['ISBN-10', ISBN, '0306406152'],
    ['ISBN-10 with an X', ISBN, '097522980X'],
    ['Luhn written as weights', LUHN_BY_WEIGHTS, '79927398713'],
  ])('%s agrees', (_, check, text) => {
    expect(checkFault(text, check)).toBeNull();
  });
});

interface Kind {
  readonly name: string;
  readonly check: CheckScheme;
  /** Of the body. */
  readonly alphabet: string;
  /** What a check consists of. */
  readonly checks: readonly string[];
  readonly at?: 'start';
  /** Characters that are wrong alone, and neighbours that changed places, which it promises to find. */
  readonly single: (a: string, b: string) => boolean;
  readonly swap: (a: string, b: string) => boolean;
}
const all = () => true;
const none = () => false;
const far = (a: string, b: string) => Math.abs(Number(a) - Number(b)) !== 5;
const PAIRS = Array.from({ length: 97 }, (_, value) => String(value + 2).padStart(2, '0'));
const KINDS: readonly Kind[] = [
  {
    name: 'Luhn',
    check: LUHN,
    alphabet: DIGITS,
    checks: DIGITS.split(''),
    single: all,
    swap: (a, b) => a + b !== '09' && a + b !== '90',
  },
  {
    name: 'Luhn mod 36',
    check: LUHN36,
    alphabet: ALPHANUMERIC,
    checks: ALPHANUMERIC.split(''),
    single: all,
    swap: (a, b) => a + b !== '0Z' && a + b !== 'Z0',
  },
  { name: 'MOD 97-10', check: MOD97, alphabet: DIGITS, checks: PAIRS, single: all, swap: all },
  { name: 'GS1', check: GS1, alphabet: DIGITS, checks: DIGITS.split(''), single: all, swap: far },
  { name: 'ISBN-10', check: ISBN, alphabet: DIGITS, checks: [...DIGITS.split(''), 'X'], single: all, swap: all },
  {
    name: 'weights at the start',
    check: FIRST,
    alphabet: DIGITS,
    checks: DIGITS.split(''),
    at: 'start',
    single: all,
    swap: none,
  },
];

describe.each(KINDS)('$name', ({ check, alphabet, checks, at, single, swap }) => {
  const withCheck = (body: string, value: string) => (at === 'start' ? value + body : body + value);
  const bodies = array(constantFrom(...alphabet.split('')), { minLength: 1, maxLength: 9 }).map((parts) =>
    parts.join(''),
  );
  const made = (body: string) =>
    checks.map((value) => withCheck(body, value)).filter((text) => checkFault(text, check) === null);

  it('has exactly one check for a body', () => {
    assert(
      property(bodies, (body) => {
        expect(made(body)).toHaveLength(1);
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it('refuses any single character that is another, and neighbours that changed places, where it promises that', () => {
    assert(
      property(
        tuple(bodies, integer({ min: 0, max: 20 }), constantFrom(...alphabet.split(''))),
        ([body, place, other]) => {
          const [text = ''] = made(body);
          const index = place % text.length;
          const was = text[index] ?? '';
          const next = text[index + 1] ?? was;
          const changed = text.slice(0, index) + other + text.slice(index + 1);
          const swapped = text.slice(0, index) + next + was + text.slice(index + 2);
          const found = {
            single: was === other || !single(was, other) || checkFault(changed, check) !== null,
            swap: was === next || !swap(was, next) || checkFault(swapped, check) !== null,
          };
          expect(found).toEqual({ single: true, swap: true });
        },
      ),
      { numRuns },
    );
  });

  it('names the place of a character that it has no value for, and of the check', () => {
    const [text = ''] = made('123');
    const place = at === 'start' ? 1 : 0;
    expect(checkFault(`${text.slice(0, place)}?${text.slice(place + 1)}`, check)).toEqual({
      kind: 'character',
      at: place,
    });
    const wrong = withCheck('123', checks.find((value) => withCheck('123', value) !== text) ?? '');
    const checkAt = at === 'start' ? 0 : 3;
    expect(checkFault(wrong, check)).toEqual({ kind: 'check', at: checkAt });
  });
});

it('a text too short to hold a check is said to be that', () => {
  for (const check of [LUHN, GS1, MOD97, ICAO]) {
    expect(checkFault('', check)).toEqual({ kind: 'short' });
    expect(checkFault('0', check)).toEqual({ kind: 'short' });
  }
});

it('schemes that could never work are refused as data', () => {
  const faulty = [
    { scheme: 'luhn', alphabet: '012' },
    { scheme: 'luhn', alphabet: '0120' },
    { scheme: 'weights', weights: [], modulus: 10 },
    { scheme: 'weights', weights: [1], modulus: 1 },
    { scheme: 'weights', weights: [1.5], modulus: 10 },
    { scheme: 'weights', weights: [1], modulus: 10, symbols: 'AAB' },
    { scheme: 'mod97' },
  ];
  for (const each of faulty) expect(CheckScheme.safeParse(each).success).toBe(false);
});
