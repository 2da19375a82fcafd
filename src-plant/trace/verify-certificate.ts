import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { Certificate } from '#shared/contract/plant/web-messages.ts';
import type { Keyring } from '../keyring/keyring.ts';

export interface CheckedCertificate {
  /** Null when it is not this plant's, with the reason in words. */
  readonly certificate: Certificate | null;
  readonly reason: string | null;
}

/** By the plant's key, or by one that it had before: a certificate outlives the key that signed it. */
export async function verifyCertificate(keyring: Keyring, jws: string): Promise<CheckedCertificate> {
  const payload = await keyring.verify(jws, STATEMENTS.certificate);
  if (payload === null)
    return { certificate: null, reason: 'This plant did not sign it as a certificate, or it was changed since.' };
  const parsed = Certificate.safeParse(payload);
  if (parsed.success) return { certificate: parsed.data, reason: null };
  return { certificate: null, reason: 'This plant signed it, but it is no certificate that this version can read.' };
}
