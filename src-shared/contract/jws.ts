import { calculateJwkThumbprint, CompactSign, compactVerify, errors, importJWK } from 'jose';
import { PublicKeyJwk } from './plant/common.ts';
import type { PublicKey, Signer } from '../base/signer.ts';
import { canonicalJson } from '../model/record-chain.ts';

/** An Ed25519 key pair as RFC 8037 writes it: `d` is the private part. */
export interface PrivateKeyJwk extends PublicKey {
  readonly d: string;
}

export async function jwsSigner(jwk: PrivateKeyJwk): Promise<Signer> {
  const publicKey = PublicKeyJwk.parse(jwk);
  const key = await importJWK({ ...publicKey, d: jwk.d }, 'EdDSA');
  const keyId = await calculateJwkThumbprint(publicKey);
  return {
    keyId,
    publicKey,
    sign: (payload, typ) =>
      new CompactSign(new TextEncoder().encode(canonicalJson(payload)))
        .setProtectedHeader({ alg: 'EdDSA', kid: keyId, typ })
        .sign(key),
  };
}

/** The payload, when `key` signed it as a statement of this kind; else null. */
export async function verifyJws(jws: string, typ: string, key: PublicKey): Promise<unknown> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(PublicKeyJwk.parse(key), 'EdDSA'), {
      algorithms: ['EdDSA'],
    });
    if (protectedHeader.typ !== typ) return null;
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (thrown) {
    // Whatever is wrong with a statement, it is not proven.
    if (thrown instanceof errors.JOSEError || thrown instanceof SyntaxError || thrown instanceof TypeError) return null;
    throw thrown;
  }
}
