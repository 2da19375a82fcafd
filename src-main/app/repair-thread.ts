/** The script of the thread that a log is repaired in: that never pauses, and another thread must be there to hear that it shall end. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { openSafely, type OpenStep } from '../log/open-safely.ts';
import { realClock } from './real-clock.ts';

/** `ending` is one integer that both threads see: anything but 0 ends the repair. */
const Data = z.object({ file: z.string(), backups: z.string(), ending: z.instanceof(SharedArrayBuffer) });
export type RepairThreadData = z.infer<typeof Data>;

const STEPS = ['wait', 'check', 'copy', 'read', 'place', 'settle'] as const satisfies readonly OpenStep[];

export const RepairTold = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), step: z.enum(STEPS), percent: z.number() }),
  z.object({ type: z.literal('warning'), failure: Failure }),
  z.object({ type: z.literal('failure'), failure: Failure }),
  z.object({ type: z.literal('done') }),
]);
export type RepairTold = z.infer<typeof RepairTold>;

function repair({ file, backups, ending }: RepairThreadData, tell: (told: RepairTold) => void): void {
  const flag = new Int32Array(ending);
  let told = '';
  const progress = (step: OpenStep, done: number, total: number | null) => {
    if (Atomics.load(flag, 0) !== 0) throw new FlashlineError('log-opening-stopped');
    const percent = total === null ? 0 : Math.floor((done / Math.max(1, total)) * 100);
    if (told === `${step} ${percent}`) return;
    told = `${step} ${percent}`;
    tell({ type: 'progress', step, percent });
  };
  const warn = (failure: Failure) => tell({ type: 'warning', failure });
  openSafely({ file, backups, clock: realClock, thorough: true, warn, progress }).close();
}

if (parentPort !== null) {
  const port = parentPort;
  const tell = (told: RepairTold) => port.postMessage(told, []);
  try {
    repair(Data.parse(workerData), tell);
    tell({ type: 'done' });
  } catch (thrown) {
    tell({ type: 'failure', failure: toFailure(thrown) });
  }
}
