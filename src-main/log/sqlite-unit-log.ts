import { z } from 'zod';
import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { canonicalJson, sealRecord } from '#shared/model/record-chain.ts';
import { isSimulated, RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import { interruptedDraft } from './interrupted.ts';
import { lastPassOf } from './last-pass.ts';
import type {
  AskedUnit,
  ExportedRecord,
  ExportPlace,
  ExportQuery,
  JournalEntry,
  LogReports,
  PassedUnit,
  RecordQuery,
  RunOpening,
  StationYield,
  UnitLog,
  YieldQuery,
} from './log.ts';
import { type LogDatabase, type LogDatabaseOptions, openLogDatabase } from './log-database.ts';
import { Owner, type Processes } from './process-owner.ts';
import { indexRecord } from './record-index.ts';
import { exportQuery, recordQuery } from './record-query.ts';
import { shiftYieldOf } from './shift-yield.ts';
import { type ChainCheck, type ChainProgress, verifyChain, verifyPage } from './verify.ts';

export interface UnitLogOptions {
  readonly clock: Clock;
  readonly processes: Processes;
  /** Asked before a run begins; throws where its record might find no room (disk-space.ts). */
  readonly requireSpace?: () => void;
}

const Body = z.object({ body: z.string() });
const Tail = z.object({ sequence: z.number(), hash: z.string() });
const OpenRun = z.object({ run: z.string(), opening: z.string(), owner: z.string() });
const Entry = z.object({ entry: z.string() });
const Exported = z.object({ finished_at: z.string(), sequence: z.number(), body: z.string() });

/** What a power cut may take before the unit is changed: the entry of the change comes behind it, and waits for both. */
const TOLD_SOON: ReadonlySet<JournalEntry['kind']> = new Set(['step', 'identified']);

/** The log alone over its file: throws `log-unwritable` or `log-damaged`. */
export function openUnitLog(options: UnitLogOptions & LogDatabaseOptions): SqliteUnitLog {
  const database = openLogDatabase(options);
  try {
    return new SqliteUnitLog(database, options);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

export class SqliteUnitLog implements UnitLog, LogReports {
  readonly #database: LogDatabase;
  readonly #options: UnitLogOptions;
  readonly #owner: string;
  readonly #interrupted: readonly UnitRecord[];

  /** Closes the runs of processes that died with an INTERRUPTED record each, and keeps them for `interruptedAtOpening`. */
  constructor(database: LogDatabase, options: UnitLogOptions) {
    this.#database = database;
    this.#options = options;
    this.#owner = JSON.stringify(options.processes.self());
    this.#interrupted = this.#closeDeadRuns();
  }

  async begin(opening: RunOpening): Promise<void> {
    this.#options.requireSpace?.();
    const sql = 'INSERT INTO runs (run, opening, owner) VALUES (?, ?, ?)';
    this.#database.run(sql, opening.run, canonicalJson(opening), this.#owner);
  }

  async journal(run: string, entries: readonly JournalEntry[]): Promise<void> {
    const write = (): void => {
      this.#requireOpen(run);
      for (const entry of entries)
        this.#database.run('INSERT INTO journal (run, entry) VALUES (?, ?)', run, canonicalJson(entry));
    };
    if (entries.every(({ kind }) => TOLD_SOON.has(kind))) this.#database.soon(write);
    else this.#database.transaction(write);
  }

  async finish(draft: RecordDraft): Promise<UnitRecord> {
    const checked = RecordDraft.parse(draft);
    return this.#database.transaction(() => {
      this.#requireOpen(checked.run);
      return this.#append(checked);
    });
  }

  async interruptedAtOpening(): Promise<readonly UnitRecord[]> {
    return this.#interrupted;
  }

  async unacknowledged(): Promise<readonly UnitRecord[]> {
    return this.#select(
      `SELECT body FROM records INDEXED BY records_of_verdict WHERE verdict = 'INTERRUPTED'
         AND sequence NOT IN (SELECT sequence FROM acknowledgements) ORDER BY sequence`,
    );
  }

  async acknowledgeInterrupted(sequences: readonly number[]): Promise<void> {
    this.#database.transaction(() => {
      for (const sequence of sequences)
        this.#database.run('INSERT OR IGNORE INTO acknowledgements (sequence) VALUES (?)', sequence);
    });
  }

  async records(query: RecordQuery): Promise<UnitRecord[]> {
    const { sql, values } = recordQuery(query);
    return this.#select(sql, ...values);
  }

  async shiftYield(query: YieldQuery): Promise<StationYield> {
    return shiftYieldOf(this.#database, query);
  }

  async exportPage(query: ExportQuery, after: ExportPlace | null, limit: number): Promise<readonly ExportedRecord[]> {
    const { sql, values } = exportQuery(query, after, limit);
    const rows = this.#database.all(Exported, sql, ...values);
    return rows.map(({ finished_at, sequence, body }) => ({ finishedAt: finished_at, sequence, body }));
  }

  async lastPass(unit: AskedUnit): Promise<PassedUnit | undefined> {
    return lastPassOf(this.#database, unit);
  }

  verify(): Promise<ChainCheck> {
    return verifyChain(this.#database);
  }

  /** One page of the same: for whoever wants to stop in between, or to say how far it is. Begins with CHECK_BEGINS. */
  async verifyPage(progress: ChainProgress): Promise<ChainProgress> {
    return verifyPage(this.#database, progress);
  }

  /** Runs that have no record yet (of live processes, this one's included). */
  async openRuns(): Promise<string[]> {
    return this.#openRuns().map((row) => row.run);
  }

  /** With the file: other stores over it must be closed before. */
  async close(): Promise<void> {
    this.#database.close();
  }

  #closeDeadRuns(): UnitRecord[] {
    // Looked at before it is locked: a log at rest is opened without waiting for anybody.
    if (this.#openRuns().length === 0) return [];
    return this.#database.transaction(() =>
      this.#openRuns()
        .filter((row) => !this.#options.processes.isAlive(Owner.parse(JSON.parse(row.owner))))
        .map((row) => this.#append(interruptedDraft(row.opening, this.#entriesOf(row.run), this.#utc()))),
    );
  }

  #openRuns(): z.infer<typeof OpenRun>[] {
    return this.#database.all(OpenRun, 'SELECT run, opening, owner FROM runs WHERE record IS NULL ORDER BY rowid');
  }

  #entriesOf(run: string): string[] {
    const rows = this.#database.all(Entry, 'SELECT entry FROM journal WHERE run = ? ORDER BY id', run);
    return rows.map((row) => row.entry);
  }

  /** Inside a transaction that holds the write lock: no other process can take the same place in the chain. */
  #append(draft: RecordDraft): UnitRecord {
    const last = this.#database.first(Tail, 'SELECT sequence, hash FROM chain_tail');
    const record = sealRecord(draft, last ?? null);
    insertRecord(this.#database, record);
    this.#database.run('UPDATE runs SET record = ? WHERE run = ?', record.sequence, record.run);
    return record;
  }

  #requireOpen(run: string): void {
    const open = this.#database.first(z.unknown(), 'SELECT 1 FROM runs WHERE run = ? AND record IS NULL', run);
    if (open === undefined) throw new FlashlineError('internal', { cause: `run ${run} is not open` });
  }

  #select(sql: string, ...values: (string | number | null)[]): UnitRecord[] {
    return this.#database.all(Body, sql, ...values).map(({ body }) => readBody(body, this.#database.file));
  }

  #utc(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}

/** A sealed record with all that hangs on it: what it is found by, and its place in the outbox. */
export function insertRecord(database: LogDatabase, record: UnitRecord): void {
  const simulated = isSimulated(record);
  database.run(
    `INSERT INTO records (sequence, run, product, serial, uid, verdict, finished_at, simulated, hash, body, code)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    record.sequence,
    record.run,
    record.product.id,
    record.serial,
    record.uid,
    record.verdict,
    record.finishedAt,
    Number(simulated),
    record.hash,
    canonicalJson(record),
    record.failure?.code ?? null,
  );
  indexRecord(record, (sql, ...values) => database.run(sql, ...values));
  if (!simulated) database.run('INSERT INTO outbox (sequence) VALUES (?)', record.sequence);
}

function readBody(body: string, file: string): UnitRecord {
  try {
    return UnitRecord.parse(JSON.parse(body));
  } catch (thrown) {
    const issue = thrown instanceof z.ZodError ? thrown.issues[0] : undefined;
    const detail = `a record cannot be read: ${issue?.message ?? 'it is not JSON'}`;
    throw new FlashlineError('log-damaged', { params: { file, detail }, cause: thrown });
  }
}
