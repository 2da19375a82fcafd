import { z } from 'zod';
import { type PoolRange, type PoolReport, REPORT_NUMBERS, REPORT_RANGES } from '#shared/contract/plant/pool-report.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { CountColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';
import { inScope } from './act.ts';

const PoolRow = z.object({
  kind: z.enum(['serial', 'mac']),
  prefix: z.string(),
  digits: z.number(),
  first: CountColumn,
  last: CountColumn,
  next: CountColumn,
});
const RangeRow = z.object({
  state: z.string(),
  station: z.string().nullable(),
  first: CountColumn,
  last: CountColumn,
});

/** Whether a unit passed with the number `m.n`, looked up one by one in an index; both take the pool's prefix and digits. */
const PASSED = {
  serial: `EXISTS (SELECT FROM units u WHERE u.serial = $6::text || lpad(m.n::text, $7::integer, '0') AND u.pass_at IS NOT NULL)`,
  mac: `EXISTS (SELECT FROM marks k WHERE $6::text = '' AND $7::integer = 12
    AND k.mark = 'mac:' || regexp_replace(lpad(to_hex(m.n), 12, '0'), '(..)(?=.)', '\\1:', 'g'))`,
} as const;

/**
 * What became of the numbers from $2 to $3 of pool $1, in ranges. A number may have been in several blocks, one after the other: the
 * newest has it, and what was given back since is nobody's. Numbers that no block has were passed over (recovery.ts): they are void.
 */
const RANGES = (kind: keyof typeof PASSED) => `
  WITH named AS (
    SELECT n, l.issued_at AS since, l.station,
      CASE WHEN l.over_at IS NULL AND l.until > $4 THEN CASE WHEN n < l.next THEN 'taken' ELSE 'leased' END ELSE 'void' END AS state
    FROM leases l, generate_series(greatest(l.first, $2::bigint), least(l.last, $3::bigint)) n
    WHERE l.pool = $1 AND l.first <= $3::bigint AND l.last >= $2::bigint
    UNION ALL
    SELECT n, 'infinity', NULL, 'returned'
    FROM returned_numbers r, generate_series(greatest(r.first, $2::bigint), least(r.last, $3::bigint)) n
    WHERE r.pool = $1 AND r.first <= $3::bigint AND r.last >= $2::bigint
    UNION ALL
    SELECT n, '-infinity', NULL, 'void' FROM generate_series($2::bigint, $3::bigint) n
  ), mine AS (
    SELECT DISTINCT ON (n) n, station, state FROM named ORDER BY n, since DESC
  ), told AS (
    SELECT n, CASE WHEN passed THEN 'used' ELSE state END AS state, CASE WHEN passed THEN NULL ELSE station END AS station
    FROM (SELECT m.*, ${PASSED[kind]} AS passed FROM mine m) asked
  ), islands AS (
    SELECT n, state, station, n - row_number() OVER (PARTITION BY state, station ORDER BY n) AS island FROM told
  )
  SELECT state, station, min(n) AS first, max(n) AS last FROM islands GROUP BY state, station, island
  ORDER BY first LIMIT $5`;

export interface ReportPage {
  /** An earlier page's `next`. */
  readonly before?: string | undefined;
  /** The only products that whoever asks may see; null for all. */
  readonly scope: readonly string[] | null;
  readonly now: Date;
  /** REPORT_NUMBERS and REPORT_RANGES where left out. */
  readonly most?: { readonly numbers: number; readonly ranges: number };
}

const MOST = { numbers: REPORT_NUMBERS, ranges: REPORT_RANGES };

/**
 * What became of a pool's numbers, from its first on. A page looks at so many numbers and has so many ranges at most, however large the
 * pool is. Rejects with `not-found`, and with `bad-request` for another page.
 */
export async function poolReport(
  sql: Sql,
  id: string,
  { before, scope, now, most = MOST }: ReportPage,
): Promise<PoolReport> {
  const text = `SELECT kind, prefix, digits, first, last, next FROM pools WHERE id = $1 AND ${inScope('product', '$2')}`;
  const [row] = await sql.query(text, [id, scope]);
  if (row === undefined) throw new FlashlineError('not-found', { params: { what: `pool ${id}` } });
  const pool = PoolRow.parse(row);
  const from = before === undefined ? pool.first : Number(before);
  if (!Number.isSafeInteger(from) || from < pool.first || from > pool.last)
    throw new FlashlineError('bad-request', { params: { detail: 'before is no page of this report' } });
  const to = Math.min(pool.next - 1, from + most.numbers - 1);
  const ranges = from > to ? [] : await rangesOf(sql, id, pool, { from, to, now, ranges: most.ranges });
  const { kind, prefix, digits, next } = pool;
  const seen = (ranges.at(-1)?.last ?? from - 1) + 1;
  if (seen < next) return { pool: id, kind, prefix, digits, ranges, next: String(seen) };
  const open: PoolRange[] = next > pool.last ? [] : [{ state: 'open', station: null, first: next, last: pool.last }];
  return { pool: id, kind, prefix, digits, ranges: [...ranges, ...open], next: null };
}

async function rangesOf(
  sql: Sql,
  id: string,
  { kind, prefix, digits }: z.infer<typeof PoolRow>,
  {
    from,
    to,
    now,
    ranges,
  }: { readonly from: number; readonly to: number; readonly now: Date; readonly ranges: number },
): Promise<PoolRange[]> {
  const rows = await sql.query(RANGES(kind), [id, from, to, now, ranges, prefix, digits]);
  return z.array(RangeRow.extend({ state: z.enum(['used', 'taken', 'void', 'leased', 'returned']) })).parse(rows);
}
