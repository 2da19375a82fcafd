import type { RandomBytes } from '#shared/base/clock.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 5 * 60_000;

/**
 * How long to wait after so many failures in a row (from 1): anything from a second up to twice as long as after the failure
 * before, five minutes at most. Chance spreads a line's stations, which all lost the same plant at the same moment. The plant may
 * ask for more.
 */
export function backOffMs(failures: number, random: RandomBytes, askedMs = 0): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 20));
  const chosen = FIRST_MS + fraction(random) * (longest - FIRST_MS);
  return Math.min(LONGEST_MS, Math.max(chosen, askedMs));
}

/** From 0 to below 1. */
export function fraction(random: RandomBytes): number {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}
