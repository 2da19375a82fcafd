import type { z } from 'zod';
import type { YieldCell, YieldReport } from '#shared/contract/plant/web-messages.ts';
import { firstPassYield, finalYield, wilsonInterval, type YieldCounts } from '#shared/model/yield.ts';

type Cell = z.infer<typeof YieldCell>;

export interface YieldFigures extends YieldCounts {
  readonly fpy: number | null;
  readonly final: number | null;
  /** Of the first pass yield. */
  readonly interval: { readonly low: number; readonly high: number } | null;
}

export interface YieldRow extends YieldFigures {
  readonly product: string;
  readonly process: string;
  readonly station: string;
  /** Its whole interval lies below the first pass yield of the other stations at the same step: not chance any more. */
  readonly below: boolean;
}

export interface YieldBar extends YieldCounts {
  /** Start of the hour or of the local day, in milliseconds since 1970. */
  readonly at: number;
}

const NONE: YieldCounts = { attempted: 0, passedFirst: 0, passedLater: 0 };

export function figuresOf(counts: YieldCounts): YieldFigures {
  const { attempted, passedFirst } = counts;
  return {
    ...counts,
    fpy: firstPassYield(counts),
    final: finalYield(counts),
    interval: wilsonInterval(passedFirst, attempted),
  };
}

export function totalOf(cells: readonly YieldCounts[]): YieldFigures {
  return figuresOf(cells.reduce(sum, NONE));
}

/** One row for each product, step and station; what needs a look first, then the most units. */
export function rowsOf(cells: readonly Cell[]): YieldRow[] {
  const groups = Map.groupBy(cells, ({ product, process, station }) => JSON.stringify([product, process, station]));
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { product, process, station } = first;
    return [{ product, process, station, ...totalOf(group) }];
  });
  return Array.from(rows, (row) => ({ ...row, below: isBelow(row, rows) })).sort(
    (a, b) => Number(b.below) - Number(a.below) || b.attempted - a.attempted,
  );
}

function isBelow(row: Omit<YieldRow, 'below'>, rows: readonly Omit<YieldRow, 'below'>[]): boolean {
  const others = totalOf(
    rows.filter((each) => each !== row && each.product === row.product && each.process === row.process),
  );
  return row.interval !== null && others.interval !== null && row.interval.high < others.interval.low;
}

/** A bar for each hour, or for each local day, from `from` to `to` without a gap. */
export function barsOf(cells: readonly Cell[], from: Date, to: Date, by: 'hour' | 'day'): YieldBar[] {
  const start = (at: Date): number => startOf(at, by).getTime();
  const groups = Map.groupBy(cells, ({ at }) => start(new Date(at)));
  const bars: YieldBar[] = [];
  for (let at = startOf(from, by); at < to; at = next(at, by))
    bars.push({ at: at.getTime(), ...(groups.get(at.getTime()) ?? []).reduce(sum, NONE) });
  return bars;
}

export function startOf(at: Date, by: 'hour' | 'day'): Date {
  const start = new Date(at);
  if (by === 'hour') start.setMinutes(0, 0, 0);
  else start.setHours(0, 0, 0, 0);
  return start;
}

/** Days have 23 to 25 hours; hours are counted as they pass, so that the doubled one of autumn is there twice. */
function next(at: Date, by: 'hour' | 'day'): Date {
  if (by === 'hour') return new Date(at.getTime() + 3_600_000);
  const day = new Date(at);
  day.setDate(day.getDate() + 1);
  return day;
}

export type YieldEnd = YieldReport['ends'][number];

/** Runs that ended one way, most frequent first. */
export function endsOf({ ends }: YieldReport, verdict: YieldEnd['verdict']): YieldEnd[] {
  return ends.filter((end) => end.verdict === verdict).sort((a, b) => b.runs - a.runs);
}

function sum(a: YieldCounts, b: YieldCounts): YieldCounts {
  return {
    attempted: a.attempted + b.attempted,
    passedFirst: a.passedFirst + b.passedFirst,
    passedLater: a.passedLater + b.passedLater,
  };
}
