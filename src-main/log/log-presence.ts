import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { makeFolder } from './log-database.ts';
import { isBusy } from './sqlite-error.ts';

/** Whoever mends a log of a million records is waited for. */
const OTHERS_MS = 120_000;
/** Whoever works with the log does not go away. */
const ALONE_MS = 5_000;

/**
 * Who has the log open, over all processes: each holds a shared lock on a small database of its own beside it, which the
 * operating system gives back when the process dies. To set a damaged file aside is only for who is alone.
 */
export class LogPresence {
  readonly #lock: Sqlite.Database;

  constructor(file: string) {
    makeFolder(dirname(file));
    this.#lock = new Sqlite(`${file}-lock`);
    this.#share();
  }

  /** False, and nothing done, where another process kept the log open. */
  whileAlone(work: () => void): boolean {
    this.#lock.exec('ROLLBACK');
    try {
      if (!this.#takeAlone()) return false;
      try {
        work();
        return true;
      } finally {
        this.#lock.exec('ROLLBACK');
      }
    } finally {
      this.#share();
    }
  }

  close(): void {
    this.#lock.close();
  }

  #takeAlone(): boolean {
    this.#lock.pragma(`busy_timeout = ${ALONE_MS}`);
    try {
      this.#lock.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (thrown) {
      if (isBusy(thrown)) return false;
      throw thrown;
    }
  }

  /** In SQLite's rollback mode a reading transaction holds its shared lock to its end. */
  #share(): void {
    this.#lock.pragma(`busy_timeout = ${OTHERS_MS}`);
    this.#lock.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
  }
}
