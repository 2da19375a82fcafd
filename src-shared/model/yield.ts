import type { Verdict } from './failure.ts';

/**
 * Yield arithmetic, the same at the station and in the plant. It counts units, never runs; ERROR, ABORTED and INTERRUPTED
 * are no attempts at the unit and count for nothing here. Names differ between plants, so screens print the formulas.
 */
export interface YieldCounts {
  /** Units with at least one PASS or FAIL. */
  readonly attempted: number;
  /** Units whose first PASS or FAIL was a PASS. */
  readonly passedFirst: number;
  /** Units that failed first and passed later: by a retest (no fault found) or after a repair, which records do not tell apart. */
  readonly passedLater: number;
}

/** A PASS or a FAIL: what a unit's yield is made of. */
export function isAttempt(verdict: Verdict): verdict is 'PASS' | 'FAIL' {
  return verdict === 'PASS' || verdict === 'FAIL';
}

/** First pass yield: units that passed on their first attempt / units attempted. Null without any. */
export function firstPassYield({ attempted, passedFirst }: YieldCounts): number | null {
  return attempted === 0 ? null : passedFirst / attempted;
}

/** Final yield: units that passed at all / units attempted. Null without any. */
export function finalYield({ attempted, passedFirst, passedLater }: YieldCounts): number | null {
  return attempted === 0 ? null : (passedFirst + passedLater) / attempted;
}

/** Rolled throughput yield: the chance of passing every step at the first attempt, the product of their FPYs. */
export function rolledYield(firstPassYields: readonly number[]): number {
  return firstPassYields.reduce((product, each) => product * each, 1);
}

/** Two-sided 95 %: the standard normal's 0.975 quantile. */
const Z95 = 1.959963984540054;

/** Wilson's score interval for `good` of `all` at 95 %; null without any. Source: E. B. Wilson, JASA 22 (1927). */
export function wilsonInterval(good: number, all: number): { readonly low: number; readonly high: number } | null {
  if (all === 0) return null;
  const share = good / all;
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * all)) / (1 + z2 / all);
  const half = (Z95 / (1 + z2 / all)) * Math.sqrt((share * (1 - share)) / all + z2 / (4 * all * all));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
