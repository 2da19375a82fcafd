import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import type { OpenedUnit } from '../programmer/programmer.ts';
import { bounded } from './bounded.ts';

const TEAR_DOWN_MS = 5000;

/** Closes what a run opened, in this order; every part is tried, `failed` hears of those that did not close. Never rejects. */
export async function tearDown(
  parts: readonly (FlashDevice | OpenedUnit | null)[],
  clock: Clock,
  wallClock: Clock,
  failed: (thrown: unknown) => void,
): Promise<void> {
  for (const part of parts) {
    if (!part) continue;
    try {
      await bounded(closing(part), clock, wallClock, TEAR_DOWN_MS);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

function closing(part: FlashDevice | OpenedUnit): (io: IoContext) => Promise<void> {
  return (io) => ('close' in part ? part.close(io) : part.finish(io));
}
