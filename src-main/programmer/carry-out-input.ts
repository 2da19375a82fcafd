import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { LockOperation, Operation, Plan } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { DigestProof, KeptDigest } from '#shared/model/unit-record.ts';
import type { Step } from '#shared/model/run-event.ts';
import type { Contents } from '../plan/contents.ts';
import type { PageRange } from '../plan/layout.ts';
import type { Replan } from './carry-out-rot.ts';
import type { FlashDevice } from './flash-device.ts';
import type { LockStates, LockSteps } from './lock-steps.ts';

/**
 * What the run hears. Operations that follow one another and belong to one step make one stretch of it: started once,
 * finished once. A plan with several roles comes back to a step; its progress then goes on where it was.
 * A step that fails is not finished.
 */
export interface CarryOutHooks {
  /** Awaited before every operation that changes the unit: the journal entry is on disk when it resolves. */
  beforeChange(operation: Operation): Promise<void>;
  stepStarted(step: Step): void;
  /** Bytes, within the step, over the whole plan. */
  progress(step: Step, done: number, total: number): void;
  stepFinished(step: Step): void;
  /** What the unit said of its locks, after a step of no return and also after one that failed. */
  locksObserved?(states: LockStates): void;
  /** Awaited before the first step of no return, with those that are still to be done: somebody must release them. */
  releaseLocks?(operations: readonly LockOperation[]): Promise<void>;
  /** What a region that is kept holds after everything was written. */
  keptObserved?(now: KeptDigest): void;
}

export interface CarryOutInput {
  readonly plan: Plan;
  readonly contents: Contents;
  readonly device: FlashDevice;
  readonly chip: ChipDescription;
  /** The unit's steps of no return; only plans with such steps ask for them. */
  readonly locks?: LockSteps | undefined;
  /** The plan anew, once a role of which nothing was to change turned out to be rotten; left out: that is a failure. */
  readonly replan?: Replan;
  /** A developer's own risk: pages that the plan keeps are not read back. */
  readonly trustKept?: boolean;
  /** What the regions that are kept held before; only plans that keep something ask for it. */
  readonly kept?: readonly KeptDigest[];
  readonly hooks: CarryOutHooks;
  readonly io: IoContext;
}

export interface Outcome {
  /** SHA-256 of what was read back, by role; each equals the release's. */
  readonly readBack: Partial<Record<Role, string>>;
  /** The roles that rest on digests of the unit's own making. */
  readonly provenBy: Partial<Record<Role, DigestProof>>;
  readonly bytesWritten: number;
  /** Pages that had been taken for unchanged, were read back as something else, and were written after all. */
  readonly rot: readonly PageRange[];
  /** Bytes of pages that nobody looked at: 0 unless `trustKept`. */
  readonly unproven: number;
}
