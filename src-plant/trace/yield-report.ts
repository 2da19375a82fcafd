import { z } from 'zod';
import type { RequestOf } from '#shared/contract/plant/endpoint.ts';
import type { PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { YieldReport } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { CountColumn } from '../database/columns.ts';
import type { Sql, SqlValue } from '../database/database.ts';

export type YieldQuestion = RequestOf<PlantEndpoints['yield.report']>['query'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of an answer: three months of hours, ten years of days; a page that wants more asks twice. */
const MAX_DAYS = { hour: 93, day: 3660 } as const;

/** One product, step and station; its cells as columns side by side, for they all have the same names. */
const Lines = z.array(
  z.object({
    product: z.string(),
    process: z.string(),
    station: z.string(),
    /** Seconds since 1970. */
    at: z.array(CountColumn),
    attempted: z.array(CountColumn),
    passedFirst: z.array(CountColumn),
    passedLater: z.array(CountColumn),
  }),
);
type Line = z.infer<typeof Lines>[number];
type Cell = YieldReport['cells'][number];
const Ends = YieldReport.shape.ends;

/**
 * Units by the hour or the day (UTC) of their first attempt, and runs by how they ended, from roll-ups only: its cost is that of
 * the hours and days asked for, however many records there are. `from` is taken from the start of its hour, `to` until the
 * end of its own. `scope` has the only products to look at; null for all. Throws `bad-request` for a span that is empty or too long.
 */
export async function yieldReport(
  sql: Sql,
  { from, to, by, product, station }: YieldQuestion,
  scope: readonly string[] | null = product === undefined ? null : [product],
): Promise<YieldReport> {
  const span = spanOf(Date.parse(from), Date.parse(to), by);
  const values = [...span, scope, station ?? null];
  const [lines, ends] = await Promise.all([
    sql.query(by === 'hour' ? HOUR_LINES : DAY_LINES, values, `yield-lines-${by}`),
    sql.query(ENDS, values, 'yield-ends'),
  ]);
  return { cells: cellsOf(Lines.parse(lines)), ends: Ends.parse(ends) };
}

/** Orders put together; by time, then in the order of the lines. */
function cellsOf(lines: readonly Line[]): Cell[] {
  const times = new Map<number, Cell[]>();
  for (const line of lines) for (const [second, counts] of countsOf(line)) addCell(times, second, line, counts);
  return [...times].sort(([a], [b]) => a - b).flatMap(([, cells]) => cells);
}

interface Counts {
  attempted: number;
  passedFirst: number;
  passedLater: number;
}

function countsOf(line: Line): ReadonlyMap<number, Counts> {
  const sums = new Map<number, Counts>();
  for (const [index, second] of line.at.entries()) {
    const sum = sums.get(second) ?? { attempted: 0, passedFirst: 0, passedLater: 0 };
    sum.attempted += line.attempted[index] ?? 0;
    sum.passedFirst += line.passedFirst[index] ?? 0;
    sum.passedLater += line.passedLater[index] ?? 0;
    sums.set(second, sum);
  }
  return sums;
}

function addCell(
  times: Map<number, Cell[]>,
  second: number,
  { product, process, station }: Line,
  counts: Counts,
): void {
  if (counts.attempted <= 0) return;
  const cells = times.get(second);
  const at = cells?.[0]?.at ?? new Date(second * 1000).toISOString();
  const cell = { at, product, process, station, ...counts };
  if (cells === undefined) times.set(second, [cell]);
  else cells.push(cell);
}

/** Begin, first whole day, end of the last whole day, end: what lies between the middle two comes from days, the rest from hours. */
function spanOf(from: number, to: number, by: 'hour' | 'day'): readonly SqlValue[] {
  const begin = Math.floor(from / HOUR_MS) * HOUR_MS;
  const end = Math.ceil(to / HOUR_MS) * HOUR_MS;
  if (end <= begin) throw new FlashlineError('bad-request', { params: { detail: 'the span of time is empty' } });
  if (end - begin > MAX_DAYS[by] * DAY_MS) {
    const detail = `at most ${MAX_DAYS[by]} days by the ${by} at once`;
    throw new FlashlineError('bad-request', { params: { detail } });
  }
  const firstDay = Math.min(Math.ceil(begin / DAY_MS) * DAY_MS, end);
  const lastDay = Math.max(Math.floor(end / DAY_MS) * DAY_MS, firstDay);
  return [begin, firstDay, lastDay, end].map((ms) => new Date(ms));
}

const FILTER = '($5::text[] IS NULL OR product = ANY ($5::text[])) AND ($6::text IS NULL OR station = $6)';
const IN_HOURS = '((hour >= $1 AND hour < $2) OR (hour >= $3 AND hour < $4))';
const IN_DAYS = 'day >= $2 AND day < $3';

/** A row a line, not a cell: a week of forty lines has 6720 cells, and to make and read each as a row takes longer than to find them. */
const linesOf = (source: string) => `
  SELECT product, process, station, array_agg(extract(epoch FROM at)::bigint) AS at, array_agg(attempted) AS attempted,
    array_agg(passed_first) AS "passedFirst", array_agg(passed_later) AS "passedLater"
  FROM (${source}) AS parts
  WHERE ${FILTER}
  GROUP BY product, process, station
  ORDER BY product, process, station`;

// The middle bounds are only of use for days; they are named so that all texts take the same values.
const HOUR_LINES = linesOf(`
  SELECT hour AS at, * FROM yield_hours WHERE hour >= $1 AND hour < $4 AND $2::timestamptz <= $3::timestamptz`);

const DAY_LINES = linesOf(`
  SELECT day AS at, * FROM yield_days WHERE ${IN_DAYS}
  UNION ALL SELECT date_trunc('day', hour, 'UTC') AS at, * FROM yield_hours WHERE ${IN_HOURS}`);

const ENDS = `
  SELECT verdict, code, sum(runs)::bigint AS runs
  FROM (
    SELECT product, station, verdict, code, runs FROM run_days WHERE ${IN_DAYS}
    UNION ALL SELECT product, station, verdict, code, runs FROM run_hours WHERE ${IN_HOURS}
  ) AS parts
  WHERE ${FILTER}
  GROUP BY verdict, code
  HAVING sum(runs) > 0
  ORDER BY verdict, code`;
