import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { permitRelease, trustFileOf, unsignedHere, unsignedPlace } from '#main/app/compose-release.ts';
import { readTrust, writeTrust } from '#main/release/flashpack/trust-file.ts';
import {
  NO_TRUST,
  NOT_SET_UP,
  type TrustedKey,
  type TrustList,
  type UnsignedAnswer,
  unsignedAnswer,
  withUnsigned,
} from '#main/release/flashpack/trust-list.ts';

const at = '2026-03-01T08:00:00.000Z';
const said = { by: 'jan', at };
const key: TrustedKey = {
  keyId: 'k',
  name: 'R',
  publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) },
  from: at,
  until: null,
  addedAt: at,
  addedBy: 'jan',
};
const keyed: TrustList = { ...NO_TRUST, keys: [key] };
const random = (length: number) => new Uint8Array(length).fill(7);
const byPlant: SignedBy = { by: 'plant', keyId: 'p', name: 'Ulm' };

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashline-unsigned-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function runs(signedBy: SignedBy, isBound: boolean): boolean {
  try {
    permitRelease(home, () => isBound)('d', signedBy);
    return true;
  } catch (thrown) {
    if (thrown instanceof FlashlineError && thrown.failure.code === 'release-unsigned') return false;
    throw thrown;
  }
}

describe('an unsigned release on a real unit', () => {
  /** The list, what was said last, whether a plant was joined; then whether it runs, and what is shown. */
  it.each<[string, TrustList, UnsignedAnswer | null, boolean, boolean, string]>([
    ['a fresh station', NOT_SET_UP, null, false, true, 'not-set-up'],
    ['a fresh station of a plant', NOT_SET_UP, null, true, false, 'refused'],
    ['a station with a key', keyed, null, false, false, 'refused'],
    ['a station with a key and a plant', keyed, null, true, false, 'refused'],
    ['a fresh station', NOT_SET_UP, 'allow', false, true, 'allowed'],
    ['a fresh station of a plant', NOT_SET_UP, 'allow', true, true, 'allowed'],
    ['a station with a key', keyed, 'allow', false, true, 'allowed'],
    ['a station with a key and a plant', keyed, 'allow', true, true, 'allowed'],
    ['a fresh station', NOT_SET_UP, 'refuse', false, false, 'refused'],
    ['a fresh station of a plant', NOT_SET_UP, 'refuse', true, false, 'refused'],
    ['a station with a key', keyed, 'refuse', false, false, 'refused'],
    ['a station with a key and a plant', keyed, 'refuse', true, false, 'refused'],
    ['a fresh station', NOT_SET_UP, 'until-set-up', false, true, 'not-set-up'],
    ['a station with a key', keyed, 'until-set-up', false, false, 'refused'],
  ])('%s (%#), said %s', (_, list, answer, isBound, expected, rule) => {
    writeTrust(trustFileOf(home), answer === null ? list : withUnsigned(list, answer, said), random);
    expect(runs('unsigned', isBound)).toBe(expected);
    // What the screen and the record say is what is done.
    const by = rule === 'allowed' ? said : { by: null, at: null };
    expect(unsignedHere(home, () => isBound)()).toEqual({ rule, ...by });
    // The plant's own documents are asked by others, whatever is said here.
    expect(runs(byPlant, isBound)).toBe(true);
  });

  it.each<[UnsignedAnswer, TrustList]>([
    ['allow', NOT_SET_UP],
    ['allow', keyed],
    ['refuse', NOT_SET_UP],
    ['refuse', keyed],
    ['until-set-up', NOT_SET_UP],
    ['until-set-up', keyed],
  ])('%s is found again by the next process, and no key is lost', (answer, list) => {
    writeTrust(trustFileOf(home), list, random);
    unsignedPlace(home).write({ name: 'release.unsigned', value: answer, ...said });
    const isSaid = answer !== 'until-set-up';
    expect(unsignedPlace(home).read()).toEqual({ text: answer, by: isSaid ? 'jan' : null, at: isSaid ? at : null });
    expect(readTrust(trustFileOf(home)).keys).toEqual(list.keys);
  });

  it('is as before with the files of earlier versions', () => {
    const file = trustFileOf(home);
    writeTrust(file, NO_TRUST, random);
    expect(unsignedAnswer(readTrust(file))).toEqual({ answer: 'refuse', said: null });
    writeFileSync(file, JSON.stringify({ schema: 1, keys: [key], unsigned: null }));
    expect(unsignedAnswer(readTrust(file)).answer).toBe('until-set-up');
    writeFileSync(file, JSON.stringify({ schema: 1, keys: [], unsigned: said }));
    expect(unsignedAnswer(readTrust(file))).toEqual({ answer: 'allow', said });
  });

  it('does not run with a list that cannot be read, and nothing that is asked of it throws', () => {
    writeTrust(trustFileOf(home), keyed, random);
    writeFileSync(trustFileOf(home), '{"schema":1,"keys":[],"unsigned":true}');
    expect(unsignedHere(home, () => false)()).toEqual({ rule: 'refused', by: null, at: null });
    expect(() => unsignedPlace(home).read()).toThrow('trust-unreadable');
    expect(existsSync(trustFileOf(home))).toBe(true);
  });
});
