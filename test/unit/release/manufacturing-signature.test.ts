import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { assert, integer, property } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { unitImage } from '#main/release/manufacturing/for-unit.ts';
import { isSignedBy, nextToSign, withSignature } from '#main/release/manufacturing/to-sign.ts';
import type { UnitValues } from '#main/release/manufacturing/unit-values.ts';
import { openRelease } from '#main/release/open-release.ts';
import { ROOT } from '#test/support/cli.ts';
import { failureOf } from './failure-of.ts';
import { memoryFiles } from './memory-files.ts';

let chips: ChipLibrary;
beforeAll(async () => {
  chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
});

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const EC_PEM = String(ec.publicKey.export({ type: 'spki', format: 'pem' }));
const BY = 'by: { key: k, algorithm: ecdsa-p256-sha256, publicKey: keys/k.pem }';

async function open(fields: string, pem: string | Uint8Array = EC_PEM) {
  const recipe = `schema: 1
product: { id: hello, revision: C, name: Hello board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.2.3, address: 0 }
serial: { pattern: '^HB[0-9]{6}$' }
manufacturing:
  kind: template
  version: '1'
  address: 0x30000
  size: 256
  fields:
    - { at: 0, type: string, size: 16, from: serial }
${fields}`;
  const files = memoryFiles({ '/r/recipe.yaml': recipe, '/r/app.bin': new Uint8Array(64), '/r/keys/k.pem': pem });
  return openRelease('/r', { chips, files });
}

const UNIT: UnitValues = { serial: 'HB000258', uid: null, macs: [], scans: {} };

describe('a signature in a recipe', () => {
  const good = `    - { at: 32, type: signature, size: 64, over: { at: 0, size: 32 }, ${BY} }\n`;
  const CASES: readonly [string, string, string][] = [
    [
      'over itself',
      `    - { at: 32, type: signature, size: 64, over: { at: 0, size: 33 }, ${BY} }\n`,
      'would be made of itself',
    ],
    [
      'beyond the end',
      `    - { at: 200, type: signature, size: 64, over: { at: 0, size: 32 }, ${BY} }\n`,
      'beyond the 256 bytes',
    ],
    [
      'of a size that it does not have',
      `    - { at: 32, type: signature, size: 63, over: { at: 0, size: 32 }, ${BY} }\n`,
      'has 64 bytes',
    ],
    [
      'of DER without room',
      `    - { at: 32, type: signature, size: 71, encoding: der, over: { at: 0, size: 32 }, ${BY} }\n`,
      'has up to 72 bytes',
    ],
    [
      'of DER that there is none of',
      `    - { at: 32, type: signature, size: 72, encoding: der, over: { at: 0, size: 32 },
        by: { key: k, algorithm: ed25519-sha256, publicKey: keys/k.pem } }\n`,
      'has no DER',
    ],
    ['in a checksum', `${good}    - { at: 100, type: crc32, over: { at: 0, size: 96 } }\n`, 'which is made after it'],
    [
      'over a later one',
      `    - { at: 32, type: signature, size: 64, over: { at: 128, size: 32 }, ${BY} }
    - { at: 96, type: signature, size: 64, over: { at: 0, size: 32 }, ${BY} }\n`,
      'which is made after it',
    ],
  ];
  it.each(CASES)('%s is refused when the recipe is opened', async (_, fields, detail) => {
    const { code, params } = await failureOf(() => open(fields));
    expect([code, params['detail']]).toEqual(['recipe-invalid', expect.stringContaining(detail)]);
  });

  it('whose public key is none, private, or of another kind is refused when the recipe is opened', async () => {
    const keys = [
      ['no key', 'no public key'],
      [String(ec.privateKey.export({ type: 'pkcs8', format: 'pem' })), 'private key'],
      [String(ed.publicKey.export({ type: 'spki', format: 'pem' })), 'of kind ed25519, which does not sign by'],
    ] as const;
    for (const [pem, detail] of keys) {
      const { code, params } = await failureOf(() => open(good, pem));
      expect([code, params['detail']]).toEqual(['recipe-invalid', expect.stringContaining(detail)]);
    }
  });

  it('makes the release another one with another public key', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = String(other.publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await open(good)).digest).not.toBe((await open(good, pem)).digest);
  });

  it('covers what is written: a bit changed anywhere under it, or in it, does not verify', async () => {
    const { recipe, unitKeys } = await open(good);
    const next = nextToSign(recipe, UNIT, unitKeys);
    if (next === null) throw new Error('nothing to sign');
    const signature = new Uint8Array(sign('sha256', next.message, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }));
    const signed = withSignature(recipe, UNIT, next, signature);
    expect(nextToSign(recipe, signed, unitKeys)).toBeNull();
    const written = unitImage(recipe, signed)?.image.segments[0]?.data ?? new Uint8Array();
    expect(written.slice(32, 96)).toEqual(signature);
    expect(isSignedBy({ ...next, message: written.slice(0, 32) }, written.slice(32, 96))).toBe(true);
    assert(
      property(integer({ min: 0, max: 96 * 8 - 1 }), (bit) => {
        const changed = written.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return !isSignedBy({ ...next, message: changed.slice(0, 32) }, changed.slice(32, 96));
      }),
      { numRuns: 200 },
    );
  });

  it('by Ed25519 is of the digest, as MCUboot has it', async () => {
    const fields = `    - { at: 32, type: signature, size: 64, over: { at: 0, size: 32 },
        by: { key: k, algorithm: ed25519-sha256, publicKey: keys/k.pem } }\n`;
    const { recipe, unitKeys } = await open(fields, String(ed.publicKey.export({ type: 'spki', format: 'pem' })));
    const next = nextToSign(recipe, UNIT, unitKeys);
    if (next === null) throw new Error('nothing to sign');
    const digest = createHash('sha256').update(next.message).digest();
    expect(isSignedBy(next, new Uint8Array(sign(null, digest, ed.privateKey)))).toBe(true);
    expect(isSignedBy(next, new Uint8Array(sign(null, next.message, ed.privateKey)))).toBe(false);
  });
});
