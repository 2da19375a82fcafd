import { calculateJwkThumbprint } from 'jose';
import type { PublicKey } from '../../base/signer.ts';
import { verifyJws } from '../jws.ts';
import { type CertificateText, readCertificateText } from './certificate-text.ts';
import { STATEMENTS } from './station-api.ts';
import { Certificate, type CertificateVerdict } from './web-messages.ts';

export interface CheckedText {
  readonly verdict: CertificateVerdict;
  /** The key that signed it, where one of those did. */
  readonly key: { readonly id: string; readonly x: string; readonly current: boolean } | null;
  /** Which key it says that it is signed by. */
  readonly namedKey: string | null;
  /** What it says: proven where the verdict is `authentic`, else by nobody. Null where that is no certificate's content. */
  readonly says: Certificate | null;
  readonly jws: string | null;
}

/** `keys`: the plant's, newest first; a certificate outlives the key that signed it. */
export async function checkCertificate(text: string, keys: readonly PublicKey[]): Promise<CheckedText> {
  const read = readCertificateText(text);
  if (typeof read === 'string') return { verdict: read, key: null, namedKey: null, says: null, jws: null };
  const { jws, keyId: namedKey, claims } = read;
  const says = Certificate.safeParse(claims).data ?? null;
  const ids = await Promise.all(keys.map((key) => calculateJwkThumbprint(key)));
  const told = { namedKey, says, jws };
  for (const [index, key] of keys.entries()) {
    if (!(await isSignedBy(read, key))) continue;
    const signed = { ...told, key: { id: ids[index] ?? '', x: key.x, current: index === 0 } };
    if (read.typ !== STATEMENTS.certificate) return { ...signed, verdict: 'other-statement' };
    return { ...signed, verdict: says === null ? 'newer' : 'authentic' };
  }
  return { ...told, key: null, verdict: namedKey !== null && ids.includes(namedKey) ? 'changed' : 'other-key' };
}

async function isSignedBy({ jws, typ }: CertificateText, key: PublicKey): Promise<boolean> {
  return typ !== null && (await verifyJws(jws, typ, key)) !== null;
}
