import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { CertificateAlgorithm, CertificateSubject } from '#shared/contract/plant/make-certificate.ts';
import type { IssueAnswer, IssueRequest, SigningKey } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '#shared/model/signing.ts';
import { audit } from '../audit/audit.ts';
import { type KeyAct, requireKey } from './keys.ts';
import { answeredBy, signBy, type SigningParts, signOnce, type StationAct } from './signing.ts';

export interface IssuingParts extends SigningParts {
  readonly random: RandomBytes;
}

/** Issues a certificate for a unit's public key, by a key whose use that is; what holds of signatures holds of it too (signOnce). */
export async function issueCertificate(
  parts: IssuingParts,
  { publicKey, subject, years, ...asked }: IssueRequest,
  act: StationAct,
): Promise<IssueAnswer> {
  const content = { publicKey, subject, years };
  const digest = digestOf(asked.algorithm, content);
  const { key, made } = await signOnce(parts, { ...asked, digest, use: 'certificate' }, act, async (by) => {
    if (by.certificate === null)
      throw refused(by.name, 'it has no certificate of its own yet: flashline plant keys certify');
    requirePublicKey(by.name, publicKey);
    const order = { issuer: fromHex(by.certificate), publicKey: fromHex(publicKey), years, now: act.now };
    return make(parts, by, asked.algorithm, { ...order, subject: { ...subject, commonName: asked.serial } });
  });
  if (made.certificate === null) throw new Error('a certificate without one');
  return { ...answeredBy(asked, key, made), certificate: toHex(made.certificate) };
}

interface Content {
  readonly issuer: Uint8Array | null;
  readonly publicKey: Uint8Array;
  readonly subject: CertificateSubject;
  readonly years: number;
  readonly now: Date;
}

async function make(parts: IssuingParts, key: SigningKey, algorithm: SigningAlgorithm, content: Content) {
  let signature = new Uint8Array();
  const { makeDeviceCertificate } = await import('#shared/contract/plant/make-certificate.ts');
  const order = { ...content, algorithm: certificateAlgorithm(key.name, algorithm), random: parts.random };
  const certificate = await makeDeviceCertificate(order, async (digest) => {
    signature = new Uint8Array(await signBy(parts, key, algorithm, digest));
    return signature;
  });
  // Whatever signed it: what does not verify is never handed out.
  const issuer = createPublicKey({ key: Buffer.from(key.publicKey, 'hex'), format: 'der', type: 'spki' });
  if (!new X509Certificate(certificate).verify(issuer))
    throw refused(key.name, 'what its store signed does not verify');
  return { signature, certificate };
}

/** The key's own certificate, by itself: what devices' certificates are verified by. Rejects with `not-found`, `signing-refused`. */
export async function certifyKey(
  parts: IssuingParts,
  name: string,
  { subject, years }: { readonly subject: CertificateSubject; readonly years: number },
  act: KeyAct,
): Promise<SigningKey> {
  const key = await parts.database.transaction((sql) => requireKey(sql, name));
  requireIssuing(key);
  const algorithm = algorithmOf(key);
  const content = { issuer: null, publicKey: fromHex(key.publicKey), subject, years, now: act.now };
  const { certificate } = await make(parts, key, algorithm, content);
  return keepCertificate(parts, name, certificate, act);
}

/** One that another authority issued for this key. Rejects with `bad-request` for one of another key, or that may not issue. */
export async function adoptCertificate(
  parts: IssuingParts,
  name: string,
  text: string,
  act: KeyAct,
): Promise<SigningKey> {
  const key = await parts.database.transaction((sql) => requireKey(sql, name));
  requireIssuing(key);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(text);
  } catch {
    throw badRequest('this is no certificate in PEM');
  }
  const own = certificate.publicKey.export({ type: 'spki', format: 'der' });
  if (own.toString('hex') !== key.publicKey) throw badRequest(`this certificate is not of the key ${name}`);
  if (!certificate.ca) throw badRequest('this certificate may not issue others (basic constraints: CA)');
  return keepCertificate(parts, name, new Uint8Array(certificate.raw), act);
}

function keepCertificate({ database }: IssuingParts, name: string, certificate: Uint8Array, { who, now }: KeyAct) {
  return database.transaction(async (sql) => {
    await requireKey(sql, name);
    await sql.query('UPDATE signing_keys SET certificate = $2 WHERE name = $1', [name, certificate]);
    const detail = { sha256: createHash('sha256').update(certificate).digest('hex') };
    await audit(sql, { at: now, who, action: 'key.certificate', object: name, detail });
    return requireKey(sql, name);
  });
}

function algorithmOf({ name, kind }: SigningKey): CertificateAlgorithm {
  if (kind === 'ecdsa-p256') return 'ecdsa-p256-sha256';
  if (kind === 'ecdsa-p384') return 'ecdsa-p384-sha384';
  if (kind === 'ed25519') throw refused(name, 'a key of kind ed25519 signs no certificates here');
  return 'rsa-pkcs1-sha256';
}

function certificateAlgorithm(name: string, algorithm: SigningAlgorithm): CertificateAlgorithm {
  if (algorithm !== 'ed25519-sha256' && algorithm !== 'rsa-pss-sha256') return algorithm;
  throw refused(name, `certificates are not signed by ${algorithm}`);
}

function requireIssuing({ name, use }: SigningKey): void {
  if (use !== 'certificate') throw refused(name, 'it is a key for digests only');
}

function requirePublicKey(key: string, hex: string): void {
  try {
    createPublicKey({ key: Buffer.from(hex, 'hex'), format: 'der', type: 'spki' });
  } catch {
    throw refused(key, 'the unit’s public key is none');
  }
}

function digestOf(algorithm: SigningAlgorithm, content: Pick<IssueRequest, 'publicKey' | 'subject' | 'years'>): string {
  const { publicKey, subject, years } = content;
  const text = JSON.stringify([publicKey, subject.organization ?? null, subject.country ?? null, years]);
  return createHash(SIGNING_ALGORITHMS[algorithm].hash).update(text).digest('hex');
}

function refused(key: string, reason: string): FlashlineError {
  return new FlashlineError('signing-refused', { params: { key, reason } });
}

function badRequest(detail: string): FlashlineError {
  return new FlashlineError('bad-request', { params: { detail } });
}
