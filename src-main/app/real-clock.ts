import { randomBytes } from 'node:crypto';
import { setTimeout as realSleep } from 'node:timers/promises';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';

/** The computer's own clock: the only place that reads it. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await realSleep(ms, undefined, signal ? { signal } : {});
    } catch (thrown) {
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};

export const realRandom: RandomBytes = (length) => new Uint8Array(randomBytes(length));
