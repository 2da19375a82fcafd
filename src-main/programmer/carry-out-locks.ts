import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Contents } from '../plan/contents.ts';
import { PlanFault } from './carry-out-checks.ts';
import type { LockStates, LockStep, LockSteps } from './lock-steps.ts';

/** What the run hears of it. */
interface LockHooks {
  /** Awaited before every step: its journal entry is on disk when it resolves. */
  beforeChange(operation: LockOperation): Promise<void>;
  locksObserved?(states: LockStates): void;
}

interface LocksInput {
  readonly operations: readonly LockOperation[];
  /** Proven to be on the unit. */
  readonly contents: Contents;
  readonly locks: LockSteps | undefined;
  readonly hooks: LockHooks;
  readonly io: IoContext;
  /** Awaited before the first step that is still to be done; left out where nobody has to release them. */
  readonly release?: ((operations: readonly LockOperation[]) => Promise<void>) | undefined;
  /** Runs one operation inside its step. */
  readonly within: (operation: LockOperation, work: () => Promise<void>) => Promise<void>;
}

/**
 * A plan's steps of no return, after everything else. None is begun before all were seen to be possible; each is asked for
 * first, so that what is done already (by a run that lost its power behind the journal's entry) is not done again; and only
 * what the unit then says counts. Rejects with `lock-unsuited`, `lock-failed`, or what the unit refuses with.
 */
export async function carryOutLocks(input: LocksInput): Promise<void> {
  const { operations, contents, locks, hooks, io, within } = input;
  if (!locks) throw new PlanFault('this unit has no steps of no return');
  const steps = operations.map((operation) => ({ operation, step: locks.step(operation, contents) }));
  for (const { step } of steps) await step.check(io);
  if (input.release) await awaitRelease(steps, input.release, io);
  try {
    for (const { operation, step } of steps) await within(operation, () => carryOutLock(operation, step, hooks, io));
  } catch (error) {
    await tellQuietly(locks, hooks, io);
    throw error;
  }
  hooks.locksObserved?.(await locks.observe(io));
}

/** A person takes minutes, and the unit is another's hands' meanwhile: what was seen of it before is asked again after. */
async function awaitRelease(
  steps: readonly { readonly operation: LockOperation; readonly step: LockStep }[],
  release: NonNullable<LocksInput['release']>,
  io: IoContext,
): Promise<void> {
  const left: LockOperation[] = [];
  for (const { operation, step } of steps) if ((await step.observe(io)) !== operation.expected) left.push(operation);
  if (left.length === 0) return;
  await release(left);
  for (const { step } of steps) await step.check(io);
}

async function carryOutLock(operation: LockOperation, step: LockStep, hooks: LockHooks, io: IoContext): Promise<void> {
  const { expected, name } = operation;
  if ((await step.observe(io)) === expected) return;
  await hooks.beforeChange(operation);
  await step.carryOut(io);
  const found = await step.observe(io);
  if (found !== expected) throw new FlashlineError('lock-failed', { params: { lock: name, expected, found } });
}

/** What a step left behind belongs into the record, if the unit still answers; on a signal of its own. */
async function tellQuietly(locks: LockSteps, hooks: LockHooks, { clock }: IoContext): Promise<void> {
  try {
    hooks.locksObserved?.(await locks.observe({ clock, signal: new AbortController().signal }));
  } catch (secondary) {
    // The failure that brought us here is the one to tell.
    if (!(secondary instanceof FlashlineError)) throw secondary;
  }
}
