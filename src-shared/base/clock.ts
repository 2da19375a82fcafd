/**
 * Time as an argument. The engine never reads the computer's clock: it is handed one, so that the
 * bench can hand it a virtual clock on which every packet and flash operation costs its modelled time.
 */
export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00Z. For records, never for durations. */
  now(): number;
  /** Monotonic milliseconds (fractional) since an arbitrary start. For durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What every call that waits for the outside world is handed. */
export interface IoContext {
  readonly clock: Clock;
  /** Aborting it cancels between packets; tear-down then runs with a signal and deadline of its own. */
  readonly signal: AbortSignal;
}

/** Random bytes as an argument (run ids, session tokens). */
export type RandomBytes = (length: number) => Uint8Array;
