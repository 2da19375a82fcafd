import type { Clock } from '#shared/base/clock.ts';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import { backupDays } from './backup-files.ts';

export interface DailyBackupOptions {
  /** The folder of backups. */
  readonly folder: string;
  readonly clock: Clock;
  /** Makes the backup of a day (YYYY-MM-DD). */
  readonly make: (day: string, signal: AbortSignal) => Promise<void>;
  readonly warn: (failure: Failure) => void;
}

/** A station that has just been switched on has better things to do. */
const FIRST_MS = 60_000;
const EVERY_MS = 600_000;
/** After one that failed (a full disk, say). */
const AGAIN_MS = 3_600_000;

/** One backup a day (UTC) for as long as the station runs; ends when the signal aborts. Never rejects. */
export async function keepDailyBackups(options: DailyBackupOptions, signal: AbortSignal): Promise<void> {
  const { folder, clock, make, warn } = options;
  try {
    await clock.sleep(FIRST_MS, signal);
    while (!signal.aborted) {
      const wait = await once();
      await clock.sleep(wait, signal);
    }
  } catch (thrown) {
    if (!signal.aborted) warn(toFailure(thrown));
  }

  async function once(): Promise<number> {
    const day = new Date(clock.now()).toISOString().slice(0, 10);
    try {
      if (backupDays(folder).at(-1) !== day) await make(day, signal);
      return EVERY_MS;
    } catch (thrown) {
      if (!signal.aborted) warn(toFailure(thrown));
      return AGAIN_MS;
    }
  }
}
