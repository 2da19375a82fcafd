import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '#shared/base/clock.ts';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import { newestBackup } from './backup-files.ts';
import { damageOf } from './damage.ts';
import { syncFile, syncFolder } from './durable-file.ts';
import { LogPresence } from './log-presence.ts';
import { type Salvaged, type SalvageStep, salvage } from './salvage.ts';
import { asLogFailure } from './sqlite-error.ts';

export interface OpenSafelyOptions {
  readonly file: string;
  /** The folder of backups. */
  readonly backups: string;
  readonly clock: Clock;
  /** Told `log-set-aside` when the log had to be made anew. */
  readonly warn: (failure: Failure) => void;
  /** Look at everything, however long it takes. */
  readonly thorough?: boolean;
  /**
   * Told of whatever may take long, `total` null where nobody knows how long. What it throws ends the opening, and a damaged log
   * stands where it stood.
   */
  readonly progress?: (step: OpenStep, done: number, total: number | null) => void;
}

/** Waits for another process; looks at everything; makes the log anew. */
export type OpenStep = 'wait' | 'check' | SalvageStep;

/**
 * To be called before the log is opened: looks whether the file is whole; one that is not is set aside, and a log made of all
 * that can be read takes its place. What it returns must be closed after the log. Throws `log-damaged` where another process
 * works with the damaged file, `log-unwritable` or `log-full`.
 */
export function openSafely(options: OpenSafelyOptions): LogPresence {
  const { file } = options;
  try {
    const presence = new LogPresence(file, () => options.progress?.('wait', 0, null));
    try {
      enter(presence, options);
      return presence;
    } catch (thrown) {
      presence.close();
      throw thrown;
    }
  } catch (thrown) {
    throw asLogFailure(thrown, file);
  }
}

function enter(presence: LogPresence, options: OpenSafelyOptions): void {
  const damage = findDamage(options);
  if (damage === null || presence.whileAlone(() => mend(options))) return;
  // Another process may have mended it meanwhile.
  const still = findDamage(options);
  if (still === null) return;
  const detail = `${still}; another Flashline has it open: close that one first`;
  throw new FlashlineError('log-damaged', { params: { file: options.file, detail } });
}

function findDamage({ file, clock, thorough = false, progress }: OpenSafelyOptions): string | null {
  if (existsSync(madeAnew(file))) return 'it was being made anew';
  return damageOf({
    file,
    monotonic: () => clock.monotonic(),
    thorough,
    progress: (done, total) => progress?.('check', done, total),
  });
}

/** What takes the log's place. It has this name from the moment when it is complete and on the disk. */
function madeAnew(file: string): string {
  return `${file}-salvaged`;
}

function mend(options: OpenSafelyOptions): void {
  const { file, clock, warn } = options;
  const damage = findDamage(options);
  if (damage === null) return;
  const name = asideName(file, new Date(clock.now()));
  const half = `${file}-salvaging`;
  let salvaged: Salvaged | null = null;
  if (!existsSync(madeAnew(file))) {
    // A process that was killed in the middle left both.
    for (const left of [half, `${half}-journal`]) rmSync(left, { force: true });
    salvaged = makeAnew(options, half, basename(name));
    syncFile(half);
    renameSync(half, madeAnew(file));
    syncFolder(dirname(file));
  }
  // From here on a crash loses nothing: the next opening finds the new log and goes on.
  for (const suffix of ['-wal', '-shm', '']) if (existsSync(file + suffix)) renameSync(file + suffix, name + suffix);
  syncFolder(dirname(file));
  renameSync(madeAnew(file), file);
  syncFolder(dirname(file));
  const detail = salvaged === null ? damage : `${damage}; ${inWords(salvaged)}`;
  warn(new FlashlineError('log-set-aside', { params: { file: name, detail } }).failure);
}

function makeAnew(options: OpenSafelyOptions, half: string, name: string): Salvaged {
  const { file, backups, clock, progress = () => undefined } = options;
  const at = new Date(clock.now()).toISOString();
  try {
    return salvage({ damaged: file, backup: newestBackup(backups), into: half, name, at, progress });
  } catch (thrown) {
    rmSync(half, { force: true });
    throw thrown;
  }
}

function asideName(file: string, now: Date): string {
  const stem = join(dirname(file), `station-damaged-${now.toISOString().slice(0, 10)}`);
  for (let count = 1; ; count++) {
    const name = count === 1 ? `${stem}.db` : `${stem}-${count}.db`;
    if (!existsSync(name) && !existsSync(`${name}-wal`)) return name;
  }
}

function inWords({ records, gaps, lost, strays }: Salvaged): string {
  const ranges = gaps.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`));
  const missing = lost === 0 ? 'none is missing' : `${lost} are missing (${ranges.join(', ')})`;
  return `${records} records were brought over, ${missing}, ${strays} texts of records fit nowhere`;
}
