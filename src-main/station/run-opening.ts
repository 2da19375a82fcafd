import type { PageRot } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import {
  type DigestProof,
  type ImageRecord,
  isSimulated,
  keysThatCount,
  type Measurement,
  type RecordDraft,
  type UnitSignature,
} from '#shared/model/unit-record.ts';
import type { Outcome } from '../programmer/carry-out-input.ts';
import type { RunOpening } from '../log/log.ts';
import type { ReleaseFacts } from './engine.ts';
import type { RunServices } from './options.ts';

export interface RunRequest {
  readonly serial: string;
  readonly slot: string;
  readonly probe: string;
  readonly rework: boolean;
  /** Scanned or typed for this run, by the name that the recipe has for it. */
  readonly scans?: Readonly<Record<string, string>>;
  /** What a functional test measured of the unit, for the record and the recipe's `test.NAME`. */
  readonly results?: readonly Measurement[];
  /** What else the label said: `batch`, `order`, `uid`, `mac`, and the recipe's own. */
  readonly label?: Readonly<Record<string, string>>;
}

/** What is known of a run when it begins. `startedAt` is UTC, ISO 8601. */
export function openingOf(
  run: string,
  { serial, probe, slot, rework, label = {} }: RunRequest,
  facts: ReleaseFacts,
  { operator, station, appVersion, plant, unsigned }: RunServices,
  startedAt: string,
): RunOpening {
  const { recipe, chip, digest } = facts;
  const order = (isSimulated({ probe }) ? undefined : plant?.order()?.id) ?? label['order'];
  const batch = label['batch'];
  return {
    run,
    serial,
    product: recipe.product,
    chip: chip.id,
    release: digest,
    images: imageRecords(facts),
    signingKeys: signingKeys(facts),
    signedBy: facts.signedBy,
    ...unsignedAllowed(probe, facts, unsigned),
    probe,
    slot,
    operator,
    station,
    appVersion,
    rework,
    startedAt,
    ...(recipe.route ? { process: recipe.route.step } : {}),
    ...(order === undefined ? {} : { order }),
    ...(batch === undefined ? {} : { batch }),
  };
}

/** By whose leave a release that nobody signed is on a real unit. */
function unsignedAllowed(
  probe: string,
  { signedBy }: ReleaseFacts,
  unsigned: RunServices['unsigned'],
): Pick<RunOpening, 'unsignedAllowed'> {
  if (signedBy !== 'unsigned' || isSimulated({ probe })) return {};
  const { by = null, at = null } = unsigned?.() ?? {};
  return by === null || at === null ? {} : { unsignedAllowed: { by, at } };
}

interface Proof {
  readonly readBack: string | null;
  readonly provenBy?: DigestProof | undefined;
}

/** What a record says of the images, proven as far as `proofOf` knows. */
export function imageRecords(
  { images, signers }: Pick<ReleaseFacts, 'images' | 'signers'>,
  proofOf: (role: Role) => Proof = () => ({ readBack: null }),
): ImageRecord[] {
  return images.map(({ role, version, address, size, sha256 }) => {
    const { readBack, provenBy } = proofOf(role);
    const signedBy = signers.get(role);
    const more = { ...(provenBy ? { provenBy } : {}), ...(signedBy ? { signedBy } : {}) };
    return { role, version, address, size, sha256: { expected: sha256, readBack }, ...more };
  });
}

/** The release's, and those of its images. */
function signingKeys({ signedBy, signers }: ReleaseFacts): string[] {
  const release = signedBy !== 'unsigned' && signedBy.by === 'release-key' ? [signedBy.keyId] : [];
  return [...new Set([...release, ...[...signers.values()].flatMap(({ keys }) => keys)])];
}

/** What was signed for the unit alone, and by which keys. */
export function signedFor(
  { signingKeys }: Pick<RunOpening, 'signingKeys'>,
  signatures: readonly UnitSignature[],
): Pick<RecordDraft, 'signatures' | 'signingKeys'> | undefined {
  if (signatures.length === 0) return undefined;
  return { signatures: [...signatures], signingKeys: [...new Set([...signingKeys, ...keysThatCount(signatures)])] };
}

export function rotOf({ memory, address, size }: Outcome['rot'][number]): PageRot {
  return { memory: memory.name, address, size };
}
