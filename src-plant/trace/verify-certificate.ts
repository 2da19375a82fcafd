import { checkCertificate, type CheckedText } from '#shared/contract/plant/check-certificate.ts';
import type { CertificateCheck, CertificateVerdict } from '#shared/contract/plant/web-messages.ts';
import type { Sql } from '../database/database.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { compareCertificate } from './compare-certificate.ts';

export interface CertificateDesk {
  readonly database: Sql;
  readonly keyring: Keyring;
  /** The plant's name. */
  readonly plant: string;
}

export interface QuestionedText {
  readonly text: string;
  /** The products whose units may be told of, beyond what the plant's own signature proves; null for all. */
  readonly scope: readonly string[] | null;
  readonly now: Date;
}

const REASONS: Readonly<Record<Exclude<CertificateVerdict, 'authentic'>, string>> = {
  changed: 'It names a key of this plant, and is not what that key signed: it was changed since.',
  'other-key': 'It is signed by another key than this plant’s.',
  'other-statement': 'This plant signed it, but not as a certificate.',
  newer: 'This plant signed it, but it is no certificate that this version can read.',
  empty: 'There is no text.',
  'too-large': 'It is far larger than any certificate.',
  'other-file': 'It is a web page or another kind of file, not the signed text.',
  truncated: 'A part of the signed text is missing.',
  'no-certificate': 'It is no signed text.',
};

export async function verifyCertificate(
  desk: CertificateDesk,
  { text, scope, now }: QuestionedText,
): Promise<CertificateCheck> {
  const { verdict, key, namedKey, says }: CheckedText = await checkCertificate(text, desk.keyring.publicKeys);
  const isAuthentic = verdict === 'authentic';
  const where = { plant: desk.plant, scope, now, isAuthentic };
  const isOurs = isAuthentic || verdict === 'changed';
  return {
    verdict,
    certificate: isAuthentic ? says : null,
    reason: isAuthentic ? null : REASONS[verdict],
    key,
    namedKey,
    claims: isAuthentic ? null : says,
    compared: isOurs && says !== null ? await compareCertificate(desk.database, says, where) : null,
  };
}
