import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { unitImage } from '#main/release/manufacturing/for-unit.ts';
import { isSignedBy, nextToSign, withSignature } from '#main/release/manufacturing/to-sign.ts';
import type { UnitValues } from '#main/release/manufacturing/unit-values.ts';
import { openRelease } from '#main/release/open-release.ts';
import { array, assert, constantFrom, property, string, tuple } from '#test/support/fast-check.ts';
import { ROOT } from '#test/support/cli.ts';
import { nvsKeys, nvsSignedBytes } from '#test/support/nvs-keys.ts';
import { failureOf } from './failure-of.ts';
import { memoryFiles } from './memory-files.ts';

let chips: ChipLibrary;
beforeAll(async () => {
  chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
});

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const EC = String(ec.publicKey.export({ type: 'spki', format: 'pem' }));
const BY = 'by: { key: k, algorithm: ecdsa-p256-sha256, publicKey: keys/k.pem }';
const PROOF = `{ key: proof, type: signature, over: [serial, hw], ${BY} }`;

async function open(keys: readonly string[], more = '', size = 0x3000) {
  const recipe = `schema: 1
product: { id: hello, revision: C, name: Hello board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.2.3, address: 0 }
serial: { pattern: '^HB[0-9]{6}$' }
manufacturing:
  kind: nvs
  version: '1'
  address: 0x30000
  size: ${size}
  namespaces:
    - namespace: unit
      keys:
        - { key: serial, type: string, from: serial }
        - { key: hw, type: u32, value: 258 }
${keys.map((key) => `        - ${key}\n`).join('')}${more}`;
  const files = memoryFiles({ '/r/recipe.yaml': recipe, '/r/app.bin': new Uint8Array(64), '/r/keys/k.pem': EC });
  return openRelease('/r', { chips, files });
}

const UNIT: UnitValues = { serial: 'HB000258', uid: null, macs: [], scans: {} };

describe('a signature among the keys of an NVS partition', () => {
  it('is over the bytes that the page describes', async () => {
    const { recipe, unitKeys } = await open([PROOF]);
    const next = nextToSign(recipe, UNIT, unitKeys);
    const field = (text: string) => [text.length, 0, 0, 0, ...Buffer.from(text)];
    expect([next?.what, [...(next?.message ?? [])]]).toEqual([
      'unit/proof',
      [...field('flashline-nvs-1'), ...field('unit'), ...field('proof'), ...field('HB000258'), 4, 0, 0, 0, 2, 1, 0, 0],
    ]);
  });

  it('tells apart whatever could be moved from one value to the next', async () => {
    const words = array(string({ minLength: 1, maxLength: 5, unit: constantFrom('a', 'b', '0') }), {
      minLength: 2,
      maxLength: 2,
    });
    const bytesOf = (values: readonly string[]) => {
      const keys = new Map(values.map((text, index) => [`n/k${index}`, new Uint8Array(Buffer.from(text))] as const));
      return nvsSignedBytes(keys, 'n', 'p', ['k0', 'k1']).toString('hex');
    };
    assert(
      property(
        tuple(words, words),
        ([one, two]) => (bytesOf(one) === bytesOf(two)) === (one.join(',') === two.join(',')),
      ),
      { numRuns: 2000 },
    );
  });

  const CASES: readonly [string, readonly string[], string, string][] = [
    ['over a key that does not exist', [`{ key: p, type: signature, over: [serail], ${BY} }`], '', 'no key serail'],
    [
      'over a key of another namespace',
      [`{ key: p, type: signature, over: [cal], ${BY} }`],
      '    - { namespace: other, keys: [{ key: cal, type: u8, value: 1 }] }\n',
      'no key cal in the signature’s namespace',
    ],
    ['over itself', [`{ key: p, type: signature, over: [serial, p], ${BY} }`], '', 'would be made of itself'],
    ['over a key twice', [`{ key: p, type: signature, over: [hw, hw], ${BY} }`], '', 'hw is named twice'],
    [
      'over a later one',
      [`{ key: p, type: signature, over: [q], ${BY} }`, `{ key: q, type: signature, over: [hw], ${BY} }`],
      '',
      'made after this one',
    ],
    [
      'of DER that there is none of',
      [
        '{ key: p, type: signature, encoding: der, over: [hw], by: { key: k, algorithm: ed25519-sha256, publicKey: keys/k.pem } }',
      ],
      '',
      'has no DER',
    ],
    [
      'by a key of another kind',
      ['{ key: p, type: signature, over: [hw], by: { key: k, algorithm: ed25519-sha256, publicKey: keys/k.pem } }'],
      '',
      'of kind ecdsa-p256',
    ],
    ['of a name that is taken', [`{ key: hw, type: signature, over: [serial], ${BY} }`], '', 'hw'],
    ['over nothing', [`{ key: p, type: signature, over: [], ${BY} }`], '', 'needs at least 1 entry'],
    [
      'that the partition has no room for',
      [
        ...[620, 620, 620, 620, 620, 256].map(
          (size, at) => `{ key: b${at}, type: blob, value: '${'00'.repeat(size)}' }`,
        ),
        PROOF,
      ],
      '',
      'unit/proof: does not fit any more',
    ],
  ];
  it.each(CASES)('%s is refused when the recipe is opened', async (_, keys, more, detail) => {
    const failure = await failureOf(() => open(keys, more, keys.length > 5 ? 0x1000 : 0x3000));
    expect([failure.code, failure.params['detail']]).toEqual(['recipe-invalid', expect.stringContaining(detail)]);
  });

  it('that a unit’s own values leave no room for is refused before the plant is asked', async () => {
    const { recipe, unitKeys } = await open([`{ key: big, type: blob, from: scan.big }`, PROOF], '', 0x1000);
    const unit = { ...UNIT, scans: { big: 'ab'.repeat(3840) } };
    const { code } = await failureOf(async () => nextToSign(recipe, unit, unitKeys));
    expect(code).toBe('nvs-invalid');
    expect(nextToSign(recipe, { ...UNIT, scans: { big: 'ab' } }, unitKeys)?.what).toBe('unit/proof');
  });

  it('covers what is written: a value that is changed in the partition does not verify', async () => {
    const { privateKey, publicKey } = ec;
    const { recipe, unitKeys } = await open([PROOF]);
    const next = nextToSign(recipe, UNIT, unitKeys);
    if (next === null) throw new Error('nothing to sign');
    const signature = new Uint8Array(sign('sha256', next.message, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
    const signed = withSignature(recipe, UNIT, next, signature);
    expect(nextToSign(recipe, signed, unitKeys)).toBeNull();
    const keys = nvsKeys(unitImage(recipe, signed)?.image.segments[0]?.data ?? new Uint8Array());
    const own = { ...next, publicKey: { ...next.publicKey, key: publicKey } };
    const verifies = (values: ReadonlyMap<string, Uint8Array>) =>
      isSignedBy(
        { ...own, message: new Uint8Array(nvsSignedBytes(values, 'unit', 'proof', ['serial', 'hw'])) },
        values.get('unit/proof') ?? new Uint8Array(),
      );
    expect(verifies(keys)).toBe(true);
    for (const key of ['unit/serial', 'unit/hw', 'unit/proof']) {
      const bytes = (keys.get(key) ?? new Uint8Array()).slice();
      bytes[1] = (bytes[1] ?? 0) ^ 1;
      expect([key, verifies(new Map([...keys, [key, bytes]]))]).toEqual([key, false]);
    }
  });
});
