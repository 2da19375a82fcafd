import type { IoContext } from '#shared/base/clock.ts';

/**
 * Waits until `start`'s callback is called (true) or `timeoutMs` of the clock have passed (false); rejects with the
 * signal's reason. What `start` returns undoes it, whatever the outcome.
 */
export async function withDeadline(
  start: (done: () => void) => () => void,
  timeoutMs: number,
  io: IoContext,
): Promise<boolean> {
  const stopTimer = new AbortController();
  let undo: () => void = () => undefined;
  const happened = new Promise<boolean>((resolve) => {
    undo = start(() => resolve(true));
  });
  const timer = expiry(timeoutMs, AbortSignal.any([io.signal, stopTimer.signal]), io).then(() => false);
  // The timer is stopped once it has lost the race; that rejection is ours and says nothing.
  timer.catch(() => undefined);
  try {
    return await Promise.race([happened, timer]);
  } finally {
    undo();
    stopTimer.abort();
  }
}

/**
 * The deadline, and after it one turn of the event loop: where this process had no time for so long (a busy machine), what
 * has arrived meanwhile is still handed over before anybody is called silent. Timers come before input in a turn.
 */
async function expiry(timeoutMs: number, signal: AbortSignal, { clock }: IoContext): Promise<void> {
  await clock.sleep(timeoutMs, signal);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Milliseconds as a sentence shows them. */
export function inSeconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}

/**
 * Waits for `work`, but no longer than `timeoutMs` of the clock: undefined then, and whatever becomes of the work later
 * is nobody's any more. Rejects as the work does, or with the signal's reason.
 */
export async function within<T>(
  work: Promise<T>,
  timeoutMs: number,
  io: IoContext,
): Promise<{ readonly value: T } | undefined> {
  const stopTimer = new AbortController();
  const timer = expiry(timeoutMs, AbortSignal.any([io.signal, stopTimer.signal]), io);
  const done = work.then((value) => ({ value }));
  // Whichever of the two loses the race may still reject; by then it says nothing.
  timer.catch(() => undefined);
  done.catch(() => undefined);
  try {
    return await Promise.race([done, timer.then(() => undefined)]);
  } finally {
    stopTimer.abort();
  }
}
