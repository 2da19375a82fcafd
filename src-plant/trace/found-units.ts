import { z } from 'zod';
import type { FoundUnit } from '#shared/contract/plant/web-messages.ts';
import { type Facet, facet } from '#shared/model/facets.ts';
import { Verdict } from '#shared/model/failure.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';
import { cursorOf, readCursor } from './cursor.ts';

export interface UnitSearch {
  readonly by: Facet | 'uid';
  readonly value: string;
  /** The only products to look at; null for all. */
  readonly scope: readonly string[] | null;
}

export interface UnitPage {
  /** `next` of the page before; undefined for the first. */
  readonly before: string | undefined;
  readonly limit: number;
}

export interface FoundUnits {
  readonly units: FoundUnit[];
  readonly next: string | null;
}

export interface UnitTotals {
  readonly units: number;
  readonly carryNow: number;
  /** There are more than were counted. */
  readonly atLeast: boolean;
}

/** A recall of more is not counted: that there are more is enough to know, and the pages have them all. */
const COUNTED = 1000;
/** What more records than these carry is looked for unit by unit. */
const FEW = 2000;

interface Condition {
  /** Of a record `r` that carries `$1`. */
  readonly record: string;
  /** Of a row `u` of `units` whose newest PASS carries `$1`. */
  readonly newestPass: string;
}

const BY_UID: Condition = { record: 'r.uid = $1', newestPass: 'u.pass_uid = $1' };
const BY_FACET: Condition = {
  record: 'r.facets @> ARRAY[$1::text]',
  newestPass: `EXISTS (SELECT FROM records p WHERE p.serial = u.serial AND p.finished_at = u.pass_at
    AND p.hash = u.pass_hash AND p.facets @> ARRAY[$1::text])`,
};

const inScope = (column: string): string => `($2::text[] IS NULL OR ${column} = ANY ($2::text[]))`;

/** A unit carries it now when the newest PASS of one of its process steps does. */
const carriesNow = ({ newestPass }: Condition, unit: string): string =>
  `EXISTS (SELECT FROM units u WHERE u.serial = ${unit}.serial AND u.product = ${unit}.product AND ${newestPass})`;

/** `$3` and `$4` are the unit behind which to begin, or null; `$5` is how many. */
const behind = (row: string): string =>
  `($3::text IS NULL OR (${row}.serial >= $3::text AND (${row}.serial, ${row}.product) > ($3::text, $4::text)))`;

/** For what few records carry: all of them, from the index, then sorted. */
const fromRecords = ({ record }: Condition): string => `
  SELECT DISTINCT r.serial, r.product FROM records r
  WHERE ${record} AND ${inScope('r.product')} AND ${behind('r')}
  ORDER BY r.serial, r.product LIMIT $5::integer`;

/** For what many carry: unit after unit in the key's order, each looked up in its own months, until the page is full. */
const fromUnits = ({ record }: Condition): string => `
  SELECT DISTINCT u.serial, u.product FROM units u
  WHERE ${inScope('u.product')} AND ${behind('u')} AND EXISTS (
    SELECT FROM records r WHERE r.serial = u.serial AND r.product = u.product
      AND r.finished_at BETWEEN u.begun_at AND u.last_at AND ${record})
  ORDER BY u.serial, u.product LIMIT $5::integer`;

const probeSql = ({ record }: Condition): string =>
  `SELECT count(*) AS found FROM (SELECT FROM records r WHERE ${record} LIMIT ${FEW + 1}) probe`;

const pageSql = (condition: Condition, source: string): string => `
  WITH page AS (${source})
  SELECT page.serial, page.product, newest.uid, newest.station, newest.finished_at, newest.verdict,
         ${carriesNow(condition, 'page')} AS carries_now
  FROM page CROSS JOIN LATERAL (
    SELECT r.uid, r.station, r.finished_at, r.verdict FROM records r
    WHERE r.serial = page.serial AND r.product = page.product AND ${condition.record}
      AND r.finished_at >= (SELECT min(begun_at) FROM units u WHERE u.serial = page.serial AND u.product = page.product)
      AND r.finished_at <= (SELECT max(last_at) FROM units u WHERE u.serial = page.serial AND u.product = page.product)
    ORDER BY r.finished_at DESC, r.hash DESC LIMIT 1
  ) newest
  ORDER BY page.serial, page.product`;

const totalSql = (condition: Condition, source: string): string => `
  WITH found AS (${source})
  SELECT count(*) AS units, count(*) FILTER (WHERE ${carriesNow(condition, 'found')}) AS carry_now FROM found`;

const FoundRow = z.object({
  serial: z.string(),
  product: z.string(),
  uid: z.string().nullable(),
  station: z.string(),
  finished_at: TimeColumn,
  verdict: Verdict,
  carries_now: z.boolean(),
});
const TotalRow = z.object({ units: CountColumn, carry_now: CountColumn });
const ProbeRow = z.object({ found: CountColumn });

/** Units that carry, or ever carried, what is asked for; by serial, a page at a time. Throws `bad-request` for a forged cursor. */
export async function findUnits(sql: Sql, search: UnitSearch, { before, limit }: UnitPage): Promise<FoundUnits> {
  const after = readCursor(before);
  const { condition, value } = conditionOf(search);
  const values = [value, search.scope, after?.serial ?? null, after?.product ?? null, limit + 1];
  const rows = z
    .array(FoundRow)
    .parse(await sql.query(pageSql(condition, await sourceFor(sql, condition, value)), values));
  const units = rows.slice(0, limit).map(foundUnit);
  const last = units.at(-1);
  return { units, next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** Over all pages, counted to a limit. */
export async function countUnits(sql: Sql, search: UnitSearch): Promise<UnitTotals> {
  const { condition, value } = conditionOf(search);
  const text = totalSql(condition, await sourceFor(sql, condition, value));
  const [row] = z.array(TotalRow).parse(await sql.query(text, [value, search.scope, null, null, COUNTED + 1]));
  const units = row?.units ?? 0;
  return {
    units: Math.min(units, COUNTED),
    carryNow: Math.min(row?.carry_now ?? 0, COUNTED),
    atLeast: units > COUNTED,
  };
}

/** Never prepared, and asked anew for each value: what suits a batch of ten does not suit the image that half of all carry. */
async function sourceFor(sql: Sql, condition: Condition, value: string): Promise<string> {
  const [probe] = z.array(ProbeRow).parse(await sql.query(probeSql(condition), [value]));
  return (probe?.found ?? 0) > FEW ? fromUnits(condition) : fromRecords(condition);
}

function conditionOf({ by, value }: UnitSearch): { readonly condition: Condition; readonly value: string } {
  if (by === 'uid') return { condition: BY_UID, value };
  return { condition: BY_FACET, value: facet(by, asRecorded(by, value)) };
}

/** People write addresses with dashes and hashes in capitals; records have one form of each. */
function asRecorded(by: Facet, value: string): string {
  if (by === 'image' || by === 'release') return value.trim().toLowerCase();
  if (by !== 'mac') return value;
  const digits = value.replaceAll(/[\s:.-]/g, '').toLowerCase();
  return /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g) ?? []).join(':') : value;
}

function foundUnit({ finished_at, carries_now, ...row }: z.infer<typeof FoundRow>): FoundUnit {
  return { ...row, finishedAt: finished_at, carriesNow: carries_now };
}
