import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { array, assert, constantFrom, integer, nat, property, record, uint8Array } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, toHex, writeU32 } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { SignedPerUnit } from '#shared/model/signed-per-unit.ts';
import { readMcuboot } from '#main/image/mcuboot.ts';
import { openToSign, signedImage, withProtectedTlv } from '#main/image/mcuboot-signed.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import type { UnitValues } from '#main/release/manufacturing/unit-values.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import { imagesForUnit, nextImageToSign, withSignedImage } from '#main/release/signature/per-unit.ts';
import { verifyMcuboot } from '#main/release/signature/verify.ts';
import { ED25519 } from '#test/support/power/signing.ts';
import { memoryFiles } from './memory-files.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const VECTORS = JSON.parse(readFileSync(new URL('per-unit-images.json', import.meta.url), 'utf8')) as {
  readonly images: Readonly<Record<string, string>>;
};
const vector = (name: string) => new Uint8Array(Buffer.from(VECTORS.images[name] ?? '', 'base64'));
const UNIT: UnitValues = { serial: 'HB000001', uid: '0011223344556677', macs: [], scans: {} };

let chips: ChipLibrary;
beforeAll(async () => {
  chips = await loadChips([fileURLToPath(new URL('../../../resources/chips', import.meta.url))], nodeFiles);
});

const TLV = `{ tag: 0x00a0, size: 24, fields: [{ at: 0, type: bytes, size: 8, from: uid }, { at: 8, type: string, size: 16, from: serial }] }`;
const BY = '{ key: firmware, algorithm: ed25519-sha256, publicKey: keys/app.pem }';
const recipe = (change: { tlv?: string; by?: string; image?: string; role?: string; size?: number } = {}) => `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf52840
interface: swd
partitions: [{ name: slot0, address: 0x8000, size: ${change.size ?? 0x1000} }]
images:
  - { role: ${change.role ?? 'application'}, file: app.bin, version: 1.2.3, partition: slot0${change.image ?? ''},
      signedPerUnit: { kind: mcuboot, by: ${change.by ?? BY}, tlv: ${change.tlv ?? TLV} } }
serial: { pattern: '^HB[0-9]{6}$' }
`;
const open = (files: Record<string, string | Uint8Array> = {}): Promise<Release> =>
  openRelease('/r', {
    chips,
    files: memoryFiles({
      '/r/recipe.yaml': recipe(),
      '/r/app.bin': vector('plain'),
      '/r/keys/app.pem': ED25519.pem,
      ...files,
    }),
  });

/** As a plant would, with the key that the release has. */
function signedFor(release: Release, unit = UNIT): Uint8Array {
  const { perUnit } = release;
  const next = nextImageToSign(release.recipe, unit, perUnit);
  if (!next || !perUnit) throw new Error('nothing to sign');
  const signature = new Uint8Array(sign(null, sha256(next.message), ED25519.key));
  const signed = withSignedImage(perUnit, unit, next, signature);
  expect(nextImageToSign(release.recipe, signed, perUnit)).toBeNull();
  return imagesForUnit(perUnit, signed)[0]?.image.segments[0]?.data ?? new Uint8Array();
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
/** Of an Ed25519 key: over its SubjectPublicKeyInfo. */
const keyHash = sha256(ED25519.der);

describe('an image signed for a unit', () => {
  it.each([
    ['plain', 'plain-unit'],
    ['protected', 'protected-unit'],
    ['resigned', 'protected-unit'],
  ])('made of imgtool’s %s is byte for byte what imgtool makes with the TLV and the key', async (from, to) => {
    expect(toHex(signedFor(await open({ '/r/app.bin': vector(from) })))).toBe(toHex(vector(to)));
  });

  it('has its own TLV behind one that a vendor put there for all', async () => {
    const other = recipe({ tlv: TLV.replace('0x00a0', '0x00a1') });
    const made = signedFor(await open({ '/r/app.bin': vector('plain-unit'), '/r/recipe.yaml': other }));
    const protectedTlvs = [{ type: 0xa0 }, { type: 0xa1 }];
    expect(readMcuboot(made)).toMatchObject({ protectedTlvs, hash: { is: 'right' } });
  });

  it('differs from unit to unit, and the release is the same', async () => {
    const release = await open();
    const other = signedFor(release, { ...UNIT, uid: 'ffeeddccbbaa9988' });
    expect(toHex(other)).not.toBe(toHex(signedFor(release)));
    expect((await open()).digest).toBe(release.digest);
    expect((await open({ '/r/keys/app.pem': `${ED25519.pem}\n` })).digest).not.toBe(release.digest);
  });

  it('of any size, with any TLVs, is read back as what it was made of, and no bit of it counts changed', () => {
    const tlv = record({ type: constantFrom(0x40, 0x50, 0x60, 0x1a5, 0x2ff), value: uint8Array({ maxLength: 70 }) });
    const all = record({
      header: integer({ min: 32, max: 600 }),
      firmware: uint8Array({ maxLength: 700 }),
      protectedTlvs: array(tlv, { maxLength: 4 }),
      otherTlvs: array(tlv, { maxLength: 4 }),
      own: uint8Array({ minLength: 1, maxLength: 300 }),
      bit: nat(),
    });
    const publicKey = { file: 'k.pem', key: createPublicKey(ED25519.key), kind: 'ed25519', id: '' } as const;
    assert(
      property(all, ({ header, firmware, protectedTlvs, otherTlvs, own, bit }) => {
        const head = new Uint8Array(header);
        writeU32(head, 0, 0x96f3b83d);
        head.set([header & 0xff, header >> 8], 8);
        writeU32(head, 12, firmware.length);
        const plain = { body: concat([head, firmware]), protectedTlvs: [], otherTlvs };
        const [last = { type: 0xff, value: own }, ...before] = protectedTlvs.toReversed();
        const built = withProtectedTlv({ ...plain, protectedTlvs: before }, last);
        // No type may be asked for that is there already.
        expect(typeof built === 'string').toBe(before.some(({ type }) => type === last.type));
        if (typeof built === 'string') return;
        const file = signedImage(plain, built, new Uint8Array(32), { type: 0x22, value: new Uint8Array(70) });
        const parts = openToSign(file);
        if (typeof parts === 'string') throw new Error(parts);
        expect(parts.otherTlvs).toEqual(otherTlvs);
        const message = withProtectedTlv(parts, { type: 0xaa, value: own });
        if (typeof message === 'string') throw new Error(message);
        const signature = new Uint8Array(sign(null, sha256(message), ED25519.key));
        const made = signedImage(parts, message, keyHash, { type: 0x24, value: signature });
        const read = readMcuboot(made);
        if (typeof read === 'string') throw new Error(read);
        expect(read.protectedTlvs).toEqual([...parts.protectedTlvs, { type: 0xaa, value: own }]);
        expect([read.headerSize, read.firmwareSize, read.size]).toEqual([header, firmware.length, made.length]);
        expect(verifyMcuboot(made, [publicKey])).toEqual({ by: { kind: 'mcuboot', keys: [toHex(keyHash)] } });
        const changed = made.slice();
        const at = bit % (message.length * 8);
        changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
        expect(verifyMcuboot(changed, [publicKey])).not.toHaveProperty('by');
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it('has room for every signature of its key’s kind', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const by = '{ key: firmware, algorithm: ecdsa-p256-sha256, publicKey: keys/app.pem }';
    const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
    const release = await open({ '/r/recipe.yaml': recipe({ by }), '/r/keys/app.pem': pem });
    const { perUnit } = release;
    const room = release.images[0]?.image.segments[0]?.data.length ?? 0;
    const next = nextImageToSign(release.recipe, UNIT, perUnit);
    if (!next || !perUnit) throw new Error('nothing to sign');
    const sizes = Array.from({ length: 40 }, () => {
      const raw = sign('sha256', next.message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const { signedImages } = withSignedImage(perUnit, UNIT, next, new Uint8Array(raw));
      return signedImages?.get('application')?.bytes.length ?? 0;
    });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(room);
    expect(Math.min(...sizes)).toBeGreaterThan(room - 8);
  });

  it('is refused where MCUboot would not start it', async () => {
    const { recipe: opened, perUnit } = await open();
    const next = nextImageToSign(opened, UNIT, perUnit);
    if (!next || !perUnit) throw new Error('nothing to sign');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const signature = new Uint8Array(sign(null, sha256(next.message), stranger));
    expect(() => withSignedImage(perUnit, UNIT, next, signature)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: 'signing-wrong', blame: 'plant' }) }),
    );
  });
});

describe('a recipe with an image that is signed for each unit', () => {
  const failed = async (files: Record<string, string | Uint8Array>) => {
    try {
      await open(files);
    } catch (error) {
      if (error instanceof FlashlineError) return error.failure;
      throw error;
    }
    throw new Error('it was opened');
  };
  const app = (change: (bytes: Uint8Array) => Uint8Array) => ({ '/r/app.bin': change(vector('plain').slice()) });
  const flags = (value: number) => app((bytes) => (writeU32(bytes, 16, value), bytes));
  const as = (change: Parameters<typeof recipe>[0]) => ({ '/r/recipe.yaml': recipe(change) });
  const field = (fields: string) => as({ tlv: `{ tag: 0xa0, size: 8, fields: [${fields}] }` });

  it.each<[string, Record<string, string | Uint8Array>, string, string]>([
    ['no MCUboot image', app(() => new Uint8Array(400).fill(1)), 'images[0].signedPerUnit', 'magic number'],
    ['one without TLVs', app((bytes) => bytes.subarray(0, 333)), 'images[0].signedPerUnit', 'before its firmware'],
    ['a padded one', app((bytes) => concat([bytes, new Uint8Array(9)])), 'images[0].signedPerUnit', '9 bytes follow'],
    ['an encrypted one', flags(4), 'images[0].signedPerUnit', 'encrypted'],
    ['a compressed one', flags(0x400), 'images[0].signedPerUnit', 'compressed'],
    ['one that has the TLV', { '/r/app.bin': vector('plain-unit') }, 'images[0].signedPerUnit', 'of this type already'],
    ['another role', as({ role: 'filesystem' }), 'images[0].signedPerUnit', 'not an image that MCUboot starts'],
    [
      'both signatures',
      as({ image: ', signature: { kind: mcuboot, keys: [keys/app.pem] }' }),
      'images[0].signedPerUnit',
      'drop one',
    ],
    [
      'a tag of MCUboot’s own',
      as({ tlv: TLV.replace('0x00a0', '0x0150') }),
      'images[0].signedPerUnit.tlv.tag',
      '0xXXA0',
    ],
    ['a tag that means any', as({ tlv: TLV.replace('0x00a0', '0xffff') }), 'images[0].signedPerUnit.tlv.tag', ''],
    [
      'an algorithm that MCUboot has not',
      as({ by: BY.replace('ed25519-sha256', 'rsa-pkcs1-sha256') }),
      'images[0].signedPerUnit.by.algorithm',
      '',
    ],
    [
      'a key of another kind',
      as({ by: BY.replace('ed25519', 'ecdsa-p256') }),
      'images[0].signedPerUnit.by.publicKey',
      'does not sign by',
    ],
    [
      'a private key',
      { '/r/keys/app.pem': '-----BEGIN PRIVATE KEY-----' },
      'images[0].signedPerUnit.by.publicKey',
      'private key',
    ],
    ['a key outside', as({ by: BY.replace('keys/', '../') }), 'images[0].signedPerUnit.by.publicKey', '“..”'],
    [
      'a field that is too long',
      field('{ at: 1, type: bytes, size: 8, from: uid }'),
      'images[0].signedPerUnit.tlv.fields[0]',
      'ends at 9',
    ],
    [
      'a source that cannot be',
      field('{ at: 0, type: bytes, size: 6, from: mac }'),
      'images[0].signedPerUnit.tlv.fields[0].from',
      'macs',
    ],
    [
      'a value that never fits',
      field('{ at: 0, type: string, size: 4, value: toolong }'),
      'images[0].signedPerUnit.tlv',
      'string',
    ],
    [
      'a signature in it',
      field(`{ at: 0, type: signature, size: 64, over: { at: 0, size: 1 }, by: ${BY} }`),
      'images[0].signedPerUnit.tlv.fields[0].type',
      '',
    ],
    // The file fits by itself.
    ['no room for what is added', { '/r/app.bin': large(4090) }, 'images[0].partition', 'bytes too large'],
  ])('is refused with %s: the recipe’s', async (_, files, path, words) => {
    const failure = await failed(files);
    expect(failure).toMatchObject({ code: 'recipe-invalid', blame: 'recipe', where: { path } });
    expect(failure.params['detail']).toContain(words);
  });

  it('has a schema that takes what vendors may use', () => {
    const section = (tag: number) =>
      SignedPerUnit.safeParse({
        kind: 'mcuboot',
        by: { key: 'k', publicKey: 'k.pem', algorithm: 'ed25519-sha256' },
        tlv: { tag, size: 1, fields: [{ at: 0, type: 'u8', value: 1 }] },
      }).success;
    for (const tag of [0xa0, 0xff, 0x1a0, 0xfffe]) expect(section(tag)).toBe(true);
    for (const tag of [0x9f, 0x100, 0x19f, 0xff9f, 0xffff]) expect(section(tag)).toBe(false);
  });
});

/** An image of `size` bytes with nothing but an empty area of TLVs. */
function large(size: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(7);
  writeU32(bytes, 0, 0x96f3b83d);
  bytes.set([32, 0, 0, 0], 8);
  writeU32(bytes, 16, 0);
  writeU32(bytes, 12, size - 36);
  bytes.set([0x07, 0x69, 4, 0], size - 4);
  return bytes;
}
