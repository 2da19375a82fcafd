import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, constantFrom, integer, nat, property, uint8Array } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, writeU32 } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readEspSignatures } from '#main/image/esp-signature.ts';
import { readMcuboot } from '#main/image/mcuboot.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import { type PublicKeyFile, readPublicKey } from '#main/release/signature/public-key.ts';
import { verifyDetached, verifyEsp, verifyMcuboot } from '#main/release/signature/verify.ts';
import { memoryFiles } from './memory-files.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly keyHashes: Readonly<Record<string, string>>;
  readonly mcuboot: Readonly<Record<string, string>>;
  readonly esp: Readonly<Record<string, string>>;
  readonly espDigests: Readonly<Record<string, string>>;
  readonly detached: Readonly<Record<string, string>>;
}
const VECTORS = JSON.parse(readFileSync(new URL('signed-images.json', import.meta.url), 'utf8')) as Vectors;
const bytesOf = (base64 = '') => new Uint8Array(Buffer.from(base64, 'base64'));
const text = (value: string) => new TextEncoder().encode(value);

function keyNamed(name: string): PublicKeyFile {
  const key = readPublicKey(`${name}.pem`, text(VECTORS.keys[name] ?? ''));
  if (typeof key === 'string') throw new Error(key);
  return key;
}
const mcuboot = (name: string) => bytesOf(VECTORS.mcuboot[name]);
const DOCUMENT = text('a file that somebody signed');

const ESP_IMAGE = Uint8Array.from({ length: 4096 }, (_, at) => (at * 13 + (at >> 8)) & 0xff);
function esp(name: string): Uint8Array {
  const sector = new Uint8Array(4096).fill(0xff);
  sector.set(bytesOf(VECTORS.esp[name]));
  return concat([ESP_IMAGE, sector]);
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ (1 << bit);
  return out;
}

describe('an MCUboot image that imgtool signed', () => {
  it.each(['rsa-2048', 'rsa-3072', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'])('by %s is signed by that key', (name) => {
    const found = verifyMcuboot(mcuboot(name), ['rsa-2048', 'ed25519', name].map(keyNamed));
    const hash = VECTORS.keyHashes[name];
    expect(found).toEqual({ by: { kind: 'mcuboot', keys: [hash] } });
    expect(readMcuboot(mcuboot(name))).toMatchObject({ version: '1.2.3+4', securityCounter: 7, hash: { is: 'right' } });
  });

  it('over its bytes themselves, with the whole key in it, and in a padded slot', () => {
    expect(verifyMcuboot(mcuboot('ed25519-pure'), [keyNamed('ed25519')])).toHaveProperty('by');
    expect(verifyMcuboot(mcuboot('public-key'), [keyNamed('ecdsa-p256')])).toEqual({
      by: { kind: 'mcuboot', keys: [VECTORS.keyHashes['ecdsa-p256']] },
    });
    expect(verifyMcuboot(mcuboot('padded'), [keyNamed('ed25519')])).toHaveProperty('by');
    expect(readMcuboot(mcuboot('padded'))).toMatchObject({ trailer: { confirmed: true } });
    expect(readMcuboot(mcuboot('ed25519'))).toMatchObject({ trailer: null });
  });

  it.each([
    ['unsigned', 0, 'missing', 'it has no signature'],
    ['encrypted', 0, 'wrong', 'it is encrypted'],
    [
      'rsa-2048',
      0,
      'wrong',
      `no key of the release is the one that its signature names, ${VECTORS.keyHashes['rsa-2048']}`,
    ],
    ['ed25519', 8, 'wrong', 'its security counter is 7, the least is 8'],
    ['public-key', 1, 'wrong', 'its security counter is missing'],
  ])('%s (counter from %i) does not count, and says why: %s', (name, counter, kind, words) => {
    const found = verifyMcuboot(mcuboot(name), ['ed25519', 'ecdsa-p256'].map(keyNamed), counter);
    expect(found).toEqual({ [kind]: expect.stringContaining(words) });
  });

  it('counts for nothing with any bit of what is signed, or of a signature, flipped', () => {
    assert(
      property(
        constantFrom('ed25519', 'ecdsa-p256', 'rsa-2048'),
        nat(),
        integer({ min: 0, max: 7 }),
        (name, place, bit) => {
          const whole = mcuboot(name);
          const found = verifyMcuboot(flipped(whole, place % whole.length, bit), [keyNamed(name)]);
          expect('by' in found).toBe(false);
        },
      ),
      { numRuns: numRuns / 4 },
    );
    // A record's type: the hash is none any more, what is signed is as it was.
    expect(verifyMcuboot(flipped(mcuboot('ecdsa-p256'), 145, 1), [keyNamed('ecdsa-p256')])).toEqual({
      wrong: 'it has no hash of its bytes',
    });
  });

  it('is told from any other bytes without a throw', () => {
    assert(
      property(uint8Array({ maxLength: 120 }), nat(300), (bytes, at) => {
        const made = mcuboot('ed25519');
        made.set(bytes.subarray(0, Math.max(0, made.length - at)), Math.min(at, made.length));
        const found = readMcuboot(made);
        expect(typeof found === 'string' || found.size <= made.length).toBe(true);
        expect(typeof readMcuboot(bytes)).toBe('string');
      }),
      { numRuns },
    );
  });
});

describe('an Espressif image that espsecure signed', () => {
  it.each([
    ['rsa', ['rsa-3072']],
    ['ecdsa', ['ecdsa-p256']],
    ['two', ['rsa-3072', 'rsa-other']],
  ])('%s: by the keys whose digests its eFuses would hold', (name, keys) => {
    const found = verifyEsp(esp(name), keys.map(keyNamed));
    expect(found).toEqual({ by: { kind: 'esp-secure-boot-v2', keys: keys.map((key) => VECTORS.espDigests[key]) } });
    // One of two is enough.
    expect(verifyEsp(esp(name), [keyNamed(keys.at(-1) ?? '')])).toHaveProperty('by');
  });

  it('does not count without a sector of signatures, by another key, for other bytes, or damaged', () => {
    const keys = [keyNamed('rsa-3072')];
    expect(verifyEsp(ESP_IMAGE, keys)).toHaveProperty('missing');
    expect(verifyEsp(concat([ESP_IMAGE, ESP_IMAGE]), keys)).toHaveProperty('missing');
    expect(verifyEsp(esp('ecdsa'), keys)).toEqual({
      wrong: expect.stringContaining(VECTORS.espDigests['ecdsa-p256'] ?? '-'),
    });
    expect(verifyEsp(flipped(esp('rsa'), 5, 1), keys)).toEqual({ wrong: expect.stringContaining('for other bytes') });
    expect(verifyEsp(flipped(esp('rsa'), 4096 + 900, 1), keys)).toEqual({
      wrong: expect.stringContaining('its CRC is wrong'),
    });
    const forged = flipped(esp('rsa'), 4096 + 900, 1);
    writeU32(forged, 4096 + 1196, crc32(forged.subarray(4096, 4096 + 1196)));
    expect(verifyEsp(forged, keys)).toEqual({ wrong: 'signature block 1 is not signed by rsa-3072.pem' });
  });

  it('counts for nothing with any bit flipped but those that only fill the sector', () => {
    assert(
      property(nat(4096 + 1199), integer({ min: 0, max: 7 }), (at, bit) => {
        expect('by' in verifyEsp(flipped(esp('ecdsa'), at, bit), [keyNamed('ecdsa-p256')])).toBe(false);
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it('is told from any other sector without a throw', () => {
    assert(
      property(uint8Array({ minLength: 1, maxLength: 200 }), nat(1216), (bytes, at) => {
        const made = esp('two');
        made.set(bytes, 4096 + at);
        expect(readEspSignatures(made)?.blocks.length ?? 0).toBeLessThanOrEqual(3);
        expect(readEspSignatures(bytes)).toBeUndefined();
      }),
      { numRuns },
    );
  });
});

describe('a file that OpenSSL signed', () => {
  it.each(['ed25519', 'ecdsa-p256', 'rsa-2048'])('by %s is signed by that key and by no other', (name) => {
    const signature = bytesOf(VECTORS.detached[name]);
    const all = ['rsa-2048', 'rsa-3072', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'].map(keyNamed);
    expect(verifyDetached(DOCUMENT, signature, all)).toEqual({ by: { kind: 'detached', keys: [keyNamed(name).id] } });
    expect(verifyDetached(flipped(DOCUMENT, 3, 0), signature, all)).toHaveProperty('wrong');
    assert(
      property(uint8Array({ maxLength: 300 }), (bytes) => {
        expect(verifyDetached(DOCUMENT, bytes, all)).toHaveProperty('wrong');
      }),
      { numRuns: numRuns / 20 },
    );
  });

  it('takes no private key, no other curve, no other text', () => {
    expect(readPublicKey('k', text('-----BEGIN EC PRIVATE KEY-----\n'))).toContain('private key');
    expect(readPublicKey('k', text('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'))).toContain(
      'no public key',
    );
    expect(readPublicKey('k', new Uint8Array())).toContain('no public key');
  });
});

describe('a recipe that demands signatures', () => {
  let chips: ChipLibrary;
  beforeAll(async () => {
    chips = await loadChips([fileURLToPath(new URL('../../../resources/chips', import.meta.url))], nodeFiles);
  });
  const recipe = (signature: string) => `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.2.3, address: 0, signature: ${signature} }
serial: { pattern: '^HB[0-9]{6}$' }
`;
  const good = {
    '/r/recipe.yaml': recipe('{ kind: mcuboot, keys: [keys/ed25519.pem], minimumCounter: 7 }'),
    '/r/app.bin': mcuboot('ed25519'),
    '/r/keys/ed25519.pem': VECTORS.keys['ed25519'] ?? '',
  };
  const open = (files: Record<string, string | Uint8Array>): Promise<Release> =>
    openRelease('/r', { chips, files: memoryFiles(files) });
  const failed = async (files: Record<string, string | Uint8Array>) => {
    try {
      await open(files);
    } catch (error) {
      if (error instanceof FlashlineError) return error.failure;
      throw error;
    }
    throw new Error('it was opened');
  };

  it('is opened when they are right; whoever signed is known, and the keys count for the digest', async () => {
    const release = await open(good);
    expect([...release.signers]).toEqual([['application', { kind: 'mcuboot', keys: [VECTORS.keyHashes['ed25519']] }]]);
    const other = { ...good, '/r/keys/ed25519.pem': `${good['/r/keys/ed25519.pem']}\n` };
    expect((await open(other)).digest).not.toBe(release.digest);
    const detached = {
      ...good,
      '/r/recipe.yaml': recipe('{ kind: detached, keys: [keys/ed25519.pem], file: app.sig }'),
      '/r/app.bin': DOCUMENT,
      '/r/app.sig': bytesOf(VECTORS.detached['ed25519']),
    };
    expect([...(await open(detached)).signers.values()]).toEqual([
      { kind: 'detached', keys: [keyNamed('ed25519').id] },
    ]);
  });

  it.each<[string, Record<string, string | Uint8Array>, string, string]>([
    ['an image without one', { '/r/app.bin': mcuboot('unsigned') }, 'signature-missing', 'it has no signature'],
    ['no MCUboot image', { '/r/app.bin': DOCUMENT }, 'signature-missing', 'magic number'],
    ['another’s image', { '/r/app.bin': mcuboot('rsa-2048') }, 'signature-wrong', 'no key of the release'],
    ['a changed image', { '/r/app.bin': flipped(mcuboot('ed25519'), 40, 3) }, 'signature-wrong', 'SHA256 is not'],
    ['a private key', { '/r/keys/ed25519.pem': '-----BEGIN PRIVATE KEY-----' }, 'signature-wrong', 'a private key'],
  ])('is refused with %s: ERROR, the recipe’s, with the reason', async (_, files, code, words) => {
    const failure = await failed({ ...good, ...files });
    expect(failure).toMatchObject({ code, blame: 'recipe', where: { path: 'images[0].signature', line: 6 } });
    expect(failure.params['detail']).toContain(words);
  });

  it('is refused without the key’s file, or with one outside of the release', async () => {
    const { '/r/keys/ed25519.pem': _, ...without } = good;
    expect((await failed(without)).code).toBe('file-missing');
    const outside = { ...good, '/r/recipe.yaml': recipe('{ kind: mcuboot, keys: [../ed25519.pem] }') };
    expect(await failed(outside)).toMatchObject({
      code: 'recipe-invalid',
      where: { path: 'images[0].signature.keys[0]' },
    });
  });
});
