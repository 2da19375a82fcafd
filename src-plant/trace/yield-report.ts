import { z } from 'zod';
import type { RequestOf } from '#shared/contract/plant/endpoint.ts';
import type { PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { YieldReport } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql, SqlValue } from '../database/database.ts';

export type YieldQuestion = RequestOf<PlantEndpoints['yield.report']>['query'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of an answer: three months of hours, ten years of days; a page that wants more asks twice. */
const MAX_DAYS = { hour: 93, day: 3660 } as const;

const Cells = z.array(
  z.object({
    at: TimeColumn,
    product: z.string(),
    process: z.string(),
    station: z.string(),
    attempted: CountColumn,
    passedFirst: CountColumn,
    passedLater: CountColumn,
  }),
);
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
  const cells = await sql.query(by === 'hour' ? HOUR_CELLS : DAY_CELLS, values, `yield-cells-${by}`);
  const ends = await sql.query(ENDS, values, 'yield-ends');
  return { cells: Cells.parse(cells), ends: Ends.parse(ends) };
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

const cellsOf = (source: string) => `
  SELECT at, product, process, station, sum(attempted)::bigint AS attempted,
    sum(passed_first)::bigint AS "passedFirst", sum(passed_later)::bigint AS "passedLater"
  FROM (${source}) AS parts
  WHERE ${FILTER}
  GROUP BY at, product, process, station
  HAVING sum(attempted) > 0
  ORDER BY at, product, process, station`;

// The middle bounds are only of use for days; they are named so that all texts take the same values.
const HOUR_CELLS = cellsOf(`
  SELECT hour AS at, * FROM yield_hours WHERE hour >= $1 AND hour < $4 AND $2::timestamptz <= $3::timestamptz`);

const DAY_CELLS = cellsOf(`
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
