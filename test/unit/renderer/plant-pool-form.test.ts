import {
  assert,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  record,
  string,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { numberOf, poolGiven, type PoolForm } from '#renderer/stores/plant-pool-form.ts';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';

const FORM: PoolForm = {
  id: 'HB serials',
  kind: 'serial',
  product: '',
  prefix: 'HB',
  digits: '6',
  first: '0',
  last: '99999',
  block: '100',
};

describe('a pool as it is typed', () => {
  it('is a call that the contract takes, or none', () => {
    const text = oneof(string({ maxLength: 14 }), nat(2_000_000).map(String), constant('02:00:5e:00:53:01'));
    const form = record({
      id: constantFrom('A', '', ' x ', '…'),
      kind: constantFrom('serial' as const, 'mac' as const),
      product: constantFrom('', 'hello'),
      prefix: constantFrom('', 'HB'),
      digits: text,
      first: text,
      last: text,
      block: integer({ min: 0, max: 1_000_000 }).map(String),
    });
    assert(
      property(form, (typed) => {
        const body = poolGiven(typed)?.body;
        expect(body === undefined || plantEndpoints['pool.create'].body.safeParse(body).success).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads MAC addresses however they are written, and writes them as records have them', () => {
    const given = poolGiven({ ...FORM, kind: 'mac', first: '02-00-5E-00-53-01', last: '02005e0053ff', block: '16' });
    expect(given?.body).toMatchObject({ digits: 12, prefix: '', first: 0x02005e005301, last: 0x02005e0053ff });
    expect(numberOf({ kind: 'mac', prefix: '', digits: 12 }, 0x02005e005301)).toBe('02:00:5e:00:53:01');
    expect(numberOf({ kind: 'serial', prefix: 'HB', digits: 6 }, 42)).toBe('HB000042');
  });

  it.each([
    ['without a name', { id: '' }],
    ['that ends before it begins', { first: '10', last: '9' }],
    ['with numbers longer than their digits', { last: '1000000' }],
    ['of fractions', { first: '1.5' }],
    ['with empty blocks', { block: '0' }],
  ])('is none %s', (_, change) => {
    expect(poolGiven(FORM)).not.toBeNull();
    expect(poolGiven({ ...FORM, ...change })).toBeNull();
  });
});
