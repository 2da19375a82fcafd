import { z } from 'zod';
import { FAILURES } from '#shared/model/failure.ts';
import { CONDITION_CODES, conditionOf } from '#shared/model/unit-condition.ts';
import {
  ImageRecord,
  keysThatCount,
  KeptDigest,
  RecordDraft,
  UnitDataNote,
  UnitSignature,
} from '#shared/model/unit-record.ts';
import type { JournalEntry } from './log.ts';

const Opening = RecordDraft.pick({
  run: true,
  serial: true,
  product: true,
  chip: true,
  release: true,
  images: true,
  signingKeys: true,
  signedBy: true,
  unsignedAllowed: true,
  probe: true,
  slot: true,
  operator: true,
  station: true,
  appVersion: true,
  rework: true,
  startedAt: true,
  process: true,
  order: true,
  batch: true,
});

const Entry: z.ZodType<JournalEntry> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('identified'), uid: z.string().nullable(), locks: z.record(z.string(), z.string()) }),
  z.object({ kind: z.literal('kept'), kept: z.array(KeptDigest) }),
  z.object({
    kind: z.literal('signed'),
    images: z.array(ImageRecord),
    signatures: z.array(UnitSignature),
    unitData: UnitDataNote.optional(),
  }),
  z.object({ kind: z.literal('step'), step: z.string(), ms: z.number() }),
  z.object({ kind: z.literal('change'), operation: z.string(), at: z.string() }),
]);

const Change = z.object({ op: z.string(), role: z.string().optional(), locksReleasedBy: z.string().optional() });

/** What cannot be read keeps no log from opening: some change was made, nobody knows which. */
function changeOf(operation: string): z.infer<typeof Change> {
  const { success, data } = Change.safeParse(jsonOf(operation));
  return success ? data : { op: '' };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/**
 * The record of a run whose process died, from what its journal knows. How much of the last change reached the unit
 * is not known, so bytes are not claimed; the failure's code says what is on the unit, its `cause` how far the run had come.
 */
export function interruptedDraft(opening: string, journal: readonly string[], finishedAt: string): RecordDraft {
  const begun = Opening.parse(JSON.parse(opening));
  const entries = journal.map((entry) => Entry.parse(JSON.parse(entry)));
  const identified = entries.findLast((entry) => entry.kind === 'identified');
  const change = entries.findLast((entry) => entry.kind === 'change');
  const kept = entries.findLast((entry) => entry.kind === 'kept')?.kept;
  const signed = entries.findLast((entry) => entry.kind === 'signed');
  const steps = entries.filter((entry) => entry.kind === 'step').map(({ step, ms }) => ({ step, ms }));
  const changes = entries.filter((entry) => entry.kind === 'change').map(({ operation }) => changeOf(operation));
  const locksReleasedBy = changes.at(-1)?.locksReleasedBy;
  const condition = conditionOf(
    changes,
    begun.images.map(({ role }) => role),
  );
  const code = CONDITION_CODES[condition];
  const cause = change
    ? `the last change begun on the unit, at ${change.at}, was ${change.operation}`
    : 'nothing had been changed on the unit';
  return {
    schema: 1,
    ...begun,
    uid: identified?.uid ?? null,
    finishedAt,
    bytesWritten: 0,
    bytesSkipped: 0,
    steps,
    verdict: 'INTERRUPTED',
    failure: {
      code,
      blame: FAILURES[code].blame,
      where: { slot: begun.slot, ...(steps.length > 0 ? { step: steps.at(-1)?.step ?? '' } : {}) },
      params: {},
      cause,
    },
    locks: { ...identified?.locks },
    ...(locksReleasedBy === undefined ? {} : { locksReleasedBy }),
    ...(kept ? { kept: [...kept] } : {}),
    ...(signed
      ? {
          images: [...signed.images],
          ...(signed.signatures.length > 0 ? signedBy(begun.signingKeys, signed.signatures) : {}),
          ...(signed.unitData ? { unitData: signed.unitData } : {}),
        }
      : {}),
  };
}

function signedBy(
  keys: readonly string[],
  signatures: readonly UnitSignature[],
): Pick<RecordDraft, 'signatures' | 'signingKeys'> {
  return { signatures: [...signatures], signingKeys: [...new Set([...keys, ...keysThatCount(signatures)])] };
}
