import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { makeFolder } from './log-database.ts';
import { isBusy } from './sqlite-error.ts';

/** Whoever mends a log of a million records (seven minutes, 4 GB) is waited for; a lock of a process that died is gone at once. */
const OTHERS_MS = 30 * 60_000;
/** So often it is seen whether to go on waiting. */
const LOOK_MS = 250;
/** Whoever works with the log does not go away. */
const ALONE_MS = 5_000;

/**
 * Who has the log open, over all processes: each holds a shared lock on a small database of its own beside it, which the
 * operating system gives back when the process dies. To set a damaged file aside is only for who is alone.
 */
export class LogPresence {
  readonly #lock: Sqlite.Database;
  readonly #waits: () => void;

  /** `waits` is told now and then while another process has the log for itself; what it throws ends the waiting. */
  constructor(file: string, waits: () => void = () => undefined) {
    makeFolder(dirname(file));
    this.#waits = waits;
    this.#lock = new Sqlite(`${file}-lock`);
    try {
      this.#share();
    } catch (thrown) {
      this.#lock.close();
      throw thrown;
    }
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
    this.#lock.pragma(`busy_timeout = ${LOOK_MS}`);
    this.#lock.exec('BEGIN');
    for (let waited = LOOK_MS; ; waited += LOOK_MS) {
      try {
        this.#lock.exec('SELECT count(*) FROM sqlite_schema');
        return;
      } catch (thrown) {
        if (!isBusy(thrown) || waited >= OTHERS_MS) throw thrown;
      }
      this.#waits();
    }
  }
}
