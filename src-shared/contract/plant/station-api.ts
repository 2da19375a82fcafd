import { z } from 'zod';
import { API, Done, Instant, Jws, Label, Name, PublicKeyJwk, Sha256 } from './common.ts';
import { endpoint, PlantRole } from './endpoint.ts';

/** The `typ` of each statement that is signed, by whom. */
export const STATEMENTS = {
  /** Station: ChainHead. */
  chainHead: 'flashline-chain-head+jwt',
  /** Station: ChallengeAnswer. */
  challenge: 'flashline-challenge+jwt',
  /** Plant: StationDocument. */
  stationDocument: 'flashline-station-document+jwt',
  /** Plant: NumberLease. */
  numberLease: 'flashline-number-lease+jwt',
  /** Plant: UnitDataStatement. */
  unitData: 'flashline-unit-data+jwt',
  /** Plant: Certificate. */
  certificate: 'flashline-certificate+jwt',
} as const;

/** How far a station's chain reaches. `chain` is the hash of its first record: it names the chain. */
export const ChainHead = z.object({ chain: Sha256, sequence: z.number().int().min(1), hash: Sha256 });
export type ChainHead = z.infer<typeof ChainHead>;

export const ChallengeAnswer = z.object({ station: z.string(), challenge: z.string() });

/** Of a simulated unit's record: the plant keeps no such record, and needs the link to follow the chain over it. */
export const ChainLink = z.object({
  sequence: z.number().int().min(1),
  previousHash: Sha256,
  hash: Sha256,
});
export type ChainLink = z.infer<typeof ChainLink>;

/**
 * Records that are lost for good: a damaged log had them, and neither a backup nor the plant has. `previousHash` is of the record
 * before `first` (GENESIS_HASH where `first` is 1), `hash` is what the record after `last` names as the one before it.
 */
export const ChainGap = z.strictObject({
  first: z.number().int().min(1),
  last: z.number().int().min(1),
  previousHash: Sha256,
  hash: Sha256,
});
export type ChainGap = z.infer<typeof ChainGap>;

/** Each in chain order, no place left out: a record as the station keeps it, a link, or a gap. */
export const BatchItem = z.union([
  z.strictObject({ record: z.record(z.string(), z.unknown()) }),
  z.strictObject({ link: ChainLink }),
  z.strictObject({ gap: ChainGap }),
]);
export type BatchItem = z.infer<typeof BatchItem>;

/** Records in one batch, at most; a station halves its batches when one is refused as too large. */
export const MAX_BATCH_RECORDS = 1000;
export const MAX_BATCH_BYTES = 16 * 1024 * 1024;

export const RecordBatch = z.strictObject({
  chain: Sha256,
  /** JWS of ChainHead at or after the batch's last item, by the station's key; null where the key cannot be used now. */
  head: Jws.nullable(),
  items: z.array(BatchItem).min(1).max(MAX_BATCH_RECORDS),
});
export type RecordBatch = z.infer<typeof RecordBatch>;

export const IngestAnswer = z.object({
  /** How far the plant has this chain now: everything up to here is on its disk. */
  sequence: z.number().int(),
  hash: Sha256,
  accepted: z.number().int(),
  /** Had been there already, and were the same. */
  repeated: z.number().int(),
});
export type IngestAnswer = z.infer<typeof IngestAnswer>;

/** What a station tells of itself with each visit. */
export const StationReport = z.strictObject({
  appVersion: Label,
  /** Records that the plant does not have yet, and how old the oldest is. */
  pending: z.number().int().min(0),
  oldestAt: Instant.nullable(),
  /** The station's clock minus the plant's, in milliseconds, as the station found it. */
  skewMs: z.number().nullable(),
  release: Sha256.nullable(),
});
export type StationReport = z.infer<typeof StationReport>;

/** A person as stations know them. `badge` is the SHA-256 of the badge's code; null for who has none. */
export const StationUser = z.object({
  name: Name,
  roles: z.array(PlantRole),
  badge: Sha256.nullable(),
});
export type StationUser = z.infer<typeof StationUser>;

export const StationRelease = z.object({
  /** Of recipe and images (release digest); what a record names. */
  digest: Sha256,
  product: Label,
  revision: Label,
  version: Label,
  /** Of the package's bytes as they are fetched. */
  sha256: Sha256,
  size: z.number().int(),
  publishedAt: Instant,
});
export type StationRelease = z.infer<typeof StationRelease>;

export const StationOrder = z.object({
  id: Name,
  product: Label,
  release: Sha256,
  quantity: z.number().int(),
  passed: z.number().int(),
});
export type StationOrder = z.infer<typeof StationOrder>;

export const StationPool = z.object({
  id: Name,
  kind: z.enum(['serial', 'mac']),
  /** Null: for every product. */
  product: Label.nullable(),
  block: z.number().int(),
});
export type StationPool = z.infer<typeof StationPool>;

/** All that a station needs to work alone, signed by the plant. Used only once its signature has been verified. */
export const StationDocument = z.object({
  station: Name,
  /** Grows with each issue: an older document never replaces a newer one. */
  serial: z.number().int(),
  issuedAt: Instant,
  /** Until then the station may work without hearing from the plant. */
  leaseUntil: Instant,
  releases: z.array(StationRelease),
  /** Release digests that must not be used any more. */
  withdrawn: z.array(Sha256),
  orders: z.array(StationOrder),
  pools: z.array(StationPool),
  users: z.array(StationUser),
});
export type StationDocument = z.infer<typeof StationDocument>;

/** A block of numbers for one station, first to last, both included. */
export const NumberLease = z.object({
  lease: z.string(),
  station: Name,
  pool: Name,
  kind: z.enum(['serial', 'mac']),
  /** For `serial`: text around the number, which is padded with zeros to `digits`. For `mac`: empty, and 12 hex digits. */
  prefix: z.string(),
  digits: z.number().int(),
  first: z.number().int(),
  last: z.number().int(),
  issuedAt: Instant,
  /** Not taken from after this. */
  until: Instant,
});
export type NumberLease = z.infer<typeof NumberLease>;

export const Admission = z.object({
  /** A PASS of this serial (or of this hardware id) that the plant knows, at whichever station. */
  passed: z
    .object({ serial: z.string(), uid: z.string().nullable(), station: z.string(), finishedAt: Instant })
    .nullable(),
  /** Has the serial passed the step asked for? Null where none was asked for. */
  route: z.boolean().nullable(),
  /** Of the addresses asked for: those that passed on another unit. Left out where none were asked for. */
  macs: z.array(z.object({ mac: z.string(), serial: z.string(), product: z.string() })).optional(),
});
export type Admission = z.infer<typeof Admission>;

/** What stations ask of the plant. */
export const stationEndpoints = {
  'station.enrol': endpoint({
    method: 'POST',
    path: `${API}/station/enrol`,
    access: 'none',
    summary: 'Takes a one-time code, and with it the public key by which the station is known from now on',
    body: z.strictObject({ code: z.string().max(256), publicKey: PublicKeyJwk, appVersion: Label }),
    answer: z.object({ station: Name, plant: z.object({ name: Name, publicKey: PublicKeyJwk }) }),
  }),
  'station.challenge': endpoint({
    method: 'POST',
    path: `${API}/station/challenge`,
    access: 'none',
    summary: 'Something fresh to sign, so that no clock is needed to prove who a station is',
    body: z.strictObject({ station: Name }),
    answer: z.object({ challenge: z.string() }),
  }),
  'station.session': endpoint({
    method: 'POST',
    path: `${API}/station/session`,
    access: 'none',
    summary: 'A signed challenge (ChallengeAnswer) for a session token',
    body: z.strictObject({ answer: Jws }),
    answer: z.object({ token: z.string(), expiresInMs: z.number() }),
  }),
  'station.report': endpoint({
    method: 'POST',
    path: `${API}/station/report`,
    access: 'station',
    summary: 'A station tells how it is, and is handed its signed document (StationDocument)',
    body: StationReport,
    answer: z.object({ now: Instant, document: Jws }),
  }),
  'station.records': endpoint({
    method: 'POST',
    path: `${API}/station/records`,
    access: 'station',
    summary: 'Unit records in chain order; the same batch may be sent as often as it takes',
    body: RecordBatch,
    answer: IngestAnswer,
    maxBytes: MAX_BATCH_BYTES,
  }),
  'station.head': endpoint({
    method: 'GET',
    path: `${API}/station/chains/:chain/head`,
    access: 'station',
    summary: 'How far the plant has a chain of this station; sequence 0 for none of it',
    params: z.strictObject({ chain: Sha256 }),
    answer: z.object({ sequence: z.number().int(), hash: Sha256 }),
  }),
  'station.own-records': endpoint({
    method: 'GET',
    path: `${API}/station/chains/:chain/records`,
    access: 'station',
    summary: 'A station’s own records and links, in chain order, to repair a damaged log from',
    params: z.strictObject({ chain: Sha256 }),
    query: z.strictObject({
      after: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(MAX_BATCH_RECORDS).default(500),
    }),
    answer: z.object({ items: z.array(BatchItem), next: z.number().int().nullable() }),
  }),
  'station.lease': endpoint({
    method: 'POST',
    path: `${API}/station/leases`,
    access: 'station',
    summary: 'A block of numbers from a pool (NumberLease)',
    body: z.strictObject({
      pool: Name,
      /** The same key gives the same lease again. */ key: z.string().min(8).max(64),
    }),
    answer: z.object({ lease: Jws }),
  }),
  'station.return-lease': endpoint({
    method: 'POST',
    path: `${API}/station/leases/:lease/return`,
    access: 'station',
    summary: 'How far a block was used; what is left goes back to the pool when the lease is over',
    params: z.strictObject({ lease: Label }),
    body: z.strictObject({ next: z.number().int(), over: z.boolean() }),
    answer: Done,
  }),
  'station.release': endpoint({
    method: 'GET',
    path: `${API}/station/releases/:digest/package`,
    access: 'station',
    summary: 'The bytes of a published release',
    params: z.strictObject({ digest: Sha256 }),
    answer: z.unknown(),
    bytes: 'answer',
  }),
  'station.admission': endpoint({
    method: 'POST',
    path: `${API}/station/admission`,
    access: 'station',
    summary: 'Asked before a unit is touched: has it passed already, and has it passed the step before?',
    body: z.strictObject({
      product: Label,
      serial: Label,
      uid: Label.nullable(),
      process: Label,
      after: Label.nullable(),
      macs: z.array(Label).min(1).max(9).optional(),
    }),
    answer: Admission,
  }),
} as const;
