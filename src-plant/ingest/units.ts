import { z } from 'zod';
import type { Sql } from '../database/database.ts';
import { columns, instantText } from './columns.ts';
import { unitKey, type UnitRuns } from './unit-runs.ts';

/** What a unit counts as in yield. */
const Standing = z.object({
  first_at: z.number().nullable(),
  first_verdict: z.string().nullable(),
  first_station: z.string().nullable(),
  first_order: z.string().nullable(),
  passed: z.boolean(),
  board: z.string().nullable(),
});
export type Standing = z.infer<typeof Standing>;

const Met = z.object({
  serial: z.string(),
  product: z.string(),
  process: z.string(),
  was: Standing,
  now: Standing,
});

/** A unit at one step, before these runs (null: it was not known) and with them. */
export interface ChangedUnit {
  readonly product: string;
  readonly process: string;
  readonly was: Standing | null;
  readonly now: Standing;
}

/** Milliseconds, as a record of it is made in SQL. */
const standing = (row: string) => `
  jsonb_build_object('first_at', floor(extract(epoch FROM ${row}.first_at) * 1000), 'first_verdict', ${row}.first_verdict,
    'first_station', ${row}.first_station, 'first_order', ${row}.first_order, 'passed', ${row}.pass_at IS NOT NULL,
    'board', ${row}.board)`;

/** Of the row that is there and the one that comes, which has the earlier (later) `at`, then hash; none where both have none. */
const pick = (at: string, hash: string, rest: readonly string[], direction: 'ASC' | 'DESC') => {
  const names = [at, hash, ...rest];
  const row = (table: string) => `(${names.map((name) => `${table}.${name}`).join(', ')})`;
  return `
    (${names.join(', ')}) = (
      SELECT ${names.map((name) => `either.${name}`).join(', ')}
      FROM (VALUES ${row('u')}, ${row('excluded')}) AS either (${names.join(', ')})
      WHERE either.${at} IS NOT NULL ORDER BY either.${at} ${direction}, either.${hash} ${direction} LIMIT 1)`;
};

/** Answers only with the units that were there: of the others everything is known. */
const UPSERT = `
  WITH changed AS (
  INSERT INTO units AS u (serial, product, process, runs, begun_at,
    first_at, first_hash, first_verdict, first_station, first_order,
    last_at, last_hash, last_verdict, last_station,
    pass_at, pass_hash, pass_station, pass_uid, board)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::timestamptz[], $12::text[], $13::text[], $14::text[],
    $15::timestamptz[], $16::text[], $17::text[], $18::text[], $19::text[])
  ON CONFLICT (serial, product, process) DO UPDATE SET
    runs = u.runs + excluded.runs,
    begun_at = least(u.begun_at, excluded.begun_at),
    ${pick('first_at', 'first_hash', ['first_verdict', 'first_station', 'first_order'], 'ASC')},
    ${pick('last_at', 'last_hash', ['last_verdict', 'last_station'], 'DESC')},
    ${pick('pass_at', 'pass_hash', ['pass_station', 'pass_uid'], 'DESC')},
    board = least(u.board, excluded.board),
    was = ${standing('u')}
  RETURNING *)
  SELECT serial, product, process, was, ${standing('changed')} AS now FROM changed WHERE was IS NOT NULL`;

/** In the same order. They must be in that of their keys: that is the order in which their rows are locked. */
export async function changeUnits(sql: Sql, units: readonly UnitRuns[]): Promise<readonly ChangedUnit[]> {
  const instant = (run: { readonly ms: number } | null) => (run === null ? null : instantText(run.ms));
  const values = columns(units, [
    (unit) => unit.serial,
    (unit) => unit.product,
    (unit) => unit.process,
    (unit) => unit.runs,
    (unit) => instantText(unit.begunMs),
    ({ first }) => instant(first),
    ({ first }) => first?.hash ?? null,
    ({ first }) => first?.verdict ?? null,
    ({ first }) => first?.station ?? null,
    ({ first }) => first?.order ?? null,
    ({ last }) => instant(last),
    ({ last }) => last.hash,
    ({ last }) => last.verdict,
    ({ last }) => last.station,
    ({ pass }) => instant(pass),
    ({ pass }) => pass?.hash ?? null,
    ({ pass }) => pass?.station ?? null,
    ({ pass }) => pass?.uid ?? null,
    (unit) => leastOf(unit.boards),
  ]);
  const rows = z.array(Met).parse(await sql.query(UPSERT, values, 'units-change'));
  const met = new Map(rows.map((row) => [unitKey(row.serial, row.product, row.process), row]));
  return units.map((unit) => {
    const { serial, product, process } = unit;
    return met.get(unitKey(serial, product, process)) ?? { product, process, was: null, now: standingOf(unit) };
  });
}

/** What `standing` says of a unit of which there is nothing but these runs. */
function standingOf({ first, pass, boards }: UnitRuns): Standing {
  return {
    first_at: first?.ms ?? null,
    first_verdict: first?.verdict ?? null,
    first_station: first?.station ?? null,
    first_order: first?.order ?? null,
    passed: pass !== null,
    board: leastOf(boards),
  };
}

function leastOf(boards: ReadonlySet<string>): string | null {
  return [...boards].sort()[0] ?? null;
}
