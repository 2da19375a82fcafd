import { join } from 'node:path';
import type { Failure } from '#shared/model/failure.ts';
import { keepDailyBackups } from '../log/daily-backup.ts';
import { LogWorker } from '../log/worker/log-worker.ts';
import type { BackupThread, BackupThreadData } from './backup-thread.ts';
import { realClock } from './real-clock.ts';

export const logFileOf = (home: string): string => join(home, 'station.db');
export const backupsOf = (home: string): string => join(home, 'backups');
export const archivesOf = (home: string): string => join(home, 'archives');

const THREAD = import.meta.url.endsWith('.ts') ? 'backup-thread.ts' : 'backup-thread.js';

export interface BackupKeeping {
  readonly home: string;
  readonly warn: (failure: Failure) => void;
  /** What is to be done with the log once its day's backup counts. */
  readonly backedUp: () => Promise<void>;
}

/** Daily backups of this station's log while it runs; what it returns ends them. */
export function startBackups({ home, warn, backedUp }: BackupKeeping): () => Promise<void> {
  const ending = new AbortController();
  const makeDay = makeInThread(home, warn);
  const make = async (day: string, signal: AbortSignal) => {
    await makeDay(day, signal);
    if (!signal.aborted) await backedUp();
  };
  const ended = keepDailyBackups({ folder: backupsOf(home), clock: realClock, warn, make }, ending.signal);
  return async () => {
    ending.abort();
    await ended;
  };
}

/** The thread lives as long as the backup takes. */
function makeInThread(home: string, warn: (failure: Failure) => void) {
  return async (day: string, signal: AbortSignal): Promise<void> => {
    const data: BackupThreadData = { file: logFileOf(home), folder: backupsOf(home) };
    const entry = new URL(THREAD, import.meta.url);
    const worker = await LogWorker.start<BackupThread>({ entry, data, file: data.file, clock: realClock, warn });
    const backup = worker.remote('backup');
    const cancel = () => void backup.cancel().catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (signal.aborted) return;
      await backup.make(day);
    } finally {
      signal.removeEventListener('abort', cancel);
      await worker.close();
    }
  };
}
