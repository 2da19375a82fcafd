import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/**
 * Runs tear-down work with a signal and a deadline of its own, on real time: a run's clock may be virtual, and
 * stands still with a peer that hangs. Rejects with `internal` when the work is not done by then.
 */
export async function bounded<T>(
  work: (io: IoContext) => Promise<T>,
  clock: Clock,
  wallClock: Clock,
  deadlineMs: number,
): Promise<T> {
  const controller = new AbortController();
  const timer = new AbortController();
  const late = wallClock.sleep(deadlineMs, timer.signal).then(() => {
    const reason = new FlashlineError('internal', { cause: `tear-down was not done within ${deadlineMs} ms` });
    controller.abort(reason);
    throw reason;
  });
  try {
    return await Promise.race([work({ clock, signal: controller.signal }), late]);
  } finally {
    timer.abort(new FlashlineError('aborted'));
  }
}

/**
 * Waits for `work`, but no longer than `graceMs` of real time after the signal aborts: work that does not heed
 * its signal must not keep a slot for ever. Rejects with the signal's reason then.
 */
export async function abandonable<T>(
  work: Promise<T>,
  signal: AbortSignal,
  wallClock: Clock,
  graceMs: number,
): Promise<T> {
  const timer = new AbortController();
  const abandoned = new Promise<never>((_, reject) => {
    const begin = () => {
      wallClock.sleep(graceMs, timer.signal).then(
        () => reject(signal.reason),
        () => undefined,
      );
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true, signal: timer.signal });
  });
  try {
    return await Promise.race([work, abandoned]);
  } finally {
    timer.abort(new FlashlineError('aborted'));
  }
}
