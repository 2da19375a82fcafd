import { z } from 'zod';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import type { Sql } from '#plant/database/database.ts';

/**
 * What a plant must hold after these records, thought of all at once and plainly: sort everything, look at it. The code under
 * test hears of them in pieces.
 */
export interface PlantState {
  readonly units: readonly object[];
  readonly yields: readonly object[];
  readonly ends: readonly object[];
  readonly findings: readonly string[];
}

const isAttempt = ({ verdict }: UnitRecord) => verdict === 'PASS' || verdict === 'FAIL';
const ms = ({ finishedAt }: UnitRecord) => Date.parse(finishedAt);
const spanOf = (record: UnitRecord, span: number) => new Date(Math.floor(ms(record) / span) * span);
const SPANS = { hour: 3_600_000, day: 86_400_000 } as const;
type Span = keyof typeof SPANS;

export function plantModel(all: readonly UnitRecord[]): PlantState {
  const real = all.filter(({ probe }) => !probe.startsWith('bench:'));
  const sorted = real.toSorted((a, b) => ms(a) - ms(b) || (a.hash < b.hash ? -1 : 1));
  const byUnit = Map.groupBy(sorted, (r) => JSON.stringify([r.serial, r.product.id, r.process ?? 'flash']));
  const units = [...byUnit.values()].map(unitOf);
  const spans = Object.keys(SPANS) as Span[];
  return {
    units: sortRows(units),
    yields: sortRows(spans.flatMap((span) => yieldsOf([...byUnit.values()], span))),
    ends: sortRows(spans.flatMap((span) => endsOf(sorted, span))),
    findings: findingsOf(sorted, byUnit).toSorted(),
  };
}

function unitOf(runs: readonly UnitRecord[]): object {
  const first = runs.find(isAttempt);
  const pass = runs.findLast(({ verdict }) => verdict === 'PASS');
  const [begun, last] = [runs[0], runs.at(-1)];
  if (begun === undefined || last === undefined) throw new Error('a unit without runs');
  const of = (run: UnitRecord | undefined) => (run === undefined ? null : [new Date(ms(run)), run.hash, run.station]);
  return {
    unit: [last.serial, last.product.id, last.process ?? 'flash'],
    runs: runs.length,
    begun: new Date(ms(begun)),
    first: of(first),
    firstVerdict: first?.verdict ?? null,
    firstOrder: first?.order ?? null,
    last: of(last),
    lastVerdict: last.verdict,
    pass: of(pass),
    passUid: pass?.uid ?? null,
  };
}

function yieldsOf(units: readonly (readonly UnitRecord[])[], span: Span): object[] {
  const counted = units.flatMap((runs) => {
    const first = runs.find(isAttempt);
    if (first === undefined) return [];
    const passes = runs.some(({ verdict }) => verdict === 'PASS');
    const at = spanOf(first, SPANS[span]);
    const cell = [span, at, first.product.id, first.process ?? 'flash', first.station, first.order ?? ''];
    return [{ cell, attempted: 1, first: first.verdict === 'PASS', later: first.verdict === 'FAIL' && passes }];
  });
  return [...Map.groupBy(counted, ({ cell }) => JSON.stringify(cell)).values()].map((same) => ({
    cell: same[0]?.cell,
    attempted: same.length,
    passedFirst: same.filter(({ first }) => first).length,
    passedLater: same.filter(({ later }) => later).length,
  }));
}

function endsOf(records: readonly UnitRecord[], span: Span): object[] {
  const cellOf = (r: UnitRecord) => {
    const where = [span, spanOf(r, SPANS[span]), r.product.id, r.process ?? 'flash', r.station];
    return [...where, r.verdict, r.failure?.code ?? ''];
  };
  const cells = Map.groupBy(records.map(cellOf), (cell) => JSON.stringify(cell));
  return [...cells.values()].map((same) => ({ cell: same[0], runs: same.length }));
}

function findingsOf(records: readonly UnitRecord[], byUnit: ReadonlyMap<string, readonly UnitRecord[]>): string[] {
  const serials = [...byUnit.values()].flatMap((runs) => {
    const uids = new Set(runs.flatMap((r) => (r.verdict === 'PASS' && r.uid !== null ? [r.uid] : [])));
    const [first] = runs;
    return uids.size < 2 || first === undefined ? [] : [`duplicate-serial ${first.product.id} ${first.serial}`];
  });
  const marks = records.flatMap((r) => {
    if (r.verdict !== 'PASS') return [];
    const own = [...(r.uid === null ? [] : [`uid ${r.uid}`]), ...(r.macs ?? []).map((mac) => `mac ${mac}`)];
    return own.map((mark) => ({ mark, serial: r.serial }));
  });
  const shared = [...Map.groupBy(marks, ({ mark }) => mark)]
    .filter(([, owners]) => new Set(owners.map(({ serial }) => serial)).size > 1)
    .map(([mark]) => `duplicate-${mark}`);
  return [...new Set([...serials, ...shared])];
}

const At = z.date().nullable();
const Text = z.string().nullable();

/** The same of a database. */
export async function readPlantState(sql: Sql): Promise<PlantState> {
  const units = await sql.query('SELECT * FROM units');
  const each = Object.keys(SPANS) as Span[];
  const yields = await Promise.all(each.map((span) => readYields(sql, span)));
  const ends = await Promise.all(each.map((span) => readEnds(sql, span)));
  return {
    units: sortRows(units.map(readUnit)),
    yields: sortRows(yields.flat()),
    ends: sortRows(ends.flat()),
    findings: (await readFindings(sql)).toSorted(),
  };
}

function readUnit(row: Readonly<Record<string, unknown>>): object {
  const run = (name: string) => {
    const at = At.parse(row[`${name}_at`]);
    return at === null ? null : [at, Text.parse(row[`${name}_hash`]), Text.parse(row[`${name}_station`])];
  };
  return {
    unit: [row['serial'], row['product'], row['process']],
    runs: row['runs'],
    begun: row['begun_at'],
    first: run('first'),
    firstVerdict: row['first_verdict'],
    firstOrder: row['first_order'],
    last: run('last'),
    lastVerdict: row['last_verdict'],
    pass: run('pass'),
    passUid: row['pass_uid'],
  };
}

async function readYields(sql: Sql, span: Span): Promise<object[]> {
  const rows = await sql.query(
    `SELECT * FROM yield_${span}s WHERE (attempted, passed_first, passed_later) <> (0, 0, 0)`,
  );
  return rows.map((row) => ({
    cell: [span, row[span], row['product'], row['process'], row['station'], row['work_order']],
    attempted: row['attempted'],
    passedFirst: row['passed_first'],
    passedLater: row['passed_later'],
  }));
}

async function readEnds(sql: Sql, span: Span): Promise<object[]> {
  const rows = await sql.query(`SELECT * FROM run_${span}s`);
  return rows.map((row) => ({
    cell: [span, row[span], row['product'], row['process'], row['station'], row['verdict'], row['code']],
    runs: row['runs'],
  }));
}

const FoundRow = z.object({ kind: z.string(), identity: z.string(), product: Text, serial: Text });

async function readFindings(sql: Sql): Promise<string[]> {
  const rows = z.array(FoundRow).parse(await sql.query("SELECT * FROM findings WHERE kind LIKE 'duplicate-%'"));
  return rows.map(({ kind, identity, product, serial }) =>
    kind === 'duplicate-serial' ? `${kind} ${product} ${serial}` : identity.replace('\n', ' '),
  );
}

function sortRows<T extends object>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
