import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { FlashlineError } from '#shared/model/failure.ts';
import { backupDays, backupFile } from './backup-files.ts';
import { damageOf } from './damage.ts';
import { syncFile, syncFolder } from './durable-file.ts';
import { asLogFailure } from './sqlite-error.ts';

export interface BackupOptions {
  /** The log, which others may be writing meanwhile. */
  readonly file: string;
  readonly to: string;
  readonly signal: AbortSignal;
  /** Pages of 4096 bytes. */
  readonly progress: (done: number, total: number) => void;
}

/** Pages between two looks at the signal: a megabyte. */
const STEP_PAGES = 256;
/** What waits in memory for the disk is kept small: a great sync would keep the log's own small ones waiting. */
const SYNC_PAGES = 2048;

/**
 * A copy of one moment of the log. It has its name only once it is on the disk and was read back: every page, every record of
 * the chain. Nobody who writes the log waits for it. Rejects with `log-damaged`, `log-full`, `log-unwritable`, or the signal's
 * reason.
 */
export async function backUp(options: BackupOptions): Promise<void> {
  const { to, signal } = options;
  const half = `${to}.part`;
  try {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    rmSync(half, { force: true });
    await copy(options, half);
    signal.throwIfAborted();
    syncFile(half);
    const damage = damageOf({ file: half, monotonic: () => 0, thorough: true });
    if (damage !== null) throw new FlashlineError('log-damaged', { params: { file: half, detail: damage } });
    renameSync(half, to);
    syncFolder(dirname(to));
  } catch (thrown) {
    throw asLogFailure(thrown, to);
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(half + suffix, { force: true });
  }
}

async function copy({ file, signal, progress }: BackupOptions, half: string): Promise<void> {
  const source = new Sqlite(file, { readonly: true, fileMustExist: true });
  try {
    // In a reading transaction the copy is of one moment; without it every commit of another process would begin it anew.
    source.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    let unsynced = 0;
    await source.backup(half, {
      progress({ totalPages, remainingPages }) {
        signal.throwIfAborted();
        progress(totalPages - remainingPages, totalPages);
        unsynced += STEP_PAGES;
        if (unsynced >= SYNC_PAGES && existsSync(half)) {
          syncFile(half);
          unsynced = 0;
        }
        return STEP_PAGES;
      },
    });
  } finally {
    source.close();
  }
  // By itself, without a write-ahead log beside it.
  const made = new Sqlite(half);
  try {
    made.pragma('journal_mode = DELETE');
  } finally {
    made.close();
  }
}

const DAILY_KEPT = 7;
const WEEKLY_KEPT = 4;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday: weeks begin on Monday. */
const MONDAY_DAYS = 3;

/** Which of these days' backups may go: all but the newest seven, and the newest of each of the last four weeks. */
export function outdated(days: readonly string[]): string[] {
  const weekOf = (day: string) => Math.floor((Date.parse(day) / DAY_MS + MONDAY_DAYS) / 7);
  const newest = days.toSorted().toReversed();
  const firstOfWeek = newest.filter((day, index) => newest.findIndex((each) => weekOf(each) === weekOf(day)) === index);
  const kept = new Set([...newest.slice(0, DAILY_KEPT), ...firstOfWeek.slice(0, WEEKLY_KEPT)]);
  return newest.filter((day) => !kept.has(day));
}

/** Removes outdated backups, never the newest. */
export function pruneBackups(folder: string): void {
  for (const day of outdated(backupDays(folder))) rmSync(backupFile(folder, day), { force: true });
}
