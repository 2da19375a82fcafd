import type { Clock } from '#shared/base/clock.ts';

/** So many at once; whoever waits is served in the order in which he came. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(free: number) {
    this.#free = free;
  }

  /** False where none was free in time. */
  async take(clock: Clock, ms: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const served = () => resolve(true);
    this.#waiting.add(served);
    const done = new AbortController();
    const giveUp = () => this.#waiting.delete(served) && resolve(false);
    clock.sleep(Math.max(0, ms), done.signal).then(giveUp, () => undefined);
    try {
      return await promise;
    } finally {
      done.abort();
    }
  }

  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
