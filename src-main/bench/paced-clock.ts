import type { Clock } from '#shared/base/clock.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Called by whatever moved the virtual clock, after it moved. */
export type Pace = (signal?: AbortSignal) => Promise<void>;

/** Virtual time made visible: `factor` virtual seconds take one second of the `real` clock. */
export interface Pacing {
  readonly real: Clock;
  readonly factor: number;
}

/** A real sleep shorter than this costs more in timer noise than it shows. */
const LEAST_SLEEP_MS = 4;
/** Real time that was lost beyond this is let go. */
const MOST_LAG_MS = 100;

/**
 * Holds the run back until real time has caught up with virtual time divided by the factor.
 * The figures stay the virtual clock's: pacing never changes a modelled time.
 */
export function pace(virtual: VirtualClock, pacing: Pacing): Pace {
  let virtualMark = virtual.monotonic();
  let realMark = pacing.real.monotonic();
  return async (signal) => {
    const owed = (virtual.monotonic() - virtualMark) / pacing.factor - (pacing.real.monotonic() - realMark);
    if (owed > -MOST_LAG_MS && owed < LEAST_SLEEP_MS) return;
    if (owed > 0) await pacing.real.sleep(owed, signal);
    // Marks move along, so that an idle minute between two runs is not made up for by running ahead.
    virtualMark = virtual.monotonic();
    realMark = pacing.real.monotonic();
  };
}

/** The clock handed out with a paced bench: sleeping on it is paced too. */
export class PacedClock implements Clock {
  readonly #virtual: VirtualClock;
  readonly #pace: Pace;

  constructor(virtual: VirtualClock, paceVirtual: Pace) {
    this.#virtual = virtual;
    this.#pace = paceVirtual;
  }

  now(): number {
    return this.#virtual.now();
  }

  monotonic(): number {
    return this.#virtual.monotonic();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#virtual.sleep(ms, signal);
    await this.#pace(signal);
  }
}
