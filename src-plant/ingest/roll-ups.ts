import type { Sql } from '../database/database.ts';
import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import { columns, instantText } from './columns.ts';
import type { CheckedRecord } from './read-batch.ts';
import type { ChangedUnit, Standing } from './units.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A change of one cell of the roll-ups: `key` is where, `counts` by how much. */
interface Delta {
  readonly ms: number;
  readonly names: readonly string[];
  readonly counts: number[];
}

const SPANS = [
  { span: 'hour', ms: HOUR_MS },
  { span: 'day', ms: DAY_MS },
] as const;

/** Units are counted where their first attempt is: when an earlier one comes to light, a unit moves. */
export async function changeYield(sql: Sql, units: readonly ChangedUnit[]): Promise<void> {
  for (const { span, ms } of SPANS) {
    const deltas = new Map<string, Delta>();
    for (const { product, process, was, now } of units) {
      if (was !== null) count(deltas, ms, product, process, was, -1);
      count(deltas, ms, product, process, now, 1);
    }
    await addYield(sql, span, changes(deltas));
  }
}

function count(
  deltas: Map<string, Delta>,
  spanMs: number,
  product: string,
  process: string,
  standing: Standing,
  sign: 1 | -1,
): void {
  const { first_at, first_verdict, first_station, first_order, passed } = standing;
  if (first_at === null) return;
  const passedFirst = first_verdict === 'PASS';
  const counts = [true, passedFirst, !passedFirst && passed];
  add(
    deltas,
    first_at,
    spanMs,
    [product, process, first_station ?? '', first_order ?? ''],
    counts.map((is) => (is ? sign : 0)),
  );
}

/** Runs by how they ended, where they ended. */
export async function countRuns(sql: Sql, records: readonly CheckedRecord[], station: string): Promise<void> {
  for (const { span, ms } of SPANS) {
    const deltas = new Map<string, Delta>();
    for (const { record, finishedMs } of records) {
      const { product, process = DEFAULT_PROCESS, verdict, failure } = record;
      add(deltas, finishedMs, ms, [product.id, process, station, verdict, failure?.code ?? ''], [1]);
    }
    await addRuns(sql, span, changes(deltas));
  }
}

function add(
  deltas: Map<string, Delta>,
  at: number,
  spanMs: number,
  names: readonly string[],
  counts: readonly number[],
): void {
  const ms = Math.floor(at / spanMs) * spanMs;
  const key = [instantText(ms), ...names].join('\0');
  const delta = deltas.get(key);
  if (delta === undefined) deltas.set(key, { ms, names, counts: [...counts] });
  else for (const [index, by] of counts.entries()) delta.counts[index] = (delta.counts[index] ?? 0) + by;
}

/** In the order of their keys, in which everybody locks them; without those that cancelled out. */
function changes(deltas: ReadonlyMap<string, Delta>): readonly Delta[] {
  return [...deltas]
    .filter(([, { counts }]) => counts.some((by) => by !== 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, delta]) => delta);
}

async function addYield(sql: Sql, span: 'hour' | 'day', deltas: readonly Delta[]): Promise<void> {
  if (deltas.length === 0) return;
  const text = `
    INSERT INTO yield_${span}s AS y (${span}, product, process, station, work_order,
      attempted, passed_first, passed_later)
    SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[],
      $6::bigint[], $7::bigint[], $8::bigint[])
    ON CONFLICT (${span}, product, process, station, work_order) DO UPDATE SET
      attempted = y.attempted + excluded.attempted, passed_first = y.passed_first + excluded.passed_first,
      passed_later = y.passed_later + excluded.passed_later`;
  await sql.query(text, cells(deltas, 4, 3), `yield-${span}s-add`);
}

async function addRuns(sql: Sql, span: 'hour' | 'day', deltas: readonly Delta[]): Promise<void> {
  const text = `
    INSERT INTO run_${span}s AS r (${span}, product, process, station, verdict, code, runs)
    SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    ON CONFLICT (${span}, product, process, station, verdict, code) DO UPDATE SET runs = r.runs + excluded.runs`;
  await sql.query(text, cells(deltas, 5, 1), `run-${span}s-add`);
}

function cells(deltas: readonly Delta[], names: number, counts: number) {
  return columns(deltas, [
    ({ ms }) => instantText(ms),
    ...Array.from({ length: names }, (_, index) => (delta: Delta) => delta.names[index] ?? ''),
    ...Array.from({ length: counts }, (_, index) => (delta: Delta) => delta.counts[index] ?? 0),
  ]);
}
