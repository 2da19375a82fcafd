import type { Clock } from '#shared/base/clock.ts';
import type { PlantStore, PlantTime } from '../log/plant-store.ts';

interface Reading {
  readonly time: PlantTime;
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/**
 * What the plant's clock says by now. Nothing rests on this computer's clock being right: the plant's own time is kept with
 * each contact, and since then only what has passed is counted. Within a process that is the larger of the monotonic and the wall
 * clock's difference (a computer that slept has only the second); between processes the wall clock's. A wall clock that was
 * set back counts as no time, so a station gains none by it; one that was set forward may end a lease early, which the plant
 * heals with its next answer.
 */
export class PlantClock {
  readonly #store: PlantStore;
  readonly #clock: Clock;
  #reading: Reading | null = null;

  constructor(store: PlantStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Milliseconds since 1970 by the plant's clock; null before the first contact. */
  now(): number | null {
    if (this.#reading === null) return null;
    const { time, wallMs, monotonicMs } = this.#reading;
    const passed = Math.max(0, this.#clock.monotonic() - monotonicMs, this.#clock.now() - wallMs);
    return time.plantMs + passed;
  }

  /** An instant of the plant's clock, as this computer's clock will show it if nobody sets it. */
  asWall(plantMs: number): number {
    const now = this.now();
    return now === null ? plantMs : this.#clock.now() + (plantMs - now);
  }

  /** The plant told the time; `wallMs` was this computer's at the same instant. */
  async contacted(plantMs: number, wallMs: number): Promise<void> {
    this.#read(await this.#store.contacted({ plantMs, wallMs }));
  }

  /** Puts on disk how late it is, and takes over what another process was told. Before the first contact it does nothing. */
  async keep(): Promise<void> {
    const kept = await this.#store.time();
    if (kept === null) {
      this.#reading = null;
      return;
    }
    if (this.#reading?.time.contact !== kept.contact) this.#read(kept);
    const now = this.now() ?? kept.plantMs;
    const stored = await this.#store.timePassed(kept.contact, { plantMs: now, wallMs: this.#clock.now() });
    if (stored !== null) this.#read(stored);
  }

  /** What was passed while nobody looked is added; a clock that is earlier than it was then adds nothing. */
  #read(time: PlantTime): void {
    const wallMs = this.#clock.now();
    const passed = Math.max(0, wallMs - time.wallMs);
    const read = { ...time, plantMs: time.plantMs + passed };
    this.#reading = { time: read, wallMs, monotonicMs: this.#clock.monotonic() };
  }
}
