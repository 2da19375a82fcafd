import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { asError, type Failure } from '#shared/model/failure.ts';
import type { OpenStep } from '../log/open-safely.ts';
import { type RepairThreadData, RepairTold } from './repair-thread.ts';

const THREAD = import.meta.url.endsWith('.ts') ? 'repair-thread.ts' : 'repair-thread.js';

export interface RepairOptions {
  readonly file: string;
  /** The folder of backups. */
  readonly backups: string;
  /** Told `log-set-aside` where the log was made anew. */
  readonly warn: (failure: Failure) => void;
  /** Each whole percent of each step; 0 alone for a step whose length nobody knows. */
  readonly progress: (step: OpenStep, percent: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Looks at every page and record, and makes the log anew where it is damaged. Rejects with `log-opening-stopped` (before it begins: the
 * signal's reason) when the signal ended that, and the damaged file stands where it stood; once the new log is complete it takes its place
 * whatever the signal says.
 */
export async function repairLog({ file, backups, warn, progress, signal }: RepairOptions): Promise<void> {
  signal.throwIfAborted();
  const ending = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: RepairThreadData = { file, backups, ending: ending.buffer };
  const worker = new Worker(new URL(THREAD, import.meta.url), { workerData, execArgv: [] });
  const end = () => Atomics.store(ending, 0, 1);
  signal.addEventListener('abort', end, { once: true });
  let failure: Failure | null = null;
  worker.on('message', (message: unknown) => {
    const told = RepairTold.parse(message);
    if (told.type === 'progress') progress(told.step, told.percent);
    else if (told.type === 'warning') warn(told.failure);
    else if (told.type === 'failure') failure = told.failure;
  });
  try {
    // What the thread does not survive comes as its 'error', and rejects here.
    await once(worker, 'exit');
  } finally {
    signal.removeEventListener('abort', end);
  }
  if (failure !== null) throw asError(failure);
}
