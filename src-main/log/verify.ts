import { setImmediate as pause } from 'node:timers/promises';
import { z } from 'zod';
import { facetsOf } from '#shared/model/facets.ts';
import { chainFault } from '#shared/model/record-chain.ts';
import { DEFAULT_PROCESS, isSimulated, UnitRecord } from '#shared/model/unit-record.ts';
import { isAttempt } from '#shared/model/yield.ts';
import type { LogDatabase } from './log-database.ts';

export interface ChainCheck {
  readonly records: number;
  /** The first thing found wrong, in words for an engineer. */
  readonly fault: string | null;
}

/** Between two pages others get their turn: a page takes some ten milliseconds. */
const PAGE = 100;

const Row = z.object({
  sequence: z.number(),
  run: z.string(),
  product: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  verdict: z.string(),
  finished_at: z.string(),
  simulated: z.number(),
  code: z.string().nullable(),
  hash: z.string(),
  body: z.string(),
});
type Row = z.infer<typeof Row>;

const Place = z.object({ sequence: z.number(), hash: z.string() });
type Place = z.infer<typeof Place>;
const Run = z.object({ run: z.string() });
const Count = z.object({ count: z.number() });
const Unit = z.object({
  first_at: z.string(),
  first_sequence: z.number(),
  first_passed: z.number(),
  passed: z.number(),
});

/** How far a check has come: plain data, so that whoever asks for the next page may be in another thread. */
export interface ChainProgress extends ChainCheck {
  readonly previous: Pick<UnitRecord, 'sequence' | 'hash'> | null;
  /** Rows of the derived tables that records account for; at the end there must be no others. */
  readonly facets: number;
  readonly units: number;
  /** The end was reached, or a fault. */
  readonly over: boolean;
}

export const CHECK_BEGINS: ChainProgress = {
  records: 0,
  fault: null,
  previous: null,
  facets: 0,
  units: 0,
  over: false,
};

/** Follows the chain from its first record: every hash, every link, and all that queries rest on. */
export async function verifyChain(database: LogDatabase): Promise<ChainCheck> {
  let progress = CHECK_BEGINS;
  while (!progress.over) {
    progress = verifyPage(database, progress);
    await pause();
  }
  return { records: progress.records, fault: progress.fault };
}

/** The next records of the chain. Other processes go on writing: a page sees one moment of the file. */
export function verifyPage(database: LogDatabase, progress: ChainProgress): ChainProgress {
  return database.snapshot(() => {
    const start = progress.previous ?? archivedUpTo(database);
    const after = start?.sequence ?? 0;
    const rows = database.all(Row, 'SELECT * FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?', after, PAGE);
    const seen = { facets: progress.facets, units: progress.units };
    let previous = start;
    let { records } = progress;
    for (const row of rows) {
      const fault = chainFault(row.body, overGap(database, previous, row)) ?? derivedFault(database, row, seen);
      if (fault !== null) return { ...seen, records, previous, fault, over: true };
      previous = { sequence: row.sequence, hash: row.hash };
      records += 1;
    }
    if (rows.length === PAGE) return { ...seen, records, previous, fault: null, over: false };
    const fault = endFault(database, seen);
    return { ...seen, records, previous, fault, over: true };
  });
}

/** Units whose first attempt is in an archive are no longer seen among the records. */
const COUNTS = {
  facets: 'SELECT count(*) AS count FROM facets WHERE sequence > ?',
  units: 'SELECT count(*) AS count FROM units WHERE first_sequence > ?',
} as const;

interface Seen {
  facets: number;
  units: number;
}

/** The prefix of the chain that went to archives: where it ends is where the log begins. */
function archivedUpTo(database: LogDatabase): Place | null {
  return database.first(Place, 'SELECT sequence, hash FROM anchors ORDER BY sequence DESC LIMIT 1') ?? null;
}

/** Records that a damaged file lost are accounted for: the chain goes on at the last of them. */
function overGap(database: LogDatabase, previous: Place | null, next: Row): Place | null {
  const after = previous?.sequence ?? 0;
  if (next.sequence === after + 1) return previous;
  // Gaps may follow each other.
  const sql = `SELECT last AS sequence, hash FROM gaps
    WHERE last = ? AND (SELECT sum(last - first + 1) FROM gaps WHERE first > ? AND last < ?) = ?`;
  const missing = next.sequence - 1 - after;
  return database.first(Place, sql, next.sequence - 1, after, next.sequence, missing) ?? previous;
}

function derivedFault(database: LogDatabase, row: Row, seen: Seen): string | null {
  const record = UnitRecord.parse(JSON.parse(row.body));
  return columnFault(row, record) ?? facetFault(database, record, seen) ?? unitFault(database, record, seen);
}

function columnFault(row: Row, record: UnitRecord): string | null {
  const columns = {
    run: record.run,
    product: record.product.id,
    serial: record.serial,
    uid: record.uid,
    verdict: record.verdict,
    finished_at: record.finishedAt,
    simulated: Number(isSimulated(record)),
    code: record.failure?.code ?? null,
    hash: record.hash,
    sequence: record.sequence,
  };
  const wrong = Object.entries(columns).find(([column, value]) => row[column as keyof typeof columns] !== value);
  return wrong ? `record ${row.sequence}: column ${wrong[0]} does not say what the record says` : null;
}

function facetFault(database: LogDatabase, record: UnitRecord, seen: Seen): string | null {
  for (const facet of facetsOf(record)) {
    const sql = 'SELECT count(*) AS count FROM facets WHERE facet = ? AND sequence = ?';
    const found = database.first(Count, sql, facet, record.sequence)?.count;
    if (found !== 1) return `record ${record.sequence} cannot be found by its ${facet}`;
    seen.facets += 1;
  }
  return null;
}

function unitFault(database: LogDatabase, record: UnitRecord, seen: Seen): string | null {
  const { verdict, sequence, finishedAt, serial, product, process } = record;
  if (!isAttempt(verdict)) return null;
  const passed = verdict === 'PASS';
  const unit = database.first(
    Unit,
    `SELECT first_at, first_sequence, first_passed, passed FROM units
     WHERE simulated = ? AND product = ? AND serial = ? AND process = ?`,
    Number(isSimulated(record)),
    product.id,
    serial,
    process ?? DEFAULT_PROCESS,
  );
  const isFirst = unit?.first_sequence === sequence;
  if (isFirst) seen.units += 1;
  const fits =
    unit !== undefined &&
    unit.first_at <= finishedAt &&
    (unit.passed === 1 || !passed) &&
    (!isFirst || (unit.first_at === finishedAt && unit.first_passed === Number(passed)));
  return fits ? null : `record ${sequence}: its unit’s row for the yield does not say what the record says`;
}

/** A chain cut off at its end is still a chain; but the runs know the records that were there. */
function endFault(database: LogDatabase, seen: Seen): string | null {
  const archived = archivedUpTo(database)?.sequence ?? 0;
  const last = database.first(Place, 'SELECT sequence, hash FROM chain_tail')?.sequence ?? 0;
  const lost = database.first(Run, 'SELECT run FROM runs WHERE record > ? ORDER BY record', last);
  if (lost) return `the record of run ${lost.run} is missing: the chain ends at ${last}`;
  for (const table of ['facets', 'units'] as const) {
    const there = database.first(Count, COUNTS[table], archived)?.count;
    if (there !== seen[table]) return `table ${table} holds ${there} rows, the records give ${seen[table]}`;
  }
  return null;
}
