import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import type { Clock } from '#shared/base/clock.ts';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { migrate } from './migrate.ts';
import { asLogFailure, isBusy } from './sqlite-error.ts';

export interface LogDatabaseOptions {
  /** Its folder is made if it is not there. */
  readonly file: string;
  readonly clock: Clock;
  /** Told of statements that take long (`log-slow`). */
  readonly warn: (failure: Failure) => void;
  /**
   * After so many milliseconds without a write, what was written goes from the write-ahead log into the file: in a pause, and
   * not in the middle of somebody's commit. Left out, SQLite does it with every thousandth page.
   */
  readonly checkpointAfterMs?: number;
}

type Value = string | number | null;

/** What `wal_checkpoint` answers: pages in the write-ahead log, and those of them that are in the file. */
const Checkpoint = z.tuple([z.object({ busy: z.number(), log: z.number(), checkpointed: z.number() })]);

/** A process waits at most this long for another one's transaction; each takes a few milliseconds. */
const BUSY_MS = 10_000;

/** Everything that a run waits for takes a few milliseconds: a disk (or a query) this slow should be looked at. */
const SLOW_MS = 100;

/** Pages of the write-ahead log (32 MiB) after which it goes into the file also where there is no pause. */
const CHECKPOINT_PAGES = 8192;

/** Opens (or makes) the station's database in its newest shape. Throws `log-unwritable` or `log-damaged`. */
export function openLogDatabase(options: LogDatabaseOptions): LogDatabase {
  try {
    makeFolder(dirname(options.file));
    const sqlite = new Sqlite(options.file, { timeout: BUSY_MS });
    try {
      sqlite.pragma('journal_mode = WAL');
      // FULL: a commit is on the disk when it returns, also through a power cut (sqlite.org/pragma.html#pragma_synchronous).
      sqlite.pragma('synchronous = FULL');
      sqlite.pragma('foreign_keys = ON');
      migrate(sqlite);
      if (options.checkpointAfterMs !== undefined) sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      return new LogDatabase(sqlite, options);
    } catch (thrown) {
      sqlite.close();
      throw thrown;
    }
  } catch (thrown) {
    throw asLogFailure(thrown, options.file);
  }
}

/** Not mkdir's own `recursive`: it never returns where a folder says that it is missing itself (/proc). */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (thrown) {
    // Another process may have been faster.
    if (!existsSync(path)) throw thrown;
  }
}

/**
 * The station's SQLite file, shared by all stores of the worker. Each statement is prepared once; rows are checked; what
 * SQLite throws becomes `log-unwritable` or `log-damaged`.
 */
export class LogDatabase {
  /** For what is no statement: backups, EXPLAIN. */
  readonly sqlite: Sqlite.Database;
  readonly file: string;
  readonly #options: LogDatabaseOptions;
  readonly #statements = new Map<string, Sqlite.Statement>();
  /** Of the pause that is waited for; aborted by the next write. */
  #pause = new AbortController();

  constructor(sqlite: Sqlite.Database, options: LogDatabaseOptions) {
    this.sqlite = sqlite;
    this.file = options.file;
    this.#options = options;
  }

  all<T>(row: z.ZodType<T>, sql: string, ...values: Value[]): T[] {
    return this.#timed(sql, (statement) => statement.all(...values).map((each) => row.parse(each)));
  }

  first<T>(row: z.ZodType<T>, sql: string, ...values: Value[]): T | undefined {
    return this.#timed(sql, (statement) => {
      const found = statement.get(...values);
      return found === undefined ? undefined : row.parse(found);
    });
  }

  /** Row by row, for as long as `take` says true: no row is read that nobody asks for. */
  each<T>(row: z.ZodType<T>, take: (row: T) => boolean, sql: string, ...values: Value[]): void {
    this.#timed(sql, (statement) => {
      for (const each of statement.iterate(...values)) if (!take(row.parse(each))) return;
    });
  }

  /** How many rows it changed. */
  run(sql: string, ...values: Value[]): number {
    const changes = this.#timed(sql, (statement) => statement.run(...values).changes);
    if (!this.sqlite.inTransaction) this.#checkpointInPause();
    return changes;
  }

  /** All or nothing, and on the disk when it returns. Inside another transaction it is part of that one. */
  transaction<T>(work: () => T): T {
    // At once: a transaction that begins by reading could not always become a writing one.
    return this.#between('BEGIN IMMEDIATE', work);
  }

  /**
   * All or nothing, and on the disk with the next `transaction`, whose wait covers the whole write-ahead log
   * (sqlite.org/pragma.html#pragma_synchronous): a process that dies leaves it there, a power cut before that may take it.
   */
  soon(work: () => void): void {
    this.sqlite.pragma('synchronous = NORMAL');
    try {
      this.transaction(work);
    } finally {
      this.sqlite.pragma('synchronous = FULL');
    }
  }

  /** Reads one moment of the file, whatever other processes write meanwhile; keeps none of them waiting. */
  snapshot<T>(work: () => T): T {
    return this.#between('BEGIN DEFERRED', work);
  }

  #between<T>(begin: string, work: () => T): T {
    if (this.sqlite.inTransaction) return work();
    this.run(begin);
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (thrown) {
      // SQLite has done it already where the disk is full.
      if (this.sqlite.inTransaction) this.run('ROLLBACK');
      throw thrown;
    }
  }

  close(): void {
    this.#pause.abort();
    this.sqlite.close();
  }

  #checkpointInPause(): void {
    const { clock, checkpointAfterMs, warn } = this.#options;
    if (checkpointAfterMs === undefined) return;
    this.#pause.abort();
    this.#pause = new AbortController();
    const { signal } = this.#pause;
    void clock.sleep(checkpointAfterMs, signal).then(
      () => {
        if (signal.aborted) return undefined;
        try {
          this.#checkpoint();
        } catch (thrown) {
          // Nothing is lost: the write-ahead log has it, and the next write tells again.
          warn(toFailure(asLogFailure(thrown, this.file)));
        }
        return undefined;
      },
      () => undefined,
    );
  }

  /** Whoever reads or writes at the same time goes on (sqlite.org/wal.html#checkpointing). */
  #checkpoint(): void {
    const { busy, log, checkpointed } = Checkpoint.parse(this.sqlite.pragma('wal_checkpoint(PASSIVE)'))[0];
    if (busy !== 0 || log !== checkpointed) return;
    // All of it is in the file: whoever writes next begins the write-ahead log anew, and waits for the disk twice. Done here,
    // with a page that stays as it is, no run waits for that; where another process writes at this moment, it does it.
    this.sqlite.pragma('busy_timeout = 0');
    try {
      this.sqlite.exec('PRAGMA application_id = 0');
    } catch (thrown) {
      if (!isBusy(thrown)) throw thrown;
    } finally {
      this.sqlite.pragma(`busy_timeout = ${BUSY_MS}`);
    }
  }

  #timed<T>(sql: string, work: (statement: Sqlite.Statement) => T): T {
    const { clock, warn } = this.#options;
    const begun = clock.monotonic();
    try {
      return work(this.#prepare(sql));
    } catch (thrown) {
      throw asLogFailure(thrown, this.file);
    } finally {
      const ms = Math.round(clock.monotonic() - begun);
      if (ms >= SLOW_MS) warn(slow(this.file, sql, ms));
    }
  }

  #prepare(sql: string): Sqlite.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.sqlite.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function slow(file: string, sql: string, ms: number): Failure {
  const cause = sql.replaceAll(/\s+/g, ' ').trim();
  return new FlashlineError('log-slow', { params: { file, ms }, cause }).failure;
}
