import type { AccessSize } from '../bus.ts';
import type { CoreBus } from './core-bus.ts';
import { CoreState } from './core-state.ts';
import { SpinWatch } from './spin-watch.ts';

/** Why an instruction did not end: it has changed nothing then, and the program counter still names it. */
export const Trap = {
  none: 0,
  /** The bus would not take the access yet: the instruction is tried again when it does. */
  held: 1,
  /** Bus fault, unaligned access, undefined instruction, missing Thumb bit. */
  fault: 2,
  breakpoint: 3,
  /** Not one of ARMv6-M's instructions, though the core of this chip may know it. */
  unknown: 4,
  supervisorCall: 5,
  sleep: 6,
} as const;
export type Trap = (typeof Trap)[keyof typeof Trap];

/** The registers of the private peripheral bus, as the core reaches them. Words only. */
export interface PrivateBus {
  read(address: number, at: number): number;
  write(address: number, value: number, at: number): void;
  /** Whether reading gives the same until somebody writes. */
  isSteady(address: number): boolean;
}

/** Cycles executed in one go. */
const LONGEST_STRETCH = 0x3fffffff;
const PPB_START = 0xe0000000;
const PPB_END = 0xe0100000;
const NO_RAM = { halves: new Uint16Array(0), bytes: new Uint8Array(0), words: new Int32Array(0) };

/** A core's way to memory, and its own time: cycles, counted from where its clock last changed. */
export abstract class CoreMemory extends CoreState {
  readonly bus: CoreBus;
  readonly spin: SpinWatch;
  readonly #ppb: PrivateBus;
  /** Cycles lived since `#base`: a small integer, which costs less to count than a large one. */
  protected spent = 0;
  /** The value of `spent` at which the core comes up for air. */
  protected limit = 0;
  #base = 0;
  trap: Trap = Trap.none;
  #nsPerCycle: number;
  #originNs = 0;
  #originCycle = 0;
  /** Where RAM is read and written directly; size 0 while every access shall take the long way. */
  ramStart = 0;
  ramSize = 0;
  #bytes = NO_RAM.bytes;
  halves = NO_RAM.halves;
  #words = NO_RAM.words;

  constructor(bus: CoreBus, ppb: PrivateBus, hz: number, skipSpins: boolean) {
    super();
    this.bus = bus;
    this.#ppb = ppb;
    this.#nsPerCycle = 1e9 / hz;
    this.spin = new SpinWatch(skipSpins);
  }

  /** Cycles lived since the core was made. */
  get cycles(): number {
    return this.#base + this.spent;
  }

  /** Time passes without instructions. */
  protected skipCycles(cycles: number): void {
    this.#base += cycles;
    this.limit -= cycles;
  }

  /** Counts from 0 again; `limit` is a number of cycles from here, shortened to what stays a small integer. */
  protected begin(limit: number): void {
    this.#base += this.spent;
    this.spent = 0;
    this.limit = Math.min(limit, LONGEST_STRETCH);
  }

  /** The core's clock from now on, in Hz. */
  set clock(hz: number) {
    this.#originNs = this.now;
    this.#originCycle = this.cycles;
    this.#nsPerCycle = 1e9 / hz;
  }

  /** Virtual nanoseconds at the core's present cycle. */
  /** Cycles are whole nanoseconds, so that what a device does takes the same time in each pass of a loop. */
  get wholeNanoseconds(): boolean {
    return Number.isInteger(this.#nsPerCycle);
  }

  get now(): number {
    return this.timeOf(this.cycles);
  }

  timeOf(cycle: number): number {
    return Math.floor(this.#originNs + (cycle - this.#originCycle) * this.#nsPerCycle);
  }

  /** The first cycle that begins at `at` or later. */
  cycleAt(at: number): number {
    if (at === Infinity) return Infinity;
    let cycle = this.#originCycle + Math.ceil((at - this.#originNs) / this.#nsPerCycle);
    while (this.timeOf(cycle) < at) cycle++;
    while (this.timeOf(cycle - 1) >= at) cycle--;
    return cycle;
  }

  /** The core lives on at `at`: it had stood still. Never goes back. */
  wakeAt(at: number): void {
    if (at <= this.now) return;
    this.#originNs = at;
    this.#originCycle = this.cycles;
  }

  /** From here on RAM is reached directly. */
  attachRam(): void {
    const { ram } = this.bus;
    const { bytes, halves, words } = ram.views;
    this.ramStart = ram.start;
    this.ramSize = ram.size;
    this.#bytes = bytes;
    this.halves = halves;
    this.#words = words;
  }

  /** Every access takes the long way: RAM has gone, or reads are being noted. */
  detachRam(): void {
    this.ramSize = 0;
  }

  protected load32(address: number): number {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize && (offset & 3) === 0) return this.#words[offset >>> 2] ?? 0;
    return this.#read(address >>> 0, 4);
  }

  protected load16(address: number): number {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize && (offset & 1) === 0) return this.halves[offset >>> 1] ?? 0;
    return this.#read(address >>> 0, 2);
  }

  protected load8(address: number): number {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize) return this.#bytes[offset] ?? 0;
    return this.#read(address >>> 0, 1);
  }

  /** A store that changes nothing does not count as one: a loop may push and pop and still stand still. */
  protected store32(address: number, value: number): void {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize && (offset & 3) === 0) {
      if (this.#words[offset >>> 2] === value) return;
      this.#words[offset >>> 2] = value;
      this.spin.disturbed = true;
      return;
    }
    this.#write(address >>> 0, 4, value);
  }

  protected store16(address: number, value: number): void {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize && (offset & 1) === 0) {
      this.halves[offset >>> 1] = value;
      this.spin.disturbed = true;
      return;
    }
    this.#write(address >>> 0, 2, value & 0xffff);
  }

  protected store8(address: number, value: number): void {
    const offset = (address - this.ramStart) >>> 0;
    if (offset < this.ramSize) {
      this.#bytes[offset] = value;
      this.spin.disturbed = true;
      return;
    }
    this.#write(address >>> 0, 1, value & 0xff);
  }

  /** An instruction's halfword from beside the RAM window. */
  protected fetchSlowly(address: number): number {
    if (address >= PPB_START) {
      this.trap = Trap.fault;
      return 0;
    }
    return this.#read(address, 2);
  }

  #read(address: number, size: AccessSize): number {
    if (address & (size - 1)) return this.#refuse();
    const { ram } = this.bus;
    if (ram.holds(address)) {
      if (this.spin.recording) this.spin.noteRam(address);
      else this.attachRam();
      return ram.read(address, size);
    }
    const now = this.now;
    if (address >= PPB_START && address < PPB_END) return this.#readPrivate(address, size, now);
    if (this.#held(address, false, now)) return 0;
    if (this.spin.recording) this.#noteRead(address, now);
    const result = this.bus.read(address, size, now);
    if (result.fault) return this.#refuse();
    this.#waitFor(result.doneAt, now);
    return result.value | 0;
  }

  #noteRead(address: number, now: number): void {
    const until = this.bus.steadyUntil(address, now);
    if (this.bus.loop?.holds(address)) this.spin.noteDevice(until, now);
    else this.spin.noteRead(until);
  }

  #write(address: number, size: AccessSize, value: number): void {
    if (this.bus.loop?.holds(address)) this.spin.exchanged = true;
    else this.spin.disturbed = true;
    if (address & (size - 1)) {
      this.#refuse();
      return;
    }
    const { ram } = this.bus;
    if (ram.holds(address)) {
      this.#writeRam(address, size, value);
      return;
    }
    const now = this.now;
    if (address >= PPB_START && address < PPB_END) {
      if (size === 4) this.#ppb.write(address, value >>> 0, now);
      else this.#refuse();
      return;
    }
    if (this.#held(address, true, now)) return;
    const result = this.bus.write(address, size, value >>> 0, now);
    if (result.fault) this.#refuse();
    else this.#waitFor(result.doneAt, now);
  }

  #writeRam(address: number, size: AccessSize, value: number): void {
    const { ram } = this.bus;
    if (!this.spin.recording) this.attachRam();
    ram.write(address, size, value);
  }

  #readPrivate(address: number, size: AccessSize, now: number): number {
    if (size !== 4) return this.#refuse();
    if (this.spin.recording) this.spin.noteRead(this.#ppb.isSteady(address) ? Infinity : now);
    return this.#ppb.read(address, now) | 0;
  }

  #held(address: number, write: boolean, now: number): boolean {
    const until = this.bus.heldUntil(address, write, now);
    if (until <= now) return false;
    this.skipCycles(this.cycleAt(until) - this.cycles);
    this.spin.disturbed = true;
    this.trap = Trap.held;
    return true;
  }

  #waitFor(doneAt: number, now: number): void {
    if (doneAt <= now) return;
    this.skipCycles(this.cycleAt(doneAt) - this.cycles);
    this.spin.disturbed = true;
  }

  #refuse(): number {
    this.trap = Trap.fault;
    return 0;
  }
}
