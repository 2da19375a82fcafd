import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import { chainFault, readRecord, recordHash } from '#shared/model/record-chain.ts';
import { migrate, MIGRATIONS } from './migrate.ts';
import { PAGE_BYTES, pagesIn, textsIn } from './page-scan.ts';
import { readU32be } from './sqlite-bytes.ts';
import { isDamage } from './sqlite-error.ts';
import { walHidesFrames } from './wal-check.ts';

/** Files up to this size are checked as a whole at every opening: it takes some hundred milliseconds. */
const WHOLE_CHECK_BYTES = 16 * 1024 * 1024;
/** Of every log, its newest records. */
const NEWEST = 1000;
const NEWEST_MS = 500;

export interface DamageOptions {
  readonly file: string;
  readonly monotonic: () => number;
  /** All pages and all records, however long it takes. */
  readonly thorough: boolean;
  /** Told while all records, or all pages, are looked at; `total` null while SQLite looks for itself. What it throws ends that. */
  readonly progress?: (done: number, total: number | null) => void;
}

/** What is wrong with the file, in words for an engineer; null where nothing was found. Changes nothing. */
export function damageOf(options: DamageOptions): string | null {
  const { file } = options;
  if (!existsSync(file)) return null;
  const raw = headerFault(file);
  if (raw !== null) return raw;
  if (statSync(file).size === 0) return null;
  try {
    const database = new Sqlite(file, { readonly: true });
    try {
      return contentFault(database, options) ?? hiddenFault(database, options);
    } finally {
      database.close();
    }
  } catch (thrown) {
    if (isDamage(thrown)) return thrown instanceof Error ? thrown.message : String(thrown);
    throw thrown;
  }
}

/**
 * The file's header (sqlite.org/fileformat2.html, section 1.3), before SQLite looks at it: with another mode in it, SQLite would
 * pass over the write-ahead log, and the newest records with it.
 */
function headerFault(file: string): string | null {
  const wal = existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0;
  const { size } = statSync(file);
  if (size === 0) return wal > 0 ? 'it is empty' : null;
  const header = Buffer.alloc(100);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, 100, 0);
  } finally {
    closeSync(descriptor);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') return 'it is no database';
  const [write, read] = [header[18] ?? 0, header[19] ?? 0];
  const isMode = write === read && (write === 2 || (write === 1 && wal === 0));
  const isOurs =
    header.readUInt16BE(16) === PAGE_BYTES &&
    [header[20], header[21], header[22], header[23]].join() === '0,64,32,32' &&
    readU32be(header, 56) === 1;
  if (!isMode || !isOurs) return 'its header is damaged';
  const pages = readU32be(header, 28);
  const isCounted = readU32be(header, 24) === readU32be(header, 92);
  if (wal === 0 && isCounted && pages * PAGE_BYTES > size)
    return `it was cut off: ${size} bytes are left of ${pages * PAGE_BYTES}`;
  return null;
}

function contentFault(
  database: Sqlite.Database,
  { file, monotonic, thorough, progress }: DamageOptions,
): string | null {
  const version = Number(database.pragma('user_version', { simple: true }));
  const schema = schemaOf(database);
  const newest = MIGRATIONS.at(-1)?.version ?? 0;
  // A log of another version has another shape as well.
  if (version !== newest) return schema === newestSchema() ? `its header says that its format is ${version}` : null;
  if (schema !== newestSchema()) return 'its schema is not the one that it was made with';
  if (thorough || statSync(file).size <= WHOLE_CHECK_BYTES) {
    if (thorough) progress?.(0, null);
    const said = database.pragma('integrity_check(1)', { simple: true });
    if (said !== 'ok') return String(said);
  }
  return newestFault(
    database,
    thorough ? { records: -1, until: Infinity } : { records: NEWEST, until: monotonic() + NEWEST_MS },
    {
      monotonic,
      progress: thorough ? counter(Count.parse(database.prepare(COUNT).get()).count, progress) : () => undefined,
    },
  );
}

const COUNT = 'SELECT count(*) AS count FROM records';
const Count = z.object({ count: z.number() });

function counter(total: number, progress: DamageOptions['progress']): () => void {
  let done = 0;
  return () => progress?.(++done, total);
}

const End = z.object({ sequence: z.number().nullable() });

/**
 * Frames that SQLite passes over are nothing to worry about when a killed process left them behind before they were
 * committed; but a whole record among them, newer than all that SQLite shows, was hidden by a broken frame.
 */
function hiddenFault(database: Sqlite.Database, { file, progress }: DamageOptions): string | null {
  if (!walHidesFrames(file)) return null;
  const end = End.parse(database.prepare('SELECT max(sequence) AS sequence FROM records').get()).sequence ?? 0;
  const turned = counter(pagesIn(file), progress);
  for (const text of textsIn(file, (start) => start.startsWith('{'), turned)) {
    const sequence = wholeRecord(text);
    if (sequence !== null && sequence > end) return 'its write-ahead log is broken in front of newer records';
  }
  return null;
}

/** The place of a record whose hash is right. */
function wholeRecord(text: string): number | null {
  try {
    const read = readRecord(JSON.parse(text));
    return typeof read !== 'string' && recordHash(read.raw) === read.record.hash ? read.record.sequence : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

const Schema = z.object({ sql: z.string().nullable() });

function schemaOf(database: Sqlite.Database): string {
  const rows = database.prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
  return rows.map((row) => wordsOf(Schema.parse(row).sql ?? '')).join('\n');
}

/** What is meant, however it is laid out and explained. */
function wordsOf(sql: string): string {
  return sql.replaceAll(/--[^\n]*/g, ' ').replaceAll(/\s+/g, ' ');
}

function newestSchema(): string {
  const database = new Sqlite(':memory:');
  try {
    migrate(database);
    return schemaOf(database);
  } finally {
    database.close();
  }
}

const Row = z.object({ sequence: z.number(), hash: z.string(), body: z.string() });
const Place = z.object({ sequence: z.number(), hash: z.string() });

/** From the newest record back, each against the one before it. */
function newestFault(
  database: Sqlite.Database,
  limit: { readonly records: number; readonly until: number },
  { monotonic, progress }: { readonly monotonic: () => number; readonly progress: () => void },
): string | null {
  const rows = database.prepare('SELECT sequence, hash, body FROM records ORDER BY sequence DESC LIMIT ?');
  const before = database.prepare(
    `SELECT * FROM (SELECT sequence, hash FROM records WHERE sequence < ? ORDER BY sequence DESC LIMIT 1)
     UNION ALL SELECT last, hash FROM gaps WHERE last = ? UNION ALL SELECT sequence, hash FROM anchors WHERE sequence = ?
     ORDER BY sequence DESC LIMIT 1`,
  );
  for (const each of rows.iterate(limit.records)) {
    progress();
    const row = Row.parse(each);
    const place = before.get(row.sequence, row.sequence - 1, row.sequence - 1);
    const previous = place === undefined ? null : Place.parse(place);
    const fault = chainFault(row.body, previous);
    if (fault !== null) return fault;
    if (monotonic() > limit.until) return null;
  }
  return null;
}
