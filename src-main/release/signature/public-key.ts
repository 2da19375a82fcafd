import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { toHex } from '#shared/base/bytes.ts';

/** A public key of the release, and the names that formats have for it (lower-case hexadecimal). */
export interface PublicKeyFile {
  readonly file: string;
  readonly key: KeyObject;
  readonly kind: KeyKind;
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly id: string;
}

export type KeyKind = 'rsa-2048' | 'rsa-3072' | 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519';

/** The key, or in words why it is none that counts. A private key is refused: it does not belong into a release. */
export function readPublicKey(file: string, bytes: Uint8Array): PublicKeyFile | string {
  const text = new TextDecoder().decode(bytes);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/u.test(text))
    return 'holds a private key: take it out of the release, and take it as known to others from now on';
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return 'holds no public key in PEM';
  }
  const kind = kindOf(key);
  if (kind === undefined) return 'holds a key of a kind that no signature here has';
  return { file, key, kind, id: sha256(spki(key)) };
}

function kindOf(key: KeyObject): KeyKind | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec')
    return namedCurve === 'prime256v1' ? 'ecdsa-p256' : namedCurve === 'secp384r1' ? 'ecdsa-p384' : undefined;
  if (key.asymmetricKeyType !== 'rsa') return undefined;
  return modulusLength === 2048 ? 'rsa-2048' : modulusLength === 3072 ? 'rsa-3072' : undefined;
}

function spki(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}

/** The bytes that MCUboot makes its KEYHASH of: of RSA keys PKCS #1, of others SubjectPublicKeyInfo. */
export function mcubootKeyBytes({ key, kind }: PublicKeyFile): Uint8Array {
  return kind.startsWith('rsa') ? new Uint8Array(key.export({ type: 'pkcs1', format: 'der' })) : spki(key);
}

/** What stands in a block of Secure Boot v2 for this key; undefined for keys that it does not know. */
export function espKeyBytes({ key, kind }: PublicKeyFile): Uint8Array | undefined {
  const { n = '', e = '', x = '', y = '' } = key.export({ format: 'jwk' });
  const littleEndian = (text: string, size: number) => {
    const bytes = new Uint8Array(size);
    bytes.set(new Uint8Array(Buffer.from(text, 'base64url')).reverse().subarray(0, size));
    return bytes;
  };
  if (kind === 'ecdsa-p256') return Uint8Array.of(2, ...littleEndian(x, 32), ...littleEndian(y, 32));
  if (kind !== 'rsa-3072') return undefined;
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
  // What the chip's accelerator multiplies by (Montgomery): R = 2^6144 mod N, M' = -(1 / N) mod 2^32.
  const r = (1n << 6144n) % modulus;
  const prime = BigInt.asUintN(32, -inverse32(modulus));
  return Uint8Array.of(
    ...littleEndian(n, 384),
    ...littleEndian(e, 4),
    ...littleEndian(base64url(r, 384), 384),
    ...littleEndian(base64url(prime, 4), 4),
  );
}

/** Of an odd number modulo 2^32; each step doubles the bits that are right (Newton). */
function inverse32(value: bigint): bigint {
  let x = 1n;
  for (let bits = 1; bits < 32; bits *= 2) x = BigInt.asUintN(32, x * (2n - value * x));
  return x;
}

function base64url(value: bigint, size: number): string {
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex').toString('base64url');
}

export function sha256(bytes: Uint8Array, algorithm = 'sha256'): string {
  return toHex(new Uint8Array(createHash(algorithm).update(bytes).digest()));
}
