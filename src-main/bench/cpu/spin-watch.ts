import type { CoreState } from './core-state.ts';
import { countsDown } from './countdown.ts';

/** Words that a loop may read and still be watched. */
const MOST_WORDS = 64;
/** Between two comparisons of a loop that goes on changing, at most so many passes. */
const LONGEST_PAUSE = 64;

/** A loop that does nothing until somebody else does. */
export interface Spin {
  /** Cycles of one pass. */
  readonly period: number;
  /** The cycle at which a pass began, with the state of now. */
  readonly begin: number;
  /** Passes that begin before this cycle are all alike. */
  readonly validUntil: number;
  /** RAM words read, code included: a write elsewhere leaves the loop as it is. */
  readonly words: ReadonlySet<number>;
  /** A register that only counts the passes down. */
  readonly countdown: Countdown | undefined;
}

interface Countdown {
  readonly register: number;
  readonly step: number;
}

/** What the watch asks of its core while it looks. */
export interface Watched extends CoreState {
  readonly cycles: number;
  cycleAt(at: number): number;
  /** Every access is told to the watch. */
  detachRam(): void;
}

type Phase = 'counting' | 'comparing' | 'recording';

/**
 * Finds a core that spins: a loop that ends where it began with the same registers (but for one that counts down),
 * has written nothing, and whose reads give the same until a moment known to the chip. Such passes can be counted instead of
 * executed, and end in the same state at the same cycle. Looked for at branches backwards: take a snapshot, compare
 * it one pass later, then note what one more pass reads.
 */
export class SpinWatch {
  readonly #enabled: boolean;
  /** Something was written, or the bus stalled, since the last branch backwards. */
  disturbed = true;
  proven: Spin | undefined;
  #target = -1;
  #phase: Phase = 'counting';
  #passes = 0;
  #next = 1;
  #countdown: Countdown | undefined;
  readonly #snapshot = new Int32Array(18);
  #begin = 0;
  #steadyUntil = Infinity;
  #words = new Set<number>();
  #ops: number[] = [];

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  get recording(): boolean {
    return this.#phase === 'recording';
  }

  /** Forgets what was seen. */
  restart(target = -1): void {
    this.#target = target;
    this.#phase = 'counting';
    this.#passes = 0;
    this.#next = 1;
    this.disturbed = target < 0;
    this.proven = undefined;
  }

  noteRam(address: number): void {
    this.#words.add(address & ~3);
    if (this.#words.size > MOST_WORDS) this.disturbed = true;
  }

  /** The first halfword of an instruction about to be executed. */
  noteOp(op: number): void {
    this.#ops.push(op);
  }

  noteRead(steadyUntil: number): void {
    if (steadyUntil < this.#steadyUntil) this.#steadyUntil = steadyUntil;
  }

  /** At a branch backwards to `target`. True when the loop is proven to spin. */
  pass(core: Watched, target: number): boolean {
    if (!this.#enabled) return false;
    if (target !== this.#target || this.disturbed) {
      this.restart(target);
      return false;
    }
    this.#passes++;
    if (this.#phase === 'counting') {
      if (this.#passes >= this.#next) this.#compareNext(core);
    } else if (!this.#comparable(core)) this.#pause();
    else if (this.#phase === 'comparing') this.#recordNext(core);
    else return this.#prove(core);
    return false;
  }

  #compareNext(core: Watched): void {
    this.#take(core);
    this.#countdown = undefined;
    this.#phase = 'comparing';
  }

  #recordNext(core: Watched): void {
    this.#take(core);
    this.#phase = 'recording';
    this.#steadyUntil = Infinity;
    this.#words = new Set();
    this.#ops = [];
    core.detachRam();
  }

  #prove(core: Watched): boolean {
    const period = core.cycles - this.#begin;
    let validUntil = core.cycleAt(this.#steadyUntil);
    const countdown = this.#countdown;
    if (countdown) {
      // The passes that leave at least the step: up to there no flag of the subtraction changes.
      const passes = Math.floor((countedIn(core, countdown) - 1) / countdown.step);
      validUntil = Math.min(validUntil, core.cycles + passes * period);
    }
    this.#phase = 'counting';
    const counts = countdown ? countsDown(this.#ops, countdown.register, countdown.step) : true;
    if (!counts || validUntil < core.cycles + period) {
      this.#pause();
      return false;
    }
    this.proven = { period, begin: core.cycles, validUntil, words: this.#words, countdown };
    return true;
  }

  #pause(): void {
    this.#phase = 'counting';
    this.#next = this.#passes + Math.min(this.#passes, LONGEST_PAUSE);
  }

  #take(core: Watched): void {
    this.#snapshot.set(core.r);
    this.#snapshot[16] = core.xpsr;
    this.#snapshot[17] = core.primask;
    this.#begin = core.cycles;
  }

  /** The same as in the snapshot, but for one register that counts down. */
  #comparable(core: Watched): boolean {
    const snapshot = this.#snapshot;
    if (snapshot[16] !== core.xpsr || snapshot[17] !== core.primask) return false;
    let countdown: Countdown | undefined;
    for (let i = 0; i < 15; i++) {
      const step = ((snapshot[i] ?? 0) - (core.r[i] ?? 0)) | 0;
      if (step === 0) continue;
      if (countdown || i > 7 || step < 0) return false;
      countdown = { register: i, step };
    }
    if (!countdown) return this.#countdown === undefined || this.#phase === 'comparing';
    if (this.#phase === 'recording' && this.#countdown?.step !== countdown.step) return false;
    this.#countdown = countdown;
    return countedIn(core, countdown) > 0;
  }
}

function countedIn(core: CoreState, countdown: Countdown): number {
  return core.r[countdown.register] ?? 0;
}
