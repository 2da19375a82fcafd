import type { Failure } from '#shared/model/failure.ts';
import { verdictOf } from '#shared/model/failure.ts';
import { type Plan, reasonTotals } from '#shared/model/plan.ts';
import type { PlantAnswer } from '#shared/model/plant-work.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import type { KeptDigest, Reach, RecordDraft, UnitDataNote, UnitSignature } from '#shared/model/unit-record.ts';
import type { RunOpening } from '../log/log.ts';
import type { Outcome } from '../programmer/carry-out-input.ts';
import type { ReleaseFacts } from './engine.ts';
import { imageRecords, rotOf, signedFor } from './run-opening.ts';
import type { IdentityServices } from './unit-identity.ts';

/** What a run has found out of its unit and done to it so far: the parts of its record that are not known when it begins. */
export interface UnitFindings {
  uid: string | null;
  locks: Readonly<Record<string, string>>;
  /** Public keys of what was made on the unit, as it told them. */
  keys: Readonly<Record<string, string>>;
  /** What the recipe keeps, as it was before and is after. */
  kept: readonly KeptDigest[];
  /** What the unit's protection said when it came locked; null when it came open, or is still locked. */
  unlocked: Readonly<Record<string, string>> | null;
  macs: readonly string[];
  signatures: readonly UnitSignature[];
  /** What the plant made for it; null where its recipe asks for nothing. */
  unitData: UnitDataNote | null;
  /** Whether the plant was heard of this unit; of several questions one that stayed without an answer is what counts. */
  plantAnswer: PlantAnswer;
  /** What the recipe's list says of the unit. */
  listed: Readonly<Record<string, string>>;
  reach: Reach | null;
  readBack: Partial<Record<Role, string>>;
  provenBy: Outcome['provenBy'];
  bytes: { written: number; skipped: number };
  pages: RecordDraft['pages'];
  rot: Outcome['rot'];
  unproven: number;
}

export function noFindings(): UnitFindings {
  return {
    uid: null,
    locks: {},
    keys: {},
    kept: [],
    unlocked: null,
    macs: [],
    signatures: [],
    unitData: null,
    plantAnswer: undefined,
    listed: {},
    reach: null,
    readBack: {},
    provenBy: {},
    bytes: { written: 0, skipped: 0 },
    pages: undefined,
    rot: [],
    unproven: 0,
  };
}

/** Told as it comes: what a unit was given is in the record, whatever the run's end. */
export function givenSinks(
  findings: UnitFindings,
  run: string,
  tell: (event: RunEvent) => void,
): Pick<IdentityServices, 'took' | 'signed' | 'given'> {
  return {
    took: (macs) => {
      findings.macs = [...macs];
    },
    signed: (signature) => {
      findings.signatures = [...findings.signatures, signature];
      tell({ type: 'unit.signed', run, signature });
    },
    given: (unitData) => {
      findings.unitData = unitData;
      tell({ type: 'unit.given', run, unitData });
    },
  };
}

export function wasPlanned(findings: UnitFindings, plan: Plan): void {
  findings.bytes.skipped = plan.bytesSkipped;
  findings.pages = reasonTotals(plan.decisions);
}

/** What had rotted was to be skipped, and was written after all. */
export function wasCarriedOut(findings: UnitFindings, plan: Plan, done: Outcome): void {
  const { bytesWritten, readBack, provenBy, rot, unproven } = done;
  const rotten = rot.reduce((sum, { size }) => sum + size, 0);
  findings.bytes = { written: bytesWritten, skipped: Math.max(0, plan.bytesSkipped - rotten) };
  Object.assign(findings, { readBack, provenBy, rot, unproven });
}

/** A run's end beside what was found: how its steps went, and what was said of its locks. */
export type RunTail = Pick<RecordDraft, 'finishedAt' | 'steps' | 'locksReleasedBy' | 'measurements'> & {
  readonly failure: Failure | null;
  /** A re-flash that proves nothing that it did not write. */
  readonly trustKept: boolean;
};

/** `release` is the unit's own, where it was given something of its own. */
export function draftOf(
  opening: RunOpening,
  release: ReleaseFacts,
  found: UnitFindings,
  { failure, trustKept, ...tail }: RunTail,
): RecordDraft {
  const { uid, locks, keys, kept, unlocked, macs, reach, pages, rot, unproven, plantAnswer } = found;
  const batch = found.listed['batch'];
  return {
    schema: 1,
    ...opening,
    uid,
    images: imageRecords(release, (role) => {
      return { readBack: (unproven === 0 && found.readBack[role]) || null, provenBy: found.provenBy[role] };
    }),
    ...tail,
    bytesWritten: found.bytes.written,
    bytesSkipped: found.bytes.skipped,
    ...(pages ? { pages } : {}),
    ...(rot.length > 0 ? { rot: rot.map(rotOf) } : {}),
    ...(trustKept ? { unproven } : {}),
    verdict: failure ? verdictOf(failure) : 'PASS',
    failure,
    locks: { ...locks },
    ...(Object.keys(keys).length > 0 ? { keys: { ...keys } } : {}),
    ...(unlocked ? { unlocked: { ...unlocked } } : {}),
    ...(kept.length > 0 ? { kept: [...kept] } : {}),
    ...(reach ? { reach } : {}),
    ...(macs.length > 0 ? { macs: [...macs] } : {}),
    ...signedFor(opening, found.signatures),
    ...(found.unitData ? { unitData: found.unitData } : {}),
    ...(plantAnswer ? { plant: plantAnswer } : {}),
    ...(batch === undefined ? {} : { batch }),
  };
}
