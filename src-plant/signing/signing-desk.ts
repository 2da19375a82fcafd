import type { RandomBytes } from '#shared/base/clock.ts';
import type {
  IssueAnswer,
  IssueRequest,
  PolicyChange,
  SignAnswer,
  SigningKey,
  SignRequest,
} from '#shared/contract/plant/signing-api.ts';
import type { CertificateSubject } from '#shared/contract/plant/make-certificate.ts';
import type { Database } from '../database/database.ts';
import { adoptCertificate, certifyKey, issueCertificate } from './issue.ts';
import type { KeyStores } from './key-stores.ts';
import { changePolicy, createKey, type KeyAct, listKeys, type NewKey } from './keys.ts';
import { madeSignatures, type SignaturePage } from './made-signatures.ts';
import type { SigningCounts } from './signing-counts.ts';
import { signDigest, type StationAct } from './signing.ts';

/** Everything that is done with keys; no call of it hands one out. */
export interface SigningDesk {
  /** Those that sign for one of these products; null for all. */
  list(scope: readonly string[] | null): Promise<SigningKey[]>;
  create(key: NewKey, act: KeyAct): Promise<SigningKey>;
  changePolicy(name: string, change: PolicyChange, act: KeyAct): Promise<SigningKey>;
  certify(
    name: string,
    own: { readonly subject: CertificateSubject; readonly years: number },
    act: KeyAct,
  ): Promise<SigningKey>;
  adoptCertificate(name: string, pem: string, act: KeyAct): Promise<SigningKey>;
  sign(asked: SignRequest, act: StationAct): Promise<SignAnswer>;
  issue(asked: IssueRequest, act: StationAct): Promise<IssueAnswer>;
  made(key: string, page: SignaturePage): ReturnType<typeof madeSignatures>;
}

export interface SigningDeskParts {
  readonly database: Database;
  readonly stores: KeyStores;
  readonly counts: SigningCounts;
  readonly random: RandomBytes;
}

export function createSigningDesk(parts: SigningDeskParts): SigningDesk {
  const { database } = parts;
  return {
    list: (scope) => listKeys(database, scope),
    create: (key, act) => createKey(parts, key, act),
    changePolicy: (name, change, act) => changePolicy(database, name, change, act),
    certify: (name, own, act) => certifyKey(parts, name, own, act),
    adoptCertificate: (name, pem, act) => adoptCertificate(parts, name, pem, act),
    sign: (asked, act) => signDigest(parts, asked, act),
    issue: (asked, act) => issueCertificate(parts, asked, act),
    made: (key, page) => madeSignatures(database, key, page),
  };
}
