import type { Clock } from '#shared/base/clock.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';

/** Whoever waits for less asks nobody what is going on. */
const LONG_MS = 1000;

/** Passes on what is told of an opening once that lasts; of a short one nothing is said. */
export class LongOpening {
  readonly #tell: (opening: LogOpening) => void;
  readonly #ended = new AbortController();
  #latest: LogOpening | null = null;
  #isLong = false;

  constructor(clock: Clock, tell: (opening: LogOpening) => void) {
    this.#tell = tell;
    void this.#wait(clock);
  }

  hear(opening: LogOpening): void {
    this.#latest = opening;
    if (this.#isLong) this.#tell(opening);
  }

  /** Nothing is told any more. */
  end(): void {
    this.#ended.abort();
  }

  async #wait(clock: Clock): Promise<void> {
    try {
      await clock.sleep(LONG_MS, this.#ended.signal);
    } catch {
      // It was over before.
      return;
    }
    this.#isLong = true;
    if (this.#latest !== null) this.#tell(this.#latest);
  }
}
