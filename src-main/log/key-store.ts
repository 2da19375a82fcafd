import { createPrivateKey, createPublicKey } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import type { PublicKey, Signer } from '#shared/base/signer.ts';
import { jwsSigner } from '#shared/contract/jws.ts';
import { PublicKeyJwk } from '#shared/contract/plant/common.ts';
import { type KeyKind, openSealedFile, publicPartAt, type SealedFileOptions } from './sealed-file.ts';

export type { KeySeal, SealedFileOptions as KeyStoreOptions } from './sealed-file.ts';

/** The private part: 32 bytes, base64url. */
const Secret = z.string().regex(/^[\w-]{43}$/);

const STATION_KEY: KeyKind<PublicKey> = {
  publicKey: PublicKeyJwk,
  secret: Secret,
  note: 'NOT SEALED: whoever can read this file can sign as this station',
  async make() {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const jwk = await exportJWK(privateKey);
    return { publicKey: PublicKeyJwk.parse(jwk), secret: Secret.parse(jwk.d) };
  },
  fits: ({ secret, publicKey }) => publicPart(secret, publicKey) === publicKey.x,
};

/** The station's own key pair: it says who signs, and how far the log reaches. Throws `key-unavailable`. */
export async function openKeyStore(options: SealedFileOptions): Promise<Signer> {
  const { publicKey, secret } = await openSealedFile(options, STATION_KEY);
  return jwsSigner({ ...publicKey, d: secret });
}

/** The public part alone, which needs no key store; null where no key was made yet. Throws `key-unavailable`. */
export function publicKeyAt(file: string): PublicKey | null {
  return publicPartAt(file, STATION_KEY);
}

function publicPart(secret: string, { kty, crv, x }: PublicKey): string | undefined {
  return createPublicKey(createPrivateKey({ key: { kty, crv, x, d: secret }, format: 'jwk' })).export({ format: 'jwk' })
    .x;
}
