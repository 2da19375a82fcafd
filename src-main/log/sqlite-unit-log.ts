import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import type { Clock } from '#shared/base/clock.ts';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import { canonicalJson, chainFault, sealRecord } from '#shared/model/record-chain.ts';
import { isSimulated, RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import { interruptedDraft } from './interrupted.ts';
import type { JournalEntry, RecordQuery, RunOpening, UnitLog } from './log.ts';
import { migrate } from './migrate.ts';
import { Owner, type Processes } from './process-owner.ts';
import { asLogFailure } from './sqlite-error.ts';

export interface UnitLogOptions {
  /** Its folder is made if it is not there. */
  readonly file: string;
  readonly clock: Clock;
  readonly processes: Processes;
  /** Told of what changes no result. */
  readonly warn: (failure: Failure) => void;
}

export interface ChainCheck {
  readonly records: number;
  /** The first thing found wrong, in words for an engineer. */
  readonly fault: string | null;
}

/** A process waits at most this long for another one's transaction; each takes a few milliseconds. */
const BUSY_MS = 10_000;

const Body = z.object({ body: z.string() });
const Run = z.object({ run: z.string() });
const Tail = z.object({ sequence: z.number(), hash: z.string() });
const OpenRun = z.object({ run: z.string(), opening: z.string(), owner: z.string() });
const Entry = z.object({ entry: z.string() });
const Row = Tail.extend({
  run: z.string(),
  product: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  verdict: z.string(),
  finished_at: z.string(),
  simulated: z.number(),
  body: z.string(),
});

/**
 * Opens (or makes) the log, closes the runs of processes that died with an INTERRUPTED record each, and keeps them
 * for `interruptedAtOpening`. Throws `log-unwritable` or `log-damaged`.
 */
export function openUnitLog(options: UnitLogOptions): SqliteUnitLog {
  try {
    makeFolder(dirname(options.file));
    const database = new Sqlite(options.file, { timeout: BUSY_MS });
    try {
      database.pragma('journal_mode = WAL');
      // FULL: a commit is on the disk when it returns, also through a power cut (sqlite.org/pragma.html#pragma_synchronous).
      database.pragma('synchronous = FULL');
      database.pragma('foreign_keys = ON');
      migrate(database);
      return new SqliteUnitLog(database, options);
    } catch (thrown) {
      database.close();
      throw thrown;
    }
  } catch (thrown) {
    throw asLogFailure(thrown, options.file);
  }
}

/** Not mkdir's own `recursive`: it never returns where a folder says that it is missing itself (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (thrown) {
    // Another process may have been faster.
    if (!existsSync(path)) throw thrown;
  }
}

export class SqliteUnitLog implements UnitLog {
  readonly #database: Sqlite.Database;
  readonly #options: UnitLogOptions;
  readonly #interrupted: readonly UnitRecord[];

  constructor(database: Sqlite.Database, options: UnitLogOptions) {
    this.#database = database;
    this.#options = options;
    this.#interrupted = this.#closeDeadRuns();
  }

  async begin(opening: RunOpening): Promise<void> {
    this.#guard(() => {
      const owner = JSON.stringify(this.#options.processes.self());
      const sql = 'INSERT INTO runs (run, opening, owner) VALUES (?, ?, ?)';
      this.#database.prepare(sql).run(opening.run, canonicalJson(opening), owner);
    });
  }

  async journal(run: string, entry: JournalEntry): Promise<void> {
    this.#guard(() => {
      const write = this.#database.transaction(() => {
        this.#requireOpen(run);
        this.#database.prepare('INSERT INTO journal (run, entry) VALUES (?, ?)').run(run, canonicalJson(entry));
      });
      write.immediate();
    });
  }

  async finish(draft: RecordDraft): Promise<UnitRecord> {
    const checked = RecordDraft.parse(draft);
    return this.#guard(() => {
      const write = this.#database.transaction(() => {
        this.#requireOpen(checked.run);
        return this.#append(checked);
      });
      return write.immediate();
    });
  }

  async interruptedAtOpening(): Promise<readonly UnitRecord[]> {
    return this.#interrupted;
  }

  async unacknowledged(): Promise<readonly UnitRecord[]> {
    return this.#guard(() =>
      this.#select(
        `SELECT body FROM records WHERE verdict = 'INTERRUPTED'
           AND sequence NOT IN (SELECT sequence FROM acknowledgements) ORDER BY sequence`,
      ),
    );
  }

  async acknowledgeInterrupted(sequences: readonly number[]): Promise<void> {
    this.#guard(() => {
      const insert = this.#database.prepare('INSERT OR IGNORE INTO acknowledgements (sequence) VALUES (?)');
      const write = this.#database.transaction(() => {
        for (const sequence of sequences) insert.run(sequence);
      });
      write.immediate();
    });
  }

  async records(query: RecordQuery): Promise<UnitRecord[]> {
    const filters = [
      { sql: 'serial = ?', value: query.serial },
      { sql: 'uid = ?', value: query.uid },
      { sql: 'finished_at >= ?', value: query.from },
      { sql: 'finished_at < ?', value: query.to },
    ].filter((filter) => filter.value !== undefined);
    const where = filters.length === 0 ? '' : `WHERE ${filters.map((filter) => filter.sql).join(' AND ')}`;
    const values = filters.map((filter) => filter.value ?? '');
    return this.#guard(() =>
      this.#select(`SELECT body FROM records ${where} ORDER BY sequence DESC LIMIT ?`, ...values, query.limit ?? -1),
    );
  }

  async lastPass(unit: {
    readonly product: string;
    readonly serial: string;
    readonly uid: string | null;
    readonly simulated: boolean;
  }): Promise<UnitRecord | undefined> {
    return this.#guard(() => {
      const passes = `SELECT body, sequence FROM records WHERE verdict = 'PASS' AND simulated = ? AND`;
      const sql = `${passes} product = ? AND serial = ? UNION ${passes} uid = ? ORDER BY sequence DESC LIMIT 1`;
      const simulated = Number(unit.simulated);
      return this.#select(sql, simulated, unit.product, unit.serial, simulated, unit.uid)[0];
    });
  }

  /** Follows the chain from its first record: every hash, every link, and the columns that queries rest on. */
  async verify(): Promise<ChainCheck> {
    return this.#guard(() => {
      let previous: z.infer<typeof Tail> | null = null;
      let records = 0;
      for (const each of this.#database.prepare('SELECT * FROM records ORDER BY sequence').iterate()) {
        const row = Row.parse(each);
        const fault = chainFault(row.body, previous) ?? columnFault(row);
        if (fault !== null) return { records, fault };
        previous = row;
        records += 1;
      }
      return { records, fault: this.#lostTail(previous?.sequence ?? 0) };
    });
  }

  /** Runs that have no record yet (of live processes, this one's included). */
  async openRuns(): Promise<string[]> {
    return this.#guard(() => this.#openRuns().map((row) => row.run));
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** A chain cut off at its end is still a chain; but the runs know the records that were there. */
  #lostTail(last: number): string | null {
    const lost = this.#database.prepare('SELECT run FROM runs WHERE record > ? ORDER BY record').get(last);
    return lost === undefined ? null : `the record of run ${Run.parse(lost).run} is missing: the chain ends at ${last}`;
  }

  #closeDeadRuns(): UnitRecord[] {
    const close = this.#database.transaction(() =>
      this.#openRuns()
        .filter((row) => !this.#options.processes.isAlive(Owner.parse(JSON.parse(row.owner))))
        .map((row) => this.#append(interruptedDraft(row.opening, this.#entriesOf(row.run), this.#utc()))),
    );
    // Looked at before it is locked: a log at rest is opened without waiting for anybody.
    return this.#openRuns().length === 0 ? [] : close.immediate();
  }

  #openRuns(): z.infer<typeof OpenRun>[] {
    const sql = 'SELECT run, opening, owner FROM runs WHERE record IS NULL ORDER BY rowid';
    return this.#database
      .prepare(sql)
      .all()
      .map((row) => OpenRun.parse(row));
  }

  #entriesOf(run: string): string[] {
    return this.#database
      .prepare('SELECT entry FROM journal WHERE run = ? ORDER BY id')
      .all(run)
      .map((row) => Entry.parse(row).entry);
  }

  /** Inside a transaction that holds the write lock: no other process can take the same place in the chain. */
  #append(draft: RecordDraft): UnitRecord {
    const last: unknown = this.#database
      .prepare('SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1')
      .get();
    const record = sealRecord(draft, last === undefined ? null : Tail.parse(last));
    const simulated = isSimulated(record);
    const { sequence, run, product, serial, uid, verdict, finishedAt, hash } = record;
    this.#database
      .prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(sequence, run, product.id, serial, uid, verdict, finishedAt, Number(simulated), hash, canonicalJson(record));
    if (!simulated) this.#database.prepare('INSERT INTO outbox (sequence) VALUES (?)').run(sequence);
    this.#database.prepare('UPDATE runs SET record = ? WHERE run = ?').run(sequence, run);
    return record;
  }

  #requireOpen(run: string): void {
    const open = this.#database.prepare('SELECT 1 FROM runs WHERE run = ? AND record IS NULL').get(run);
    if (open === undefined) throw new FlashlineError('internal', { cause: `run ${run} is not open` });
  }

  #select(sql: string, ...values: (string | number | null)[]): UnitRecord[] {
    const rows = this.#database.prepare(sql).all(...values);
    return rows.map((row) => {
      const parsed = UnitRecord.safeParse(JSON.parse(Body.parse(row).body));
      if (parsed.success) return parsed.data;
      const detail = `a record cannot be read: ${parsed.error.issues[0]?.message ?? 'unknown'}`;
      throw new FlashlineError('log-damaged', { params: { file: this.#options.file, detail } });
    });
  }

  #utc(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw asLogFailure(thrown, this.#options.file);
    }
  }
}

function columnFault(row: z.infer<typeof Row>): string | null {
  const record = UnitRecord.parse(JSON.parse(row.body));
  const columns = {
    run: record.run,
    product: record.product.id,
    serial: record.serial,
    uid: record.uid,
    verdict: record.verdict,
    finished_at: record.finishedAt,
    simulated: Number(isSimulated(record)),
    hash: record.hash,
    sequence: record.sequence,
  };
  const wrong = Object.entries(columns).find(([column, value]) => row[column as keyof typeof columns] !== value);
  return wrong ? `record ${row.sequence}: column ${wrong[0]} does not say what the record says` : null;
}
