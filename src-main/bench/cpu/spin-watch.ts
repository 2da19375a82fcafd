import type { CoreBus, DeviceState } from './core-bus.ts';
import type { CoreState } from './core-state.ts';
import { countsDown } from './countdown.ts';

/** Words that a loop may read and still be watched. */
/** No branch leads to an odd address. */
const NOWHERE = -1;
const MOST_WORDS = 64;
/** Between two comparisons of loops that go on changing, at most so many branches. */
const LONGEST_REST = 64;
/** So many branches to elsewhere are loops within the one that is watched; more, and that one has ended. */
const MOST_STRANGERS = 8;

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
  readonly now: number;
  readonly bus: CoreBus;
  readonly wholeNanoseconds: boolean;
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
  /** A device of the bus' loop was written to, which is undone if it is in the same state one pass later. */
  exchanged = false;
  proven: Spin | undefined;
  #target = NOWHERE;
  #phase: Phase = 'counting';
  /** The watched target did not spin. */
  #failed = false;
  #failures = 0;
  /** Branches to let pass. */
  #rest = 0;
  #lastProven = NOWHERE;
  #countdown: Countdown | undefined;
  readonly #snapshot = new Int32Array(18);
  #begin = 0;
  #steadyUntil = Infinity;
  #words = new Set<number>();
  #ops: number[] = [];
  #device: DeviceState | undefined;
  #deviceSteadyUntil = Infinity;
  #strangers = 0;

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  get recording(): boolean {
    return this.#phase === 'recording';
  }

  /** Forgets what was seen. */
  restart(target = NOWHERE): void {
    this.#focus(target);
    this.#failures = 0;
    this.#rest = 0;
    this.disturbed = target === NOWHERE;
    this.exchanged = false;
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

  /** A read of a device: either it is steady, or the pass is an exchange with it. */
  noteDevice(steadyUntil: number, now: number): void {
    if (steadyUntil <= now) this.exchanged = true;
    else if (steadyUntil < this.#deviceSteadyUntil) this.#deviceSteadyUntil = steadyUntil;
  }

  /** At a branch backwards to `target`. True when the loop is proven to spin. */
  pass(core: Watched, target: number): boolean {
    if (!this.#enabled) return false;
    if (this.disturbed) {
      this.restart(target);
      // Where this loop span before, it is likely to spin again.
      if (target === this.#lastProven) this.#recordNext(core);
      return false;
    }
    if (this.#rest > 0) {
      this.#rest--;
      return false;
    }
    if (target === this.#target) return this.#sameTarget(core);
    // A branch within the loop that is watched, or a better candidate than that.
    if (this.#failed || ++this.#strangers > MOST_STRANGERS) this.#focus(target);
    return false;
  }

  #sameTarget(core: Watched): boolean {
    this.#strangers = 0;
    if (this.#phase === 'counting') this.#compareNext(core);
    else if (!this.#comparable(core)) this.#fail();
    else if (this.#phase === 'comparing') this.#recordNext(core);
    else return this.#prove(core);
    return false;
  }

  #focus(target: number): void {
    this.#target = target;
    this.#phase = 'counting';
    this.#strangers = 0;
    this.#failed = false;
  }

  #compareNext(core: Watched): void {
    this.#take(core);
    this.#phase = 'comparing';
  }

  #recordNext(core: Watched): void {
    this.#take(core);
    this.#phase = 'recording';
    this.#steadyUntil = Infinity;
    this.#deviceSteadyUntil = Infinity;
    this.#words = new Set();
    this.#ops = [];
    core.detachRam();
  }

  #prove(core: Watched): boolean {
    const period = core.cycles - this.#begin;
    let validUntil = core.cycleAt(this.#validUntil(core));
    const countdown = this.#countdown;
    if (countdown) {
      // The passes that leave at least the step: up to there no flag of the subtraction changes.
      const passes = Math.floor((countedIn(core, countdown) - 1) / countdown.step);
      validUntil = Math.min(validUntil, core.cycles + passes * period);
    }
    this.#phase = 'counting';
    const counts = countdown ? countsDown(this.#ops, countdown.register, countdown.step) : true;
    if (!counts || validUntil < core.cycles + period) {
      this.#fail();
      return false;
    }
    this.proven = { period, begin: core.cycles, validUntil, words: this.#words, countdown };
    return true;
  }

  /** Nanoseconds; the past where an exchange did not end as it began. */
  #validUntil(core: Watched): number {
    if (!this.exchanged) return Math.min(this.#steadyUntil, this.#deviceSteadyUntil);
    const before = this.#device;
    const after = core.bus.loop?.state(core.now);
    const same = before !== undefined && after !== undefined && before.phase === after.phase;
    return same && (core.wholeNanoseconds || !before.takesTime)
      ? Math.min(this.#steadyUntil, before.until, after.until)
      : 0;
  }

  /** Not this time: looks again later, and less and less often. */
  #fail(): void {
    this.#phase = 'counting';
    this.#failed = true;
    this.#rest = Math.min(2 ** this.#failures++, LONGEST_REST);
    if (this.#lastProven === this.#target) this.#lastProven = NOWHERE;
  }

  #take(core: Watched): void {
    this.#snapshot.set(core.r);
    this.#snapshot[16] = core.xpsr;
    this.#snapshot[17] = core.primask;
    this.#begin = core.cycles;
    this.#device = core.bus.loop?.state(core.now);
    this.exchanged = false;
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
    this.#countdown = countdown;
    return !countdown || countedIn(core, countdown) > 0;
  }
}

function countedIn(core: CoreState, countdown: Countdown): number {
  return core.r[countdown.register] ?? 0;
}
