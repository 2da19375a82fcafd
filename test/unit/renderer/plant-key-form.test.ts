import {
  assert,
  constantFrom,
  date,
  integer,
  nat,
  oneof,
  option,
  property,
  record,
  string,
  array,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { keyForm, keyState, policyGiven } from '#renderer/stores/plant-key-form.ts';
import { type KeyPolicy, PolicyChange, type SigningKey } from '#shared/contract/plant/signing-api.ts';

const FREE: KeyPolicy = {
  enabled: true,
  products: null,
  releases: null,
  stations: null,
  perMinute: null,
  quantity: null,
  until: null,
};
const NOW = Date.parse('2026-11-30T12:00:00Z');

const keyOf = (policy: Partial<KeyPolicy>, signed = 0): SigningKey => ({
  name: 'unit-data',
  kind: 'ed25519',
  use: 'digest',
  store: 'hsm',
  reference: '01',
  keyId: 'a'.repeat(64),
  publicKey: '00',
  certificate: null,
  policy: { ...FREE, ...policy },
  signed,
  createdBy: 'ada',
  createdAt: '2026-11-01T00:00:00Z',
});

describe('what a key may sign, as it is typed', () => {
  it('is a change that the contract takes, or none', () => {
    const text = oneof(string({ maxLength: 12 }), nat(2_000_000).map(String), constantFrom('', '-1', '1e3', '0.5'));
    const form = record({
      products: oneof(string(), constantFrom('hello', 'hello, lamp', ' , ')),
      stations: oneof(string(), constantFrom('line-1', 'line-1, line-2')),
      perMinute: text,
      quantity: text,
      until: oneof(string(), constantFrom('2027-02-28', '2027-02-30', '')),
    });
    assert(
      property(form, (typed) => {
        const given = policyGiven(typed, FREE);
        expect(given === null || PolicyChange.safeParse(given).success).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('is what it was when nothing was typed', () => {
    const name = constantFrom('hello', 'lamp', 'line-1');
    const day = date({ min: new Date('2026-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    const policy = record({
      products: option(array(name, { minLength: 1 })),
      stations: option(array(name, { minLength: 1 })),
      perMinute: option(integer({ min: 1, max: 1_000_000 })),
      quantity: option(integer({ min: 1, max: 1_000_000_000 })),
      until: option(day.map((at) => at.toISOString())),
    });
    assert(
      property(policy, (was) => {
        expect(policyGiven(keyForm({ ...FREE, ...was }), { ...FREE, ...was })).toEqual(was);
        const typed = { ...keyForm({ ...FREE, ...was }), until: '2027-02-28' };
        expect(policyGiven(typed, FREE)?.until).toBe('2027-02-28T23:59:59.999Z');
      }),
    );
  });
});

describe('whether a key signs', () => {
  it.each([
    ['on', {}, 5],
    ['off', { enabled: false, until: '2026-01-01T00:00:00Z' }, 5],
    ['ended', { until: '2026-11-30T12:00:00Z' }, 5],
    ['on', { until: '2026-11-30T12:00:01Z' }, 5],
    ['used-up', { quantity: 5 }, 5],
    ['on', { quantity: 6 }, 5],
  ] as const)('%s: %j', (state, policy, signed) => {
    expect(keyState(keyOf(policy, signed), NOW)).toBe(state);
  });
});
