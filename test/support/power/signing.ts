import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
  sign,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { concat, fromHex, writeU32 } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';

/** PKCS #8 of an Ed25519 key is this, then the key's 32 bytes (RFC 8410, section 7). */
const ED25519_PREFIX = '302e020100300506032b657004220420';

export interface Signer {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly der: Buffer;
  readonly pem: string;
}

function signerOf(key: KeyObject): Signer {
  const pub = createPublicKey(key);
  return {
    key,
    der: pub.export({ format: 'der', type: 'spki' }),
    pem: pub.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

/** Ed25519: its signatures are the same each time. */
export const ED25519 = signerOf(
  createPrivateKey({
    key: Buffer.concat([Buffer.from(ED25519_PREFIX, 'hex'), Buffer.alloc(32, 77)]),
    format: 'der',
    type: 'pkcs8',
  }),
);

const EspKey = z.object({ jwk: z.record(z.string(), z.string()) });
const { jwk } = EspKey.parse(JSON.parse(readFileSync(new URL('esp-key.json', import.meta.url), 'utf8')));
export const RSA = signerOf(createPrivateKey({ key: jwk, format: 'jwk' }));

export function signPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, bytes, ED25519.key));
}

/** As imgtool makes it: header of 32 bytes, firmware, hash, hash of the key, signature over the hash. */
export function mcubootImage(firmware: Uint8Array, [major, minor]: readonly [number, number]): Uint8Array {
  const header = new Uint8Array(32);
  writeU32(header, 0, 0x96f3b83d);
  header[8] = 32;
  writeU32(header, 12, firmware.length);
  header[20] = major;
  header[21] = minor;
  const signed = concat([header, firmware]);
  const digest = createHash('sha256').update(signed).digest();
  const tlvs = [
    [0x10, digest],
    [0x01, createHash('sha256').update(ED25519.der).digest()],
    [0x24, sign(null, digest, ED25519.key)],
  ] as const;
  const area = concat(tlvs.map(([type, value]) => concat([Uint8Array.of(type, 0, value.length, 0), value])));
  const size = area.length + 4;
  return concat([signed, Uint8Array.of(0x07, 0x69, size & 0xff, size >> 8), area]);
}

/** The image with the signature sector of Secure Boot v2 behind it. */
export function espSigned(image: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(image.length / 0x1000) * 0x1000).fill(0xff);
  padded.set(image);
  const digest = createHash('sha256').update(padded).digest();
  const block = new Uint8Array(1216);
  block.set([0xe7, 2]);
  block.set(digest, 4);
  block.set(espKey(), 36);
  block.set(pss(digest).toReversed(), 812);
  writeU32(block, 1196, crc32(block.subarray(0, 1196)));
  const sector = new Uint8Array(0x1000).fill(0xff);
  sector.set(block);
  return concat([padded, sector]);
}

/** What a chip's eFuses hold of the key. */
export function espKeyDigest(): string {
  return createHash('sha256').update(espKey()).digest('hex');
}

/** Modulus, exponent, and what the chip's multiplier wants beside them (R squared, -1/n modulo 2^32); lowest bytes first. */
function espKey(): Uint8Array {
  const n = BigInt(`0x${Buffer.from(jwk['n'] ?? '', 'base64url').toString('hex')}`);
  const little = (value: bigint, size: number) => fromHex(value.toString(16).padStart(size * 2, '0')).toReversed();
  let inverse = 1n;
  for (let bits = 0; bits < 5; bits++) inverse = (inverse * (2n - n * inverse)) & 0xffffffffn;
  const r = (1n << 6144n) % n;
  return concat([little(n, 384), little(65537n, 4), little(r, 384), little((1n << 32n) - inverse, 4)]);
}

/** EMSA-PSS (RFC 8017, 9.1.1) with a salt that is always the same, so that two runs of a test flash the same bytes. */
function pss(digest: Uint8Array): Uint8Array {
  const salt = new Uint8Array(32).fill(0x5a);
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  const hash = sha256(concat([new Uint8Array(8), digest, salt]));
  const room = 384 - hash.length - 1;
  const data = new Uint8Array(room);
  data[room - salt.length - 1] = 1;
  data.set(salt, room - salt.length);
  for (let at = 0, counter = 0; at < room; at += 32, counter++) {
    const mask = sha256(concat([hash, Uint8Array.of(0, 0, 0, counter)]));
    for (let i = 0; i < 32 && at + i < room; i++) data[at + i] = (data[at + i] ?? 0) ^ (mask[i] ?? 0);
  }
  data[0] = (data[0] ?? 0) & 0x7f;
  const encoded = concat([data, hash, Uint8Array.of(0xbc)]);
  return new Uint8Array(privateEncrypt({ key: RSA.key, padding: constants.RSA_NO_PADDING }, encoded));
}
