import { z } from 'zod';
import { FailureCode, Verdict } from '../../model/failure.ts';
import { UnitRecord } from '../../model/unit-record.ts';
import { Instant, Label, Name, Sha256 } from './common.ts';
import { PlantRole } from './endpoint.ts';

export const Person = z.object({
  name: Name,
  roles: z.array(PlantRole),
  /** What a buyer may see; for others empty, which means everything. */
  products: z.array(Label),
});
export type Person = z.infer<typeof Person>;

/** One run in a unit's history. */
export const TracedRun = z.object({
  record: UnitRecord,
  /** When the plant had it on its disk. */
  receivedAt: Instant,
  /** Whether the station's signature over its chain reaches this record. */
  signed: z.boolean(),
});
export type TracedRun = z.infer<typeof TracedRun>;

export const Finding = z.object({
  id: z.number().int(),
  /** `duplicate-serial`: one serial passed on two boards; `duplicate-uid`: one board passed under two serials; others are the chain's. */
  kind: z.enum(['duplicate-serial', 'duplicate-uid', 'duplicate-mac', 'chain-forked', 'records-lost', 'clock-skew']),
  product: z.string().nullable(),
  serial: z.string().nullable(),
  station: z.string().nullable(),
  detail: z.record(z.string(), z.string()),
  foundAt: Instant,
  settledAt: Instant.nullable(),
  settledBy: z.string().nullable(),
});
export type Finding = z.infer<typeof Finding>;

export const UnitTrace = z.object({
  serial: z.string(),
  product: z.object({ id: z.string(), revision: z.string(), name: z.string() }),
  /** Newest first. */
  runs: z.array(TracedRun),
  /** Older runs that are not among these; left out when there are none. */
  older: z.number().int().optional(),
  findings: z.array(Finding),
});
export type UnitTrace = z.infer<typeof UnitTrace>;

/** What the plant signs of one unit: what is on it now, by the last PASS. */
export const Certificate = z.object({
  plant: Name,
  serial: z.string(),
  uid: z.string().nullable(),
  product: z.object({ id: z.string(), revision: z.string(), name: z.string() }),
  chip: z.string(),
  release: Sha256,
  images: z.array(z.object({ role: z.string(), version: z.string(), size: z.number(), sha256: Sha256 })),
  signingKeys: z.array(z.string()),
  locks: z.record(z.string(), z.string()),
  station: z.string(),
  finishedAt: Instant,
  /** Of the unit record that all this is taken from, in its station's chain. */
  record: z.object({ sequence: z.number().int(), hash: Sha256, chain: Sha256 }),
  issuedAt: Instant,
});
export type Certificate = z.infer<typeof Certificate>;

/**
 * What a text that somebody holds is. `changed`: it names a key of this plant's and is not what that key signed. `newer`: signed
 * here, with content that this version does not know. From `empty` on it can be nobody's certificate.
 */
export const CertificateVerdict = z.enum([
  'authentic',
  'changed',
  'other-key',
  'other-statement',
  'newer',
  'empty',
  'too-large',
  'other-file',
  'truncated',
  'no-certificate',
]);
export type CertificateVerdict = z.infer<typeof CertificateVerdict>;

/** One fact that is otherwise: `images.application.sha256`, `locks.APPROTECT`; null where one side has no such fact. */
export const CertificateDifference = z.object({
  fact: z.string(),
  text: z.string().nullable(),
  plant: z.string().nullable(),
});
export type CertificateDifference = z.infer<typeof CertificateDifference>;

export const CertificateCheck = z.object({
  verdict: CertificateVerdict,
  /** Proven to be what the plant signed; else null. */
  certificate: Certificate.nullable(),
  /** In English, for whoever reads the answer raw; null for an authentic one. */
  reason: z.string().nullable(),
  /** The key that signed it: thumbprint (RFC 7638) and the key itself; `current` is false for one that the plant had before. */
  key: z.object({ id: z.string(), x: z.string(), current: z.boolean() }).nullable(),
  /** Which key the text says that it is signed by. */
  namedKey: z.string().nullable(),
  /** What a text that is not authentic says. Nobody vouches for any of it. */
  claims: Certificate.nullable(),
  /**
   * Only for whoever may see the unit anyway: what the plant itself knows. `signed`: against the run that the text speaks of;
   * `now`: against what the unit carries today, by its last PASS; `unproven`: since then a run changed the unit and did not pass.
   */
  compared: z
    .object({ with: z.enum(['signed', 'now', 'unproven']), differs: z.array(CertificateDifference) })
    .nullable(),
});
export type CertificateCheck = z.infer<typeof CertificateCheck>;

export const FoundUnit = z.object({
  serial: z.string(),
  product: z.string(),
  uid: z.string().nullable(),
  station: z.string(),
  finishedAt: Instant,
  verdict: Verdict,
  /** Whether the unit's last PASS carries what was asked for: else it was replaced since, or never proven. */
  carriesNow: z.boolean(),
});
export type FoundUnit = z.infer<typeof FoundUnit>;

const Counts = {
  attempted: z.number().int(),
  passedFirst: z.number().int(),
  passedLater: z.number().int(),
};

export const YieldCell = z.object({
  /** Start of the hour or day, UTC. */
  at: Instant,
  product: z.string(),
  process: z.string(),
  station: z.string(),
  ...Counts,
});

export const YieldReport = z.object({
  cells: z.array(YieldCell),
  /** Runs (not units) by how they ended, over the same range; `code` is empty for a PASS. */
  ends: z.array(z.object({ verdict: Verdict, code: z.union([FailureCode, z.literal('')]), runs: z.number().int() })),
});
export type YieldReport = z.infer<typeof YieldReport>;

export const PlantRelease = z.object({
  digest: Sha256,
  product: z.string(),
  revision: z.string(),
  version: z.string(),
  state: z.enum(['uploaded', 'approved', 'published', 'withdrawn']),
  size: z.number().int(),
  sha256: Sha256,
  images: z.array(z.object({ role: z.string(), version: z.string(), file: z.string(), sha256: Sha256 })),
  uploadedBy: z.string(),
  uploadedAt: Instant,
  approvedBy: z.string().nullable(),
  approvedAt: Instant.nullable(),
  publishedAt: Instant.nullable(),
  withdrawnBy: z.string().nullable(),
  withdrawnAt: Instant.nullable(),
  reason: z.string().nullable(),
});
export type PlantRelease = z.infer<typeof PlantRelease>;

export const PlantOrder = z.object({
  id: Name,
  product: z.string(),
  release: Sha256,
  quantity: z.number().int(),
  passed: z.number().int(),
  attempted: z.number().int(),
  state: z.enum(['open', 'closed']),
  createdBy: z.string(),
  createdAt: Instant,
});
export type PlantOrder = z.infer<typeof PlantOrder>;

export const PlantPool = z.object({
  id: Name,
  kind: z.enum(['serial', 'mac']),
  product: z.string().nullable(),
  prefix: z.string(),
  digits: z.number().int(),
  first: z.number().int(),
  last: z.number().int(),
  /** Not leased to anybody yet. */
  left: z.number().int(),
  block: z.number().int(),
  leases: z.array(
    z.object({
      lease: z.string(),
      station: z.string(),
      first: z.number().int(),
      last: z.number().int(),
      next: z.number().int(),
      until: Instant,
      over: z.boolean(),
    }),
  ),
});
export type PlantPool = z.infer<typeof PlantPool>;

export const PlantStation = z.object({
  name: Name,
  state: z.enum(['invited', 'enrolled', 'revoked']),
  enrolledAt: Instant.nullable(),
  lastSeenAt: Instant.nullable(),
  appVersion: z.string().nullable(),
  pending: z.number().int().nullable(),
  /** Age of the oldest record that it has not sent, when it was last heard of. */
  oldestAt: Instant.nullable(),
  skewMs: z.number().nullable(),
  release: Sha256.nullable(),
  leaseUntil: Instant.nullable(),
  records: z.number().int(),
});
export type PlantStation = z.infer<typeof PlantStation>;

export const PlantUser = Person.extend({
  active: z.boolean(),
  hasPassword: z.boolean(),
  hasBadge: z.boolean(),
  lastSignedInAt: Instant.nullable(),
});
export type PlantUser = z.infer<typeof PlantUser>;

export const AuditEntry = z.object({
  id: z.number().int(),
  at: Instant,
  who: z.string(),
  action: z.string(),
  object: z.string(),
  detail: z.record(z.string(), z.string()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const BuyerLink = z.object({
  id: z.number().int(),
  products: z.array(Label),
  note: z.string(),
  createdBy: z.string(),
  createdAt: Instant,
  until: Instant,
  revokedAt: Instant.nullable(),
});
export type BuyerLink = z.infer<typeof BuyerLink>;
