import type { Clock } from '#shared/base/clock.ts';
import type { RunEvent, Step } from '#shared/model/run-event.ts';

/** A progress event at most this often, by the run's clock; a step's last one is always told. */
const PROGRESS_EVERY_MS = 100;

/** Times a run's steps and tells of them. A step that comes again (one role after another) adds to its time. */
export class StepTracker {
  readonly #clock: () => Clock;
  readonly #tell: (event: RunEvent) => void;
  readonly #run: string;
  readonly #ms = new Map<Step, number>();
  #current: { readonly step: Step; readonly since: number } | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `clock` is asked at every step: a run learns its connection's clock only on connecting. */
  constructor(run: string, clock: () => Clock, tell: (event: RunEvent) => void) {
    this.#run = run;
    this.#clock = clock;
    this.#tell = tell;
  }

  get current(): Step | null {
    return this.#current?.step ?? null;
  }

  start(step: Step): void {
    this.#current = { step, since: this.#clock().monotonic() };
    this.#toldAt = Number.NEGATIVE_INFINITY;
    this.#tell({ type: 'step.started', run: this.#run, step });
  }

  progress(step: Step, done: number, total: number): void {
    const now = this.#clock().monotonic();
    if (done < total && now - this.#toldAt < PROGRESS_EVERY_MS) return;
    this.#toldAt = now;
    this.#tell({ type: 'step.progress', run: this.#run, step, done, total });
  }

  /** Milliseconds of this stretch of the step. */
  finish(): number {
    return this.#end(true);
  }

  /** Ends a step that failed: its time is kept, but it is not told as finished. */
  stop(): number {
    return this.#end(false);
  }

  /** In order of first appearance. */
  times(): { step: Step; ms: number }[] {
    return [...this.#ms].map(([step, ms]) => ({ step, ms }));
  }

  #end(told: boolean): number {
    if (!this.#current) return 0;
    const { step, since } = this.#current;
    const ms = this.#clock().monotonic() - since;
    this.#current = null;
    this.#ms.set(step, (this.#ms.get(step) ?? 0) + ms);
    if (told) this.#tell({ type: 'step.finished', run: this.#run, step, ms });
    return ms;
  }
}
