import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import { canonicalJson, readRecord, recordTexts } from '#shared/model/record-chain.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { GENESIS_HASH, isSimulated, RecordDraft } from '#shared/model/unit-record.ts';
import { copyTables } from './copy-tables.ts';
import { interruptedDraft } from './interrupted.ts';
import { migrate } from './migrate.ts';
import { Owner } from './process-owner.ts';
import { pagesIn, textsIn } from './page-scan.ts';
import { indexRecord } from './record-index.ts';

export interface SalvageOptions {
  /** The damaged file, with its write-ahead log beside it. Neither is changed. */
  readonly damaged: string;
  /** A backup that fills what the damaged file has lost; null for none. */
  readonly backup: string | null;
  /** The new log; there must be no such file. */
  readonly into: string;
  /** Under which name the damaged file will be kept. */
  readonly name: string;
  /** UTC, ISO 8601. */
  readonly at: string;
  /**
   * Told with every row that is copied, then with every page that is read, with every record that is put in its place, and once
   * when what hangs on them is settled. What it throws ends the salvage.
   */
  readonly progress: (step: SalvageStep, done: number, total: number) => void;
}

export type SalvageStep = 'copy' | 'read' | 'place' | 'settle';

export interface Salvaged {
  readonly records: number;
  /** Pieces of the chain that are lost, and how many records that makes. */
  readonly gaps: readonly { readonly first: number; readonly last: number }[];
  readonly lost: number;
  /** Texts of records that fit nowhere. */
  readonly strays: number;
}

const Found = z.object({ sequence: z.number(), hash: z.string(), previous: z.string(), body: z.string() });
const Place = z.object({ sequence: z.number(), hash: z.string() });
type Place = z.infer<typeof Place>;
const Head = Place.extend({ chain: z.string(), jws: z.string() });
const OpenRun = z.object({ run: z.string(), opening: z.string(), owner: z.string() });
const Entry = z.object({ entry: z.string() });
const Stray = z.object({ body: z.string(), reason: z.string() });
const Count = z.object({ count: z.number() });

/**
 * Makes a new log of all that can still be read, of the same chain. Every record stands for itself: it is taken from wherever
 * a page of it is found, and counts when its hash is right. What is missing between two of them becomes a gap, over which the
 * chain goes on by the hash that the next record (or a signed head) names. What looks like a record and fits nowhere is kept
 * as a stray.
 */
export function salvage(options: SalvageOptions): Salvaged {
  const database = new Sqlite(options.into);
  try {
    // Nobody sees this file before it is whole and on the disk.
    database.pragma('journal_mode = OFF');
    // What was found is as large as the log itself: better-sqlite3 would keep it in memory.
    database.pragma('temp_store = FILE');
    database.pragma('synchronous = OFF');
    database.pragma('foreign_keys = OFF');
    migrate(database);
    const result = database.transaction(() => withoutTriggers(database, () => new Salvage(database, options).run()))();
    database.pragma('journal_mode = DELETE');
    return result;
  } finally {
    database.close();
  }
}

const Trigger = z.object({ name: z.string(), sql: z.string() });

/** What the triggers guard is put in by its own rules here; afterwards they guard it as ever. */
function withoutTriggers<T>(database: Sqlite.Database, work: () => T): T {
  const triggers = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all()
    .map((row) => Trigger.parse(row));
  for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
  const result = work();
  for (const { sql } of triggers) database.exec(sql);
  return result;
}

/** Any text that may once have been a record's. */
function looksLikeRecord(start: string): boolean {
  return start.startsWith('{') || start.includes('"appVersion"');
}

/** Openings and journal entries are JSON too. */
function isRecordLike(text: string): boolean {
  return text.includes('"previousHash"') || text.includes('"finishedAt"');
}

class Salvage {
  readonly #database: Sqlite.Database;
  readonly #options: SalvageOptions;
  readonly #statements = new Map<string, Sqlite.Statement>();
  #strays = 0;

  constructor(database: Sqlite.Database, options: SalvageOptions) {
    this.#database = database;
    this.#options = options;
  }

  run(): Salvaged {
    const { damaged, backup, progress } = this.#options;
    this.#database.exec(`
      CREATE TEMP TABLE found (sequence INTEGER, hash TEXT, previous TEXT, body TEXT, PRIMARY KEY (sequence, hash));
      CREATE TEMP TABLE broken (body TEXT PRIMARY KEY, reason TEXT);
      CREATE TEMP TABLE tails (sequence INTEGER, hash TEXT)`);
    const readOutbox = copyTables(this.#database, damaged, backup, (done, total) => progress('copy', done, total));
    const files = [damaged, ...(backup === null ? [] : [backup])];
    const turned = this.#counter(
      'read',
      files.map(pagesIn).reduce((sum, pages) => sum + pages, 0),
    );
    for (const file of files) for (const text of textsIn(file, looksLikeRecord, turned)) this.#take(text);
    const gaps = this.#placeRecords(this.#counter('place', this.#count('SELECT count(*) AS count FROM found')));
    progress('settle', 0, 1);
    this.#settleRuns(readOutbox);
    this.#keepStrays();
    const records = this.#count('SELECT count(*) AS count FROM records');
    const lost = gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    return { records, gaps, lost, strays: this.#strays };
  }

  #take(text: string): void {
    if (!isRecordLike(text)) return;
    const record = readText(text);
    if (typeof record === 'string') return this.#break(text, record);
    const { hashed, body } = recordTexts(record.raw);
    const { sequence, hash, previousHash } = record.record;
    const right = sha256Hex(new TextEncoder().encode(hashed));
    if (right !== hash) return this.#break(text, `its hash is ${right}, it says ${hash}`);
    this.#prepare('INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?)').run(sequence, hash, previousHash, body);
  }

  #break(body: string, reason: string): void {
    this.#prepare('INSERT OR IGNORE INTO broken VALUES (?, ?)').run(body, reason);
  }

  #counter(step: SalvageStep, total: number): () => void {
    let done = 0;
    return () => this.#options.progress(step, ++done, total);
  }

  /** From the newest to the oldest: each names the one before it. */
  #placeRecords(placed: () => void): { first: number; last: number }[] {
    const archived = this.#place('SELECT sequence, hash FROM anchors ORDER BY sequence DESC LIMIT 1');
    const floor = archived ?? { sequence: 0, hash: GENESIS_HASH };
    const gaps: (Place & { first: number })[] = [];
    let wanted = this.#knownTail(floor.sequence);
    const rows = this.#prepare('SELECT sequence, hash, previous, body FROM found WHERE sequence = ? AND hash = ?');
    const below = this.#prepare(
      'SELECT sequence, hash FROM found WHERE sequence BETWEEN ? AND ? ORDER BY sequence DESC, hash IN (SELECT hash FROM tails) DESC LIMIT 1',
    );
    while (wanted.sequence > floor.sequence) {
      const row: unknown = rows.get(wanted.sequence, wanted.hash);
      if (row !== undefined) {
        const found = Found.parse(row);
        this.#insert(found);
        placed();
        wanted = { sequence: found.sequence - 1, hash: found.previous };
        continue;
      }
      const next: unknown = below.get(floor.sequence + 1, wanted.sequence - 1);
      const place: Place = next === undefined ? floor : Place.parse(next);
      gaps.push({ ...wanted, first: place.sequence + 1 });
      wanted = place;
    }
    for (const { first, sequence, hash } of gaps)
      this.#prepare('INSERT INTO gaps VALUES (?, ?, ?)').run(first, sequence, hash);
    return gaps.map(({ first, sequence }) => ({ first, last: sequence })).toReversed();
  }

  /** The furthest place that anything vouches for: a record, a signed head, an earlier gap's end. */
  #knownTail(archived: number): Place {
    this.#dropBrokenHeads();
    this.#database.exec('INSERT INTO tails SELECT sequence, hash FROM chain_heads');
    const tail = this.#place(
      `SELECT sequence, hash FROM (
         SELECT 1 AS rank, * FROM tails UNION SELECT 2, sequence, hash FROM found UNION SELECT 3, last, hash FROM gaps)
       ORDER BY sequence DESC, rank LIMIT 1`,
    );
    this.#database.exec('DELETE FROM gaps');
    return tail && tail.sequence > archived ? tail : { sequence: archived, hash: '' };
  }

  /** A statement says twice what was signed: in its columns and in itself. */
  #dropBrokenHeads(): void {
    for (const each of this.#prepare('SELECT chain, sequence, hash, jws FROM chain_heads').all()) {
      const { jws, ...head } = Head.parse(each);
      const [, payload = ''] = jws.split('.');
      if (Buffer.from(payload, 'base64url').toString('utf8') !== canonicalJson(head))
        this.#prepare('DELETE FROM chain_heads WHERE sequence = ?').run(head.sequence);
    }
  }

  #insert({ sequence, body }: z.infer<typeof Found>): void {
    const read = readRecord(JSON.parse(body));
    if (typeof read === 'string') throw new Error(read);
    const { record } = read;
    const { run, product, serial, uid, verdict, finishedAt, hash, failure } = record;
    const known = this.#prepare('INSERT OR IGNORE INTO runs (run, opening, owner, record) VALUES (?, ?, ?, ?)');
    known.run(run, '{}', NOBODY, sequence);
    const simulated = Number(isSimulated(record));
    this.#prepare(
      `INSERT INTO records (sequence, run, product, serial, uid, verdict, finished_at, simulated, hash, body, code)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(sequence, run, product.id, serial, uid, verdict, finishedAt, simulated, hash, body, failure?.code ?? null);
    indexRecord(record, (sql, ...values) => this.#prepare(sql).run(...values));
  }

  /** Whose record is there is closed by it; whose record is lost, and in no gap, is found INTERRUPTED at the opening. */
  #settleRuns(readOutbox: boolean): void {
    this.#database.exec(`
      UPDATE runs SET record = NULL WHERE record IS NOT NULL
        AND record > coalesce((SELECT max(sequence) FROM anchors), 0)
        AND NOT EXISTS (SELECT 1 FROM gaps WHERE record BETWEEN first AND last);
      UPDATE runs SET record = records.sequence FROM records WHERE records.run = runs.run;
      DELETE FROM outbox WHERE sequence NOT IN (SELECT sequence FROM records);
      DELETE FROM acknowledgements WHERE sequence NOT IN (SELECT sequence FROM records)`);
    this.#mendOpenRuns();
    // What may have been sent already is sent again: the plant knows its records by their hashes.
    if (!readOutbox)
      this.#database.exec('INSERT OR IGNORE INTO outbox SELECT sequence FROM records WHERE simulated = 0');
  }

  /** An open run must be of the kind that an opening can close, or no log with it could be opened any more. */
  #mendOpenRuns(): void {
    const rows = this.#prepare('SELECT run, opening, owner FROM runs WHERE record IS NULL').all();
    for (const { run, opening, owner } of rows.map((row) => OpenRun.parse(row))) {
      const entries = this.#prepare('SELECT entry FROM journal WHERE run = ? ORDER BY id').all(run);
      const texts = entries.map((row) => Entry.parse(row).entry);
      if (Owner.safeParse(jsonOf(owner)).error)
        this.#prepare('UPDATE runs SET owner = ? WHERE run = ?').run(NOBODY, run);
      if (canClose(opening, texts)) continue;
      for (const text of texts) this.#break(text, `the journal of run ${run} cannot be read`);
      this.#prepare('DELETE FROM journal WHERE run = ?').run(run);
      if (canClose(opening, [])) continue;
      this.#break(opening, `run ${run} was open, and how it began cannot be read`);
      this.#prepare('DELETE FROM runs WHERE run = ?').run(run);
    }
  }

  #keepStrays(): void {
    const { name, at } = this.#options;
    const archived = this.#place('SELECT sequence, hash FROM anchors ORDER BY sequence DESC LIMIT 1')?.sequence ?? 0;
    const unplaced = this.#prepare(
      `SELECT body, 'another record stands in its place' AS reason FROM found
         WHERE sequence > ? AND hash NOT IN (SELECT hash FROM records) UNION ALL SELECT body, reason FROM broken`,
    )
      .all(archived)
      .map((row) => Stray.parse(row));
    for (const { body, reason } of unplaced) {
      if (this.#isWhole(body)) continue;
      this.#prepare('INSERT INTO strays (file, body, reason, found_at) VALUES (?, ?, ?, ?)').run(
        name,
        body,
        reason,
        at,
      );
      this.#strays += 1;
    }
  }

  /** A damaged copy of a record that was found whole elsewhere. */
  #isWhole(body: string): boolean {
    const [hash] = /(?<="hash":")[0-9a-f]{64}/.exec(body) ?? [];
    return hash !== undefined && this.#prepare('SELECT 1 FROM records WHERE hash = ?').get(hash) !== undefined;
  }

  /** Once each: a log has millions of rows. */
  #prepare(sql: string): Sqlite.Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #place(sql: string): Place | undefined {
    const row: unknown = this.#prepare(sql).get();
    return row === undefined ? undefined : Place.parse(row);
  }

  #count(sql: string): number {
    return Count.parse(this.#prepare(sql).get()).count;
  }
}

/** The owner of a run that nobody can be asked about. */
const NOBODY = canonicalJson({ pid: 0, boot: '', started: '' } satisfies Owner);

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readText(text: string): ReturnType<typeof readRecord> {
  const raw = jsonOf(text);
  return raw === undefined ? 'not JSON' : readRecord(raw);
}

function canClose(opening: string, entries: readonly string[]): boolean {
  try {
    RecordDraft.parse(interruptedDraft(opening, entries, new Date(0).toISOString()));
    return true;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof z.ZodError) return false;
    throw thrown;
  }
}
