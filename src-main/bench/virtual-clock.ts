import type { Clock } from '#shared/base/clock.ts';

const NS_PER_MS = 1_000_000;

/**
 * Time that moves only when something costs it. Kept in whole nanoseconds, so that one SWD bit (125 ns at 8 MHz)
 * counts exactly and the same calls always give the same time; 2^53 ns is 104 days.
 */
export class VirtualClock implements Clock {
  #elapsedNs = 0;
  /** Wall time in milliseconds at elapsed time 0. */
  #origin: number;

  constructor(startAt: number) {
    this.#origin = startAt;
  }

  /** Nanoseconds since the clock was made. */
  get elapsedNs(): number {
    return this.#elapsedNs;
  }

  now(): number {
    return this.#origin + Math.floor(this.#elapsedNs / NS_PER_MS);
  }

  monotonic(): number {
    return this.#elapsedNs / NS_PER_MS;
  }

  /** Advances at once: nobody waits for virtual time. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.advance(toNs(ms));
  }

  advance(ns: number): void {
    this.advanceTo(this.#elapsedNs + ns);
  }

  /** Never goes back. */
  advanceTo(ns: number): void {
    if (!Number.isSafeInteger(ns)) throw new RangeError(`not whole nanoseconds: ${ns}`);
    if (ns > this.#elapsedNs) this.#elapsedNs = ns;
  }

  /** Moves the wall time forward to `wall` (never back); durations do not notice. */
  catchUp(wall: number): void {
    if (wall > this.now()) this.#origin += wall - this.now();
  }
}

/** Milliseconds (fractions allowed) to whole nanoseconds; negative and not-a-number count as none. */
export function toNs(ms: number): number {
  return ms > 0 ? Math.round(ms * NS_PER_MS) : 0;
}

/** Microseconds to whole nanoseconds. */
export function usToNs(us: number): number {
  return toNs(us / 1000);
}
