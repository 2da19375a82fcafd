import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { realClock } from '#main/app/real-clock.ts';
import type { BackupThread } from '#main/app/backup-thread.ts';
import { LogWorker } from '#main/log/worker/log-worker.ts';
import { draft, openAt, opening } from '../unit/log/fixtures.ts';

/** Milliseconds of real time, of complete records with their journal, each on the disk. */
interface Appends {
  readonly p50: number;
  readonly p99: number;
}

export interface LogBackup {
  readonly megabytes: number;
  readonly backupMs: number;
  readonly alone: Appends;
  readonly duringBackup: Appends;
}

const LARGE = 60_000;
const MEGABYTES = 100;
const APPENDS = 300;

/** What whoever appends notices of a backup of 100 MB in its own thread. */
export async function measureLogBackup(): Promise<LogBackup> {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-figures-'));
  const file = join(folder, 'station.db');
  const log = openAt(file);
  let count = 0;
  const append = async (bytes: number) => {
    count += 1;
    const run = `r${count}`;
    const begun = performance.now();
    await log.begin(opening(run));
    await log.journal(run, [{ kind: 'change', operation: 'erase', at: '2026-03-01T08:00:00.000Z' }]);
    await log.finish(draft(run, { serial: `S${count}`, locks: { PAD: 'x'.repeat(bytes) } }));
    const ms = performance.now() - begun;
    await sleep(5);
    return ms;
  };
  try {
    for (let bytes = 0; bytes < MEGABYTES * 1e6; bytes += LARGE) await append(LARGE);
    const alone: number[] = [];
    while (alone.length < APPENDS) alone.push(await append(300));
    const megabytes = Math.round(statSync(file).size / 1e6);
    const { backupMs, during } = await whileBackingUp(file, join(folder, 'backups'), () => append(300));
    return { megabytes, backupMs, alone: summary(alone), duringBackup: summary(during) };
  } finally {
    await log.close();
    rmSync(folder, { recursive: true });
  }
}

async function whileBackingUp(file: string, folder: string, append: () => Promise<number>) {
  const entry = new URL('../../src-main/app/backup-thread.ts', import.meta.url);
  const warn = () => undefined;
  const worker = await LogWorker.start<BackupThread>({ entry, data: { file, folder }, file, clock: realClock, warn });
  const during: number[] = [];
  const state = { isDone: false };
  const begun = performance.now();
  const made = worker
    .remote('backup')
    .make('2026-03-01')
    .finally(() => {
      state.isDone = true;
    });
  while (!state.isDone) during.push(await append());
  await made;
  const backupMs = performance.now() - begun;
  await worker.close();
  return { backupMs, during };
}

function summary(values: readonly number[]): Appends {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
