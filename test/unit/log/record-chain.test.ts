import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  dictionary,
  integer,
  jsonValue,
  letrec,
  oneof,
  property,
  tuple,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { canonicalJson, chainFault, recordHash, recordTexts, sealRecord } from '#shared/model/record-chain.ts';
import { draft } from './fixtures.ts';

describe('canonical JSON', () => {
  it('is JSON, and does not depend on the order of keys', () => {
    assert(
      property(jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  // RFC 8785, 3.2.3: the published example of sorting by UTF-16 code units.
  it('sorts as RFC 8785 does', () => {
    const published = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const order = [...canonicalJson(published).matchAll(/:"([A-Z][a-z]+)/g)].map(([, word]) => word);
    expect(order).toEqual(['Carriage', 'One', 'Control', 'Latin', 'Euro', 'Emoji', 'Hebrew']);
  });

  it('refuses what JSON has no form for', () => {
    expect(() => canonicalJson({ a: Number.NaN })).toThrow(TypeError);
    expect(() => canonicalJson([1n])).toThrow(TypeError);
  });
});

describe('a record', () => {
  it('has another hash whatever is changed in it', () => {
    const record = sealRecord(draft('r'), null);
    expect(recordHash(record)).toBe(record.hash);
    for (const changed of [
      { ...record, serial: 'other' },
      { ...record, bytesWritten: 17 },
      { ...record, previousHash: 'c'.repeat(64) },
      { ...record, locks: {} },
    ])
      expect(recordHash(changed)).not.toBe(record.hash);
  });

  it('keeps its hash with members that only a newer version knows, and they count', () => {
    const { hash: _, ...rest } = sealRecord(draft('n'), null);
    const newer = { ...rest, humidity: 41 };
    const body = canonicalJson({ ...newer, hash: recordHash(newer) });
    expect(chainFault(body, null)).toBeNull();
    expect(chainFault(body.replace('41', '42'), null)).toMatch(/was changed/);
  });

  it('is hashed over all but its own hash, wherever else that text stands, in whatever order its members come', () => {
    const hash = constantFrom('', 'h', '"', '",', 'h","hash":"h', '\\', '\u{1F4A9}');
    const key = constantFrom('hash', 'hash"', 'a', 'gash', 'i', 'z');
    const { value } = letrec((tie) => ({
      value: oneof({ maxDepth: 3 }, hash, integer(), constant(null), tie('list'), tie('members')),
      list: array(tie('value'), { maxLength: 3 }),
      members: dictionary(key, tie('value'), { maxKeys: 5 }),
    }));
    const record = tuple(oneof(hash, value), dictionary(key, value), boolean()).map(([own, members, first]) => {
      const [before, after] = first ? [{}, members] : [members, {}];
      return Object.assign(before, { hash: own }, after);
    });
    const inOrder = record.map((each): object => Object(JSON.parse(canonicalJson(each))));
    assert(
      property(oneof(record, inOrder), (each) => {
        const { hash: _, ...rest } = { hash: '', ...each };
        expect(recordTexts(each)).toEqual({ body: canonicalJson(each), hashed: canonicalJson(rest) });
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });

  it('fits only after the record before it', () => {
    const first = sealRecord(draft('a'), null);
    const second = sealRecord(draft('b'), first);
    expect(chainFault(canonicalJson(second), first)).toBeNull();
    expect(chainFault(canonicalJson(second), null)).toMatch(/record 1 is missing/);
    expect(chainFault(canonicalJson(second), { sequence: 1, hash: 'd'.repeat(64) })).toMatch(/follows a record/);
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => reversed(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
