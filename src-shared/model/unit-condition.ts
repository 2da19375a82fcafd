import type { FailureCode } from './failure.ts';
import type { Role } from './recipe.ts';

/**
 * What is on a unit whose run was broken off, told by the changes that were journalled before they were made. It rests on the order
 * in which every run works: flags cleared, content, read-back, flags set, locks.
 */
export type UnitCondition =
  /** What it carried before, whole. */
  | 'untouched'
  /** It came locked, and its erase was begun. */
  | 'opening'
  /** It starts nothing; where the very first change did not take any more, what it carried before, whole. */
  | 'unfinished'
  /** All of it is there and was read back; it starts that, or nothing. */
  | 'finishing'
  /** It starts the release, which was read back whole; which of its one-way steps are done, only it knows. */
  | 'locking';

/** Of a journalled operation, as much as counts here: older and newer versions journal others. */
export interface JournalledChange {
  readonly op: string;
  readonly role?: string | undefined;
}

/** `roles`: of the release's images. */
export function conditionOf(changes: readonly JournalledChange[], roles: readonly Role[]): UnitCondition {
  const change = changes.at(-1);
  if (!change) return 'untouched';
  if (change.op === 'unlock') return 'opening';
  if (change.op === 'lock') return 'locking';
  return change.op === 'validate' && change.role === lastRole(roles) ? 'finishing' : 'unfinished';
}

/** The role that a run sets the flag of at the end, all others being proven by then; null where data come behind every flag. */
function lastRole(roles: readonly Role[]): Role | null {
  if (roles.includes('application')) return 'application';
  return roles.every((role) => role === 'bootloader') ? 'bootloader' : null;
}

/** The sentences that say so, and what to do. */
export const CONDITION_CODES: Readonly<Record<UnitCondition, FailureCode>> = {
  untouched: 'interrupted-untouched',
  opening: 'interrupted-opening',
  unfinished: 'interrupted',
  finishing: 'interrupted-finishing',
  locking: 'interrupted-locking',
};
