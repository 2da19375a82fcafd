import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import { isDamage } from './sqlite-error.ts';

const Name = z.object({ name: z.string() });
const Column = z.object({ name: z.string(), hidden: z.number() });
const Most = z.object({ most: z.number().nullable() });
const Row = z.record(z.string(), z.union([z.string(), z.number(), z.null(), z.instanceof(Uint8Array)]));
type Row = z.infer<typeof Row>;

/** Made of the records, or found page by page. */
const DERIVED: ReadonlySet<string> = new Set(['records', 'facets', 'units', 'sqlite_sequence']);

/** What only grows is as true in a backup as it was then; anything else (numbers taken of a lease!) is not. */
const GROWING = [
  'runs',
  'journal',
  'acknowledgements',
  'chain_heads',
  'anchors',
  'archived_passes',
  'strays',
  'plant',
  'branches',
  'numbers_taken',
  'list_rows',
  'setting_changes',
];

/** Ranges that could not be read, before a table is given up: where an inner page is broken, each half of it fails again. */
const MOST_FAILURES = 500;

type Copied = (done: number, total: number) => void;

/** What SQLite still reads of all other tables; `copied` is told with every row. True when the whole outbox was read. */
export function copyTables(
  into: Sqlite.Database,
  damaged: string,
  backup: string | null,
  copied: Copied = () => undefined,
): boolean {
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
  const tables = into
    .prepare(sql)
    .all()
    .map((row) => Name.parse(row).name)
    .filter((table) => !DERIVED.has(table));
  const turned = rowCounter(damaged, tables, copied);
  const complete = withFile(damaged, (from) => tables.map((table) => copyTable(from, into, table, turned)));
  const whole = new Set(tables.filter((_, index) => complete?.[index] === true));
  if (backup !== null)
    withFile(backup, (from) => {
      for (const table of GROWING) if (!whole.has(table)) copyTable(from, into, table, turned);
    });
  // Their records are in archives: nothing else knows their first attempt any more.
  for (const file of backup === null ? [damaged] : [damaged, backup])
    withFile(file, (from) => copyTable(from, into, 'units', turned, archivedUnits(into)));
  return whole.has('outbox');
}

function archivedUnits(into: Sqlite.Database): (row: Row) => boolean {
  const { most } = Most.parse(into.prepare('SELECT max(sequence) AS most FROM anchors').get());
  return ({ first_sequence }) => typeof first_sequence === 'number' && first_sequence <= (most ?? 0);
}

function withFile<T>(file: string, work: (from: Sqlite.Database) => T): T | undefined {
  return attempt(() => {
    const from = new Sqlite(file, { readonly: true, fileMustExist: true });
    try {
      return work(from);
    } finally {
      from.close();
    }
  });
}

/** The largest row id of a table stands for how many rows it has: counting them would read them all once more. */
function rowCounter(file: string, tables: readonly string[], copied: Copied): () => void {
  const most = (from: Sqlite.Database, table: string) =>
    attempt(() => Most.parse(from.prepare(`SELECT max(rowid) AS most FROM ${table}`).get()).most, isUnreadable) ?? 0;
  const total = withFile(file, (from) => tables.reduce((sum, table) => sum + most(from, table), 0)) ?? 0;
  let done = 0;
  return () => copied(Math.min(++done, total), total);
}

/** Damaged, or a table that has no row ids. */
function isUnreadable(thrown: unknown): boolean {
  return isDamage(thrown) || (thrown instanceof Sqlite.SqliteError && thrown.code === 'SQLITE_ERROR');
}

/** True when every row was read. */
function copyTable(
  from: Sqlite.Database,
  into: Sqlite.Database,
  table: string,
  turned: () => void,
  isWanted: (row: Row) => boolean = () => true,
): boolean {
  const columns = into
    .prepare(`SELECT name, hidden FROM pragma_table_xinfo(?)`)
    .all(table)
    .map((row) => Column.parse(row))
    .filter(({ hidden }) => hidden === 0)
    .map(({ name }) => name);
  const marks = columns.map(() => '?').join(', ');
  const insert = into.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`);
  const put = (each: unknown): void => {
    turned();
    const row = Row.parse(each);
    // A value of another type than its column's is what a broken page made of it.
    if (isWanted(row)) attempt(() => insert.run(...columns.map((column) => row[column] ?? null)), isRefused);
  };
  const select = `SELECT ${columns.join(', ')} FROM ${table}`;
  const all = attempt(() => {
    for (const row of from.prepare(select).iterate()) put(row);
    return true;
  });
  if (all === true) return true;
  copyRanges(from, table, select, put);
  return false;
}

/** Around broken pages, by halves. */
function copyRanges(from: Sqlite.Database, table: string, select: string, put: (row: unknown) => void): void {
  const most = attempt(() => Most.parse(from.prepare(`SELECT max(rowid) AS most FROM ${table}`).get()).most);
  const range = attempt(() => from.prepare(`${select} WHERE rowid BETWEEN ? AND ?`));
  if (range === undefined) return;
  let failures = 0;
  const ranges: [number, number][] = [[1, most ?? 2 ** 24]];
  for (let next = ranges.pop(); next !== undefined && failures < MOST_FAILURES; next = ranges.pop()) {
    const [first, last] = next;
    const rows = attempt(() => range.all(first, last));
    for (const row of rows ?? []) put(row);
    if (rows !== undefined) continue;
    failures += 1;
    const half = Math.floor((first + last) / 2);
    if (first < last) ranges.push([half + 1, last], [first, half]);
  }
}

function attempt<T>(work: () => T, isExpected: (thrown: unknown) => boolean = isDamage): T | undefined {
  try {
    return work();
  } catch (thrown) {
    if (isExpected(thrown)) return undefined;
    throw thrown;
  }
}

function isRefused(thrown: unknown): boolean {
  return thrown instanceof Sqlite.SqliteError && thrown.code.startsWith('SQLITE_CONSTRAINT');
}
