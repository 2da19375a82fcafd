import { compactVerify, errors, importJWK } from 'jose';
import type { z } from 'zod';
import type { PublicKey } from '../../base/signer.ts';

/**
 * What a compact JWS says, when `key` signed it as a statement of this `typ` (STATEMENTS) and it has the shape of `schema`;
 * null when any of that is not proven. No time is looked at.
 */
export async function readStatement<S extends z.ZodType>(
  jws: string,
  typ: string,
  key: PublicKey,
  schema: S,
): Promise<z.output<S> | null> {
  try {
    const { kty, crv, x } = key;
    const verified = await compactVerify(jws, await importJWK({ kty, crv, x }, 'EdDSA'), { algorithms: ['EdDSA'] });
    if (verified.protectedHeader.typ !== typ) return null;
    const text = new TextDecoder('utf-8', { fatal: true }).decode(verified.payload);
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch (thrown) {
    // Whatever is wrong with a statement, it is not proven.
    if (thrown instanceof errors.JOSEError || thrown instanceof SyntaxError || thrown instanceof TypeError) return null;
    throw thrown;
  }
}
