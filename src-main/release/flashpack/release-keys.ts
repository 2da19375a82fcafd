import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { FlashlineError } from '#shared/model/failure.ts';
import { ReleasePrivateKey, ReleasePublicKey } from '#shared/release/release-signature.ts';
import { type Files, fileFailure } from '../files.ts';

/** A key is some hundred bytes. */
const MAX_KEY_BYTES = 16 * 1024;

/** PEM (PKCS #8, SEC 1) or JWK: an Ed25519 or P-256 private key. Rejects with `release-key-unusable`; says nothing of what is in it. */
export async function readPrivateKey(file: string, files: Files): Promise<ReleasePrivateKey> {
  const text = await readText(file, files);
  if (/ENCRYPTED/.test(text))
    throw unusable(
      file,
      'it is locked with a passphrase; unlock it first, for example: openssl pkey -in it -out key.pem',
    );
  const parsed = ReleasePrivateKey.safeParse(jwkOf(text, createPrivateKey));
  if (parsed.success) return parsed.data;
  throw unusable(file, 'it is no private key for Ed25519 or ECDSA P-256, as PEM (PKCS #8) or JWK');
}

/** PEM (SPKI) or JWK. Rejects with `release-key-unusable`, also for a private key: nobody should carry one to a station. */
export async function readPublicKey(file: string, files: Files): Promise<ReleasePublicKey> {
  const text = await readText(file, files);
  const isPrivate = /PRIVATE KEY/.test(text) || /"d"\s*:/.test(text);
  if (isPrivate) {
    const detail =
      'it is a private key, which must not come near a station: openssl pkey -in it -pubout makes its public part';
    throw unusable(file, detail);
  }
  const parsed = ReleasePublicKey.safeParse(jwkOf(text, createPublicKey));
  if (parsed.success) return parsed.data;
  throw unusable(file, 'it is no public key for Ed25519 or ECDSA P-256, as PEM (SPKI) or JWK');
}

/** Whatever cannot be read as a key is none: what a parser says of it may quote it. */
function jwkOf(text: string, read: (pem: string) => KeyObject): unknown {
  try {
    return text.trimStart().startsWith('{') ? JSON.parse(text) : read(text).export({ format: 'jwk' });
  } catch {
    return undefined;
  }
}

async function readText(file: string, files: Files): Promise<string> {
  const bytes = await files.read(file, MAX_KEY_BYTES).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
  return new TextDecoder().decode(bytes);
}

function unusable(file: string, detail: string): FlashlineError<'release-key-unusable'> {
  return new FlashlineError('release-key-unusable', { where: { file }, params: { file, detail } });
}
