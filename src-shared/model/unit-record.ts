import { z } from 'zod';
import { Failure, Verdict } from './failure.ts';
import { PageRot, ReasonTotal } from './plan.ts';
import { Interface, Role } from './recipe.ts';
import { ImageSigner } from './signature.ts';
import { KeyStoreKind, SigningAlgorithm } from './signing.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** How an image may be proven without sending every byte back: the unit read it and made this digest of it. */
export const DigestProof = z.enum(['md5', 'sha256']);
export type DigestProof = z.infer<typeof DigestProof>;

export const ImageRecord = z.object({
  role: Role,
  version: z.string(),
  address: z.number().int(),
  size: z.number().int(),
  sha256: z.object({
    expected: Sha256,
    /** Of what was read back; null when the run ended before that. */
    readBack: Sha256.nullable(),
  }),
  /** The unit's own digest was compared instead of its bytes; left out where every byte was read. */
  provenBy: DigestProof.optional(),
  /** Verified before it was written; left out where the recipe asks for no signature. */
  signedBy: ImageSigner.optional(),
});
export type ImageRecord = z.infer<typeof ImageRecord>;

/** What the recipe kept of what was on the unit: lower-case hexadecimal digests of it, `after` null when the run ended before. */
export const KeptDigest = z.object({
  name: z.string(),
  address: z.number().int(),
  size: z.number().int(),
  algorithm: DigestProof,
  before: z.string(),
  after: z.string().nullable(),
});
export type KeptDigest = z.infer<typeof KeptDigest>;

/** Who answers for a release: the holder of a key that the station trusts, or the plant, whose signed document names it. */
export const SignedBy = z.union([
  z.literal('unsigned'),
  z.object({
    by: z.enum(['release-key', 'plant']),
    /** RFC 7638 thumbprint of the key. */
    keyId: z.string(),
    /** As the station has it. */
    name: z.string(),
  }),
]);
export type SignedBy = z.infer<typeof SignedBy>;

/** How a unit was reached: the probe in its own words, and its wire. */
export const Reach = z.object({
  vendor: z.string(),
  product: z.string(),
  serial: z.string(),
  firmware: z.string(),
  protocol: Interface,
  /** The clock that the chip allows, and the one in use, which `limitedBy` explains where it is lower. */
  askedHz: z.number().optional(),
  usedHz: z.number().optional(),
  limitedBy: z.enum(['probe', 'noise']).optional(),
});
export type Reach = z.infer<typeof Reach>;

/** The clock that noise forced on the wires, in hertz; null where they are clean. */
export function noisyHz(reach: Reach | undefined): number | null {
  return reach?.limitedBy === 'noise' ? (reach.usedHz ?? null) : null;
}

/** What was signed for this unit alone. */
export const UnitSignature = z.object({
  /** The field that has it, the role of the image, or `certificate`. */
  what: z.string(),
  /** The key's name at the plant, and SHA-256 of its SubjectPublicKeyInfo. */
  key: z.string(),
  keyId: z.string(),
  algorithm: SigningAlgorithm,
  /** UTC, by the plant's clock. */
  signedAt: z.string(),
  /** `bench`: made up for a simulated unit. `development`: by a key that proves nothing. */
  store: z.enum([...KeyStoreKind.options, 'bench']),
  /** By which the plant's audit log has it; left out where no plant signed. */
  request: z.string().optional(),
  /** Of a certificate: SHA-256 of its DER. */
  certificate: Sha256.optional(),
});
export type UnitSignature = z.infer<typeof UnitSignature>;

/** What a command of the plant made for this unit alone: its manufacturing partition. */
export const UnitDataNote = z.object({
  command: z.string(),
  /** The plant, as the station knows it. */
  plant: z.string(),
  /** By which the plant's audit log has them: the station's request, and the use of the command. */
  request: z.string(),
  use: z.string(),
  /** Of what was given, before it was filled up to the partition's size. */
  sha256: Sha256,
  size: z.number().int(),
  /** UTC, by the plant's clock. */
  madeAt: z.string(),
  /** It was made for an earlier run of the unit. */
  again: z.boolean(),
});
export type UnitDataNote = z.infer<typeof UnitDataNote>;

/** A key that proves nothing is none that the plant should find units by. */
export function keysThatCount(signatures: readonly UnitSignature[]): string[] {
  return signatures.filter(({ store }) => store === 'hsm').map(({ keyId }) => keyId);
}

/** One value that a check took of the unit, with the limits that it was held against. */
export const Measurement = z.object({
  name: z.string(),
  value: z.number(),
  /** As in the SI: `V`, `mA`, `Hz`; empty for a plain number. */
  unit: z.string(),
  low: z.number().optional(),
  high: z.number().optional(),
});
export type Measurement = z.infer<typeof Measurement>;

/** The process step of a product whose recipe names none. */
export const DEFAULT_PROCESS = 'flash';

/** All of a record but its place in the chain. */
export const RecordDraft = z.object({
  schema: z.literal(1),
  run: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  product: z.object({ id: z.string(), revision: z.string(), name: z.string() }),
  chip: z.string(),
  /** SHA-256 over the recipe and its images. */
  release: Sha256,
  images: z.array(ImageRecord),
  /** Key references of the release and its images. */
  signingKeys: z.array(z.string()),
  /** Left out in records from before releases were signed. */
  signedBy: SignedBy.optional(),
  /** Of an unsigned release on a real unit: who let such run at this station, and since when; left out where nobody had to. */
  unsignedAllowed: z.object({ by: z.string(), at: z.string() }).optional(),
  probe: z.string(),
  slot: z.string(),
  operator: z.string(),
  station: z.string(),
  appVersion: z.string(),
  rework: z.boolean(),
  /** UTC, ISO 8601. */
  startedAt: z.string(),
  finishedAt: z.string(),
  bytesWritten: z.number().int(),
  bytesSkipped: z.number().int(),
  /** What was written and kept, in whole pages, and why; left out where no plan was made. */
  pages: z.array(ReasonTotal).optional(),
  /** Pages that had been taken for unchanged, were read back as something else, and were written after all. */
  rot: z.array(PageRot).optional(),
  /** A developer's own risk: so many bytes of kept pages were not read back. Such a run counts for nothing. */
  unproven: z.number().int().optional(),
  /** Milliseconds a step, by the run's clock. */
  steps: z.array(z.object({ step: z.string(), ms: z.number() })),
  verdict: Verdict,
  failure: Failure.nullable(),
  /** Lock words and protection as read from the unit, by name; never what was intended. */
  locks: z.record(z.string(), z.string()),
  /** Whose badge released the steps of no return; left out where the recipe asks for none, or none came. */
  locksReleasedBy: z.string().optional(),
  /** The unit came locked, as read here by name, and this run opened it in the way that its recipe says. */
  unlocked: z.record(z.string(), z.string()).optional(),
  /** Public keys of what was made on the unit, as it told them, by slot: SEC 1, uncompressed, lower-case hexadecimal. */
  keys: z.record(z.string(), z.string()).optional(),
  /** Regions that the recipe keeps; left out where it keeps none. */
  kept: z.array(KeptDigest).optional(),
  reach: Reach.optional(),
  /** Which of the product's process steps this was; DEFAULT_PROCESS when left out. */
  process: z.string().optional(),
  /** The work order and the batch (lot) that the unit was made in. */
  order: z.string().optional(),
  batch: z.string().optional(),
  /** Lower case, colons: `02:00:5e:00:53:01`. */
  macs: z.array(z.string()).optional(),
  measurements: z.array(Measurement).optional(),
  /**
   * Whether the plant said before the unit was touched what it knows of it (passed elsewhere, addresses of others); `silent`: it was
   * not heard in time, only this station's log was looked at. Left out where there is no plant.
   */
  plant: z.enum(['answered', 'silent']).optional(),
  /** Left out where the recipe has nothing signed for a unit. */
  signatures: z.array(UnitSignature).optional(),
  /** Left out where the recipe has the plant make nothing. */
  unitData: UnitDataNote.optional(),
});
export type RecordDraft = z.infer<typeof RecordDraft>;

/** What is kept of a run. Immutable; chained to the record before it by hash. */
export const UnitRecord = RecordDraft.extend({
  /** Place in this station's chain, from 1. */
  sequence: z.number().int(),
  previousHash: Sha256,
  /** SHA-256 of the canonical JSON of all the above. */
  hash: Sha256,
});
export type UnitRecord = z.infer<typeof UnitRecord>;

/**
 * A unit of the virtual bench, or one that a developer flashed without the whole read-back. It counts for nothing beyond
 * that: not as a pass of a real unit, not for the plant.
 */
export function isSimulated({
  probe,
  unproven,
}: {
  readonly probe: string;
  readonly unproven?: number | undefined;
}): boolean {
  return probe.startsWith('bench:') || unproven !== undefined;
}

/** The hash before the first record. */
export const GENESIS_HASH = '0'.repeat(64);
