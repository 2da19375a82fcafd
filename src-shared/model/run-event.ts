import { z } from 'zod';
import { Blame, FailureCode, Verdict } from './failure.ts';
import { Operation, ReasonTotal } from './plan.ts';
import { ReleaseRole } from './recipe.ts';
import { Reach, UnitDataNote, UnitRecord, UnitSignature } from './unit-record.ts';

/** The steps of a run, in the order in which they happen (docs/architecture.md numbers them). */
export const Step = z.enum([
  'connect',
  // Only of a unit that came locked, where the recipe asks for it.
  'unlock',
  'identify',
  // Only where the recipe has a command of the plant make what the unit is given.
  'plant-data',
  'survey',
  'invalidate',
  'erase',
  'program',
  'verify',
  'validate',
  // Only where the recipe has a person release the steps of no return: what the person takes is not the lock's time.
  'badge',
  // Only where the recipe asks for steps of no return.
  'lock',
  // Before the record: a unit that does not start is not a PASS, and a record is never changed.
  'start',
  'record',
]);
export type Step = z.infer<typeof Step>;

const run = z.string();

/** What a run tells, one start and one end. An event tells; it never makes the next step happen. */
export const RunEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('run.started'),
    run,
    serial: z.string(),
    slot: z.string(),
    release: z.string(),
    /** UTC, ISO 8601. */
    at: z.string(),
  }),
  z.object({
    type: z.literal('unit.identified'),
    run,
    uid: z.string().nullable(),
    chip: z.string(),
    /** How it was reached so far; left out by dialects that do not tell. */
    reach: Reach.optional(),
  }),
  /** The plant signed something for this unit alone; nothing was changed on it yet. */
  z.object({ type: z.literal('unit.signed'), run, signature: UnitSignature }),
  /** The plant made what this unit alone is given; nothing was changed on it yet. */
  z.object({ type: z.literal('unit.given'), run, unitData: UnitDataNote }),
  z.object({
    type: z.literal('plan.ready'),
    run,
    operations: z.array(Operation),
    bytesToWrite: z.number(),
    bytesSkipped: z.number(),
    /** What is written and kept, in whole pages, and why. */
    pages: z.array(ReasonTotal).optional(),
  }),
  /** All is written and proven, none of `steps` is begun: a person with one of the roles releases it by a badge. */
  z.object({
    type: z.literal('lock.waiting'),
    run,
    slot: z.string(),
    roles: z.array(ReleaseRole),
    /** By the names that records have for them. */
    steps: z.array(z.string()),
  }),
  z.object({ type: z.literal('lock.released'), run, by: z.string() }),
  z.object({ type: z.literal('step.started'), run, step: Step }),
  /** `done` and `total` in bytes; of `lock` in steps. */
  z.object({ type: z.literal('step.progress'), run, step: Step, done: z.number(), total: z.number() }),
  z.object({ type: z.literal('step.finished'), run, step: Step, ms: z.number() }),
  z.object({
    type: z.literal('run.finished'),
    run,
    verdict: Verdict,
    code: FailureCode.optional(),
    blame: Blame.optional(),
    /** English; screens put `code` and the record's failure into their own language. */
    message: z.string().optional(),
    remedy: z.string().optional(),
    /** Null when the log could not be written (verdict ERROR): the next opening of the log records the run. */
    record: UnitRecord.nullable(),
  }),
]);
export type RunEvent = z.infer<typeof RunEvent>;
