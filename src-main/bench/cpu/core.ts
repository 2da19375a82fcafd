import type { CoreBus } from './core-bus.ts';
import type { CoreKind } from './core-kind.ts';
import { Trap, type PrivateBus } from './core-memory.ts';
import { Thumb } from './thumb.ts';

const SP = 13;
const LR = 14;
const PC = 15;
const SUPERVISOR_CALL = 11;
const HARD_FAULT = 3;
const NMI = 2;
/** Where a core in lock-up says that it is (ARMv6-M ARM, B1.5.14). */
const LOCKED_UP = -2;
/** A fetch from erased flash. */
const ERASED_INSTRUCTION = 0xffff;

/**
 * `parked`: the firmware runs, and the bench does not follow it, be it for an instruction beyond ARMv6-M on a core that has it,
 * or because it has run long enough by itself. To a debugger it is a running core.
 */
export type CoreStatus = 'running' | 'halted' | 'locked-up' | 'sleeping' | 'parked';

/** The debug unit, as the core reaches it. */
export interface CoreEvents {
  /** An instruction asks to be stopped at, by BKPT or a comparator. True: the core halts, false: it is a fault. */
  breakpoint(): boolean;
  /** A fault is taken; true: the core halts at the handler's first instruction. */
  hardFault(): boolean;
  /** Whether a comparator of the breakpoint unit matches. */
  matches(address: number): boolean;
  vectorTable(): number;
  /** AIRCR.SYSRESETREQ by the program itself. */
  resetRequested(at: number): void;
}

export interface CoreOptions {
  readonly kind: CoreKind;
  readonly bus: CoreBus;
  readonly ppb: PrivateBus;
  readonly events: CoreEvents;
  /** Core clock after reset. */
  readonly hz: number;
  /** False: spinning loops are executed pass by pass. Nothing but speed depends on it. */
  readonly skipSpins?: boolean;
  /** Cycles that firmware may run after a reset before it is parked; a program that a debugger started has no limit. */
  readonly firmwareCycles?: number;
}

const FIRMWARE_CYCLES = 20_000_000;
/** A handler that has not returned by then never will. */
const LONGEST_HANDLER_NS = 5e8;
const HANDLER_STRETCH_NS = 1e6;

/**
 * A Cortex-M executing ARMv6-M code in virtual time. It lives only when asked to: `runUntil` takes it up to a moment,
 * instruction by instruction, each access at its own cycle. Of interrupts it has what faults and SVC need.
 */
export class Core extends Thumb {
  readonly #events: CoreEvents;
  readonly #resetHz: number;
  readonly #firmwareCycles: number;
  #status: CoreStatus = 'halted';
  /** Up to here nothing has to be done: the core stands still, or its loop is known. Nanoseconds. */
  #quietUntil = Infinity;
  #allowance = 0;
  #resetRequested = false;
  /** When the last exception returned to thread mode. */
  #returnedAt = Infinity;

  constructor({ kind, bus, ppb, events, hz, skipSpins = true, firmwareCycles = FIRMWARE_CYCLES }: CoreOptions) {
    super(kind, bus, ppb, hz, skipSpins);
    this.#events = events;
    this.#resetHz = hz;
    this.#firmwareCycles = firmwareCycles;
  }

  get status(): CoreStatus {
    return this.#status;
  }

  /** Runs from the vectors. */
  reset(stackPointer: number, resetVector: number, at: number): void {
    this.wakeAt(at);
    this.clock = this.#resetHz;
    this.resetState(stackPointer, resetVector);
    this.event = false;
    this.#resetRequested = false;
    this.#start(this.#firmwareCycles);
  }

  powerOff(): void {
    this.detachRam();
    this.#stop('halted');
  }

  /** The chip's clock has changed, maybe by the instruction under way. */
  setClock(hz: number): void {
    this.clock = hz;
    this.limit = -1;
    this.disturb();
  }

  /** A debugger lets it go. */
  resume(at: number): void {
    this.wakeAt(at);
    this.#start(Infinity);
  }

  /** One instruction, then halted again, unless it ended otherwise. */
  step(at: number): void {
    this.wakeAt(at);
    this.#start(Infinity);
    do this.#execute(1);
    while (this.#status === 'running' && this.#trapped() === Trap.held);
    this.#deliverReset();
    if (this.#status === 'running' || this.#status === 'sleeping') this.#stop('halted');
  }

  halt(at: number): void {
    this.catchUp(at);
    this.#stop('halted');
  }

  /**
   * SysTick or an interrupt comes at `at`. When its handler has returned to the program; Infinity where it does not: after a fault nothing
   * does.
   */
  interrupt(exception: number, at: number): number {
    this.catchUp(at);
    const lives = this.#status === 'running' || this.#status === 'sleeping';
    if (!lives || this.ipsr !== 0 || this.primask !== 0) return Infinity;
    this.wakeAt(at);
    this.#start(Infinity);
    this.#returnedAt = Infinity;
    this.#enter(exception, this.r[PC] ?? 0);
    const until = this.now + LONGEST_HANDLER_NS;
    while (this.#status === 'running' && this.ipsr === exception && this.now < until) {
      this.catchUp(this.now + HANDLER_STRETCH_NS);
    }
    return this.#returnedAt;
  }

  /** Lives up to `at` as far as anybody can tell: a spinning core may stay behind until it is disturbed. */
  runUntil(at: number): void {
    if (at <= this.#quietUntil) return;
    while (this.#status === 'running') {
      const limit = this.cycleAt(at);
      if (this.cycles >= limit) return;
      const { proven } = this.spin;
      if (proven) {
        if (limit <= proven.validUntil) {
          this.#quietUntil = this.timeOf(proven.validUntil);
          return;
        }
        this.#skipTo(proven.validUntil);
      }
      this.#spend(limit);
      this.#deliverReset();
    }
  }

  /** Lives up to `at` truly: every register is what it is then. */
  catchUp(at: number): void {
    this.runUntil(at);
    if (this.#status !== 'running') return;
    const limit = this.cycleAt(at);
    if (this.spin.proven) this.#skipTo(limit);
    this.disturb();
    if (this.cycles < limit) this.runUntilDisturbed(at);
  }

  /** Somebody else is about to write a RAM word, or anything else (`undefined`), at `at`. */
  beforeWrite(ramAddress: number | undefined, at: number): void {
    this.runUntil(at);
    if (this.#status !== 'running') return;
    const { proven } = this.spin;
    if (proven && ramAddress !== undefined && !proven.words.has(ramAddress & ~3)) return;
    if (proven) this.catchUp(at);
    this.disturb();
  }

  /** What was seen of a loop no longer counts. */
  disturb(): void {
    this.spin.restart();
    this.#quietUntil = this.#status === 'running' ? -1 : Infinity;
  }

  /** The end of an instruction of the program that wrote AIRCR. */
  requestReset(): void {
    this.#resetRequested = true;
    this.limit = -1;
  }

  protected loopBack(target: number): void {
    if (this.spin.pass(this, target)) this.limit = -1;
  }

  protected exceptionReturn(value: number): void {
    const toThread = (value & 8) !== 0;
    this.selectStack(toThread && (value & 4) !== 0);
    const frame = this.r[SP] ?? 0;
    const words: number[] = [];
    for (let i = 0; i < 8 && this.trap === Trap.none; i++) words.push(this.load32(frame + i * 4));
    if (this.trap !== Trap.none) return;
    const [r0 = 0, r1 = 0, r2 = 0, r3 = 0, r12 = 0, lr = 0, pc = 0, psr = 0] = words;
    this.r.set([r0, r1, r2, r3]);
    this.r[12] = r12;
    this.r[LR] = lr;
    this.r[PC] = pc & ~1;
    this.r[SP] = (frame + 0x20) | (psr & 0x200 ? 4 : 0);
    this.xpsr = psr;
    if (toThread) {
      this.ipsr = 0;
      this.#returnedAt = this.now;
    }
    this.event = true;
    this.detachRam();
  }

  /** Without the way out that a known loop offers: there is less than a pass to go. */
  private runUntilDisturbed(at: number): void {
    this.runUntil(at);
    if (this.spin.proven) this.catchUp(at);
  }

  #start(allowance: number): void {
    this.#status = 'running';
    this.#allowance = allowance;
    this.trap = Trap.none;
    // The first fetch takes the long way, where EPSR.T is looked at.
    this.detachRam();
    this.disturb();
  }

  #stop(status: CoreStatus): void {
    this.#status = status;
    this.limit = -1;
    this.#quietUntil = Infinity;
    this.spin.restart();
  }

  #skipTo(cycle: number): void {
    const { proven } = this.spin;
    if (!proven) return;
    const passes = Math.floor((cycle - this.cycles) / proven.period);
    if (passes > 0) {
      this.skipCycles(passes * proven.period);
      const { countdown } = proven;
      if (countdown) this.r[countdown.register] = (this.r[countdown.register] ?? 0) - passes * countdown.step;
    }
    this.disturb();
  }

  #deliverReset(): void {
    if (!this.#resetRequested) return;
    this.#resetRequested = false;
    this.#events.resetRequested(this.now);
  }

  #spend(limit: number): void {
    this.#execute(Math.min(limit - this.cycles, this.#allowance));
    this.#allowance -= this.spent;
    if (this.#allowance <= 0 && this.#status === 'running') this.#stop('parked');
  }

  #trapped(): Trap {
    return this.trap;
  }

  /** At most about so many cycles. */
  #execute(cycles: number): void {
    const r = this.r;
    this.begin(cycles);
    while (this.spent < this.limit) {
      const pc = r[PC] ?? 0;
      const offset = (pc - this.ramStart) >>> 0;
      this.trap = Trap.none;
      if (offset < this.ramSize) {
        r[PC] = pc + 2;
        this.execute(this.halves[offset >>> 1] ?? 0);
      } else this.#executeSlowly(pc);
      if (this.trap !== Trap.none) this.#take(this.trap, pc);
    }
  }

  /** From flash, or after a jump: where comparators match and EPSR.T counts. */
  #executeSlowly(pc: number): void {
    if (!this.thumb) {
      this.trap = Trap.fault;
      return;
    }
    if (this.#events.matches(pc >>> 0)) {
      this.trap = Trap.breakpoint;
      return;
    }
    const op = this.fetchSlowly(pc >>> 0);
    if (this.trap !== Trap.none) return;
    if (this.spin.recording) this.spin.noteOp(op);
    this.r[PC] = pc + 2;
    this.execute(op);
    if (this.#trapped() === Trap.unknown && (this.kind.architecture === 'v6-m' || op === ERASED_INSTRUCTION)) {
      this.trap = Trap.fault;
    }
  }

  #take(trap: Trap, pc: number): void {
    const next = this.r[PC] ?? 0;
    if (trap === Trap.sleep) {
      this.#stop('sleeping');
      return;
    }
    this.r[PC] = pc;
    if (trap === Trap.held) return;
    if (trap === Trap.unknown && this.kind.architecture === 'v7-m') this.#stop('parked');
    else if (trap === Trap.breakpoint && this.#events.breakpoint()) this.#stop('halted');
    else if (trap === Trap.supervisorCall && this.ipsr === 0 && this.primask === 0) this.#enter(SUPERVISOR_CALL, next);
    else this.#fault(pc);
  }

  /** A fault while handling one has nowhere to go (B1.5.14). */
  #fault(pc: number): void {
    if (this.ipsr === HARD_FAULT || this.ipsr === NMI) {
      this.#lockUp();
      return;
    }
    this.#enter(HARD_FAULT, pc);
    if (this.#status === 'running' && this.#events.hardFault()) this.#stop('halted');
  }

  #lockUp(): void {
    this.r[PC] = LOCKED_UP;
    this.ipsr = HARD_FAULT;
    this.#stop('locked-up');
  }

  /** Stacks a frame and goes on at the vector (B1.5.6). */
  #enter(exception: number, returnAddress: number): void {
    this.trap = Trap.none;
    const sp = this.r[SP] ?? 0;
    const frame = (sp - 0x20) & ~7;
    const aligned = sp & 4 ? 0x200 : 0;
    const words = [0, 1, 2, 3, 12, LR].map((index) => this.r[index] ?? 0);
    words.push(returnAddress, this.xpsr | aligned);
    for (const [index, word] of words.entries()) this.store32(frame + index * 4, word);
    const vector = this.load32(this.#events.vectorTable() + exception * 4);
    this.spent += 15;
    if (this.#trapped() !== Trap.none) {
      this.#lockUp();
      return;
    }
    this.r[SP] = frame;
    this.r[LR] = this.ipsr !== 0 ? 0xfffffff1 : this.onProcessStack ? 0xfffffffd : 0xfffffff9;
    this.selectStack(false);
    this.ipsr = exception;
    this.event = true;
    this.branchTo(vector);
    this.detachRam();
  }
}
