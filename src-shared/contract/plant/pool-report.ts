import { z } from 'zod';
import { Name, Next } from './common.ts';

/** Numbers that one page of the report looks at, and ranges that it has, at most. */
export const REPORT_NUMBERS = 50_000;
export const REPORT_RANGES = 1000;

/**
 * What became of a number: a unit passed with it (`used`); a station took it from a block that it still has, and no unit passed with it so
 * far (`taken`); no unit passed with it and none will, unless its station comes back (`void`); a station may still take it (`leased`);
 * it was given back, to be leased again (`returned`); nobody had it yet (`open`).
 */
export const NumberState = z.enum(['used', 'taken', 'void', 'leased', 'returned', 'open']);
export type NumberState = z.infer<typeof NumberState>;

export const PoolRange = z.object({
  state: NumberState,
  /** Who had them last; null where that says nothing. */
  station: z.string().nullable(),
  first: z.number().int(),
  last: z.number().int(),
});
export type PoolRange = z.infer<typeof PoolRange>;

/** Ranges in order, without a gap. */
export const PoolReport = z.object({
  pool: Name,
  kind: z.enum(['serial', 'mac']),
  prefix: z.string(),
  digits: z.number().int(),
  ranges: z.array(PoolRange),
  next: Next,
});
export type PoolReport = z.infer<typeof PoolReport>;

/** Pages of one report as one: a range that a page's end cut is whole again. */
export function joinRanges(pages: readonly Pick<PoolReport, 'ranges'>[]): PoolRange[] {
  const joined: PoolRange[] = [];
  for (const range of pages.flatMap(({ ranges }) => ranges)) {
    const before = joined.at(-1);
    const goesOn = before?.state === range.state && before.station === range.station && before.last + 1 === range.first;
    if (goesOn) joined[joined.length - 1] = { ...before, last: range.last };
    else joined.push(range);
  }
  return joined;
}

/** How many of them, by state. */
export function countByState(ranges: readonly PoolRange[]): Partial<Record<NumberState, number>> {
  const counts: Partial<Record<NumberState, number>> = {};
  for (const { state, first, last } of ranges) counts[state] = (counts[state] ?? 0) + last - first + 1;
  return counts;
}
