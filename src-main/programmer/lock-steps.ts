import type { IoContext } from '#shared/base/clock.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Contents } from '../plan/contents.ts';

/** What a unit says of its locks, as records keep it. */
export interface LockStates {
  /** By the chip's own names. */
  readonly locks: Readonly<Record<string, string>>;
  /** Public keys of what was made on the unit, by the names of the steps that made them: SEC 1, uncompressed, hexadecimal. */
  readonly keys: Readonly<Record<string, string>>;
}

/** One of a plan's one-way steps, on the unit that is connected. */
export interface LockStep {
  /**
   * Only reads. Rejects with `lock-unsuited` where the step could not be carried out as the unit is now. Asked for every
   * step of a plan before the first is carried out.
   */
  check(io: IoContext): Promise<void>;
  /** What the unit says of it now; the step is done where that is what its operation expects. Only reads. */
  observe(io: IoContext): Promise<string>;
  /** The way of no return. Journal it before. */
  carryOut(io: IoContext): Promise<void>;
}

/** A unit's steps of no return. */
export interface LockSteps {
  /** Only reads. */
  observe(io: IoContext): Promise<LockStates>;
  /** Throws `lock-unsuited` for a step that this unit has not got. `contents` is what was proven to be on the unit. */
  step(operation: LockOperation, contents: Contents): LockStep;
}
