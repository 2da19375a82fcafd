import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import type { Slave } from '../chip-bus.ts';
import type { NorFlash } from './nor-flash.ts';

const CTRLR0 = 0x00;
const SSIENR = 0x08;
const SER = 0x10;
const BAUDR = 0x14;
const TXFLR = 0x20;
const RXFLR = 0x24;
const SR = 0x28;
const IDR = 0x58;
const VERSION = 0x5c;
const DR0 = 0x60;
const DR35 = 0xec;
const SPI_CTRLR0 = 0xf4;
const DEPTH = 16;

const BUSY = 1;
const TFNF = 2;
const TFE = 4;
const RFNE = 8;
const RFF = 16;

const SEND_ONLY = 1;
const READ_AFTER_COMMAND = 3;
/** GPIO_QSPI_SS_CTRL.OUTOVER (data sheet, 2.19.6.2): by the peripheral, inverted, low, high. */
export type SelectOverride = 0 | 1 | 2 | 3;

interface Frame {
  readonly value: number;
  readonly startAt: number;
  readonly endAt: number;
}

/**
 * The RP2040's synchronous serial interface with the flash on its wires (data sheet, 4.10): frames in single-bit mode, clocked at
 * clk_sys / BAUDR, through two FIFOs of 16. Reads of the XIP window are commands that it makes up by itself. Of the
 * two- and four-bit modes only those reads are modelled, and the transfer that puts a flash into continuous read.
 */
export class Ssi implements Slave {
  readonly start = 0x18000000;
  readonly size = 0x1000;
  readonly #flash: NorFlash;
  readonly #nsPerCycle: (at: number) => number;
  readonly #registers = new Uint32Array(0x100 / 4);
  /** Not ended yet, in order. */
  #frames: Frame[] = [];
  #received: number[] = [];
  #freeAt = 0;
  #override: SelectOverride = 0;
  /** Words of a command in two- or four-bit mode. */
  #command: number[] = [];

  constructor(flash: NorFlash, nsPerCycle: (at: number) => number) {
    this.#flash = flash;
    this.#nsPerCycle = nsPerCycle;
  }

  reset(at: number): void {
    this.#registers.fill(0);
    this.#disable(at);
    this.setOverride(0, at);
  }

  /** Reads of the XIP window: undefined where the interface is not set up for one that the flash knows. */
  readThrough(offset: number, at: number): AccessResult | undefined {
    const lanes = (this.#register(CTRLR0) >>> 21) & 3;
    const spi = this.#register(SPI_CTRLR0);
    const instruction = (spi >>> 8) & 3 ? spi >>> 24 : undefined;
    if (!this.#enabled || this.#mode !== READ_AFTER_COMMAND || this.#frameBits !== 32) return undefined;
    const cycles = readCycles(lanes, instruction, (spi >>> 2) & 15, (spi >>> 11) & 31);
    if (cycles === undefined || (lanes === 2 && !this.#flash.quadEnabled)) return undefined;
    const ns = Math.ceil(cycles * this.#divider * this.#nsPerCycle(at));
    return done(at + ns, this.#flash.readWord(offset, at));
  }

  readWord(address: number, at: number): AccessResult {
    this.settle(at);
    const offset = address - this.start;
    if (offset >= DR0 && offset <= DR35) return done(at, this.#received.shift() ?? 0);
    switch (offset) {
      case TXFLR:
        return done(at, this.#waiting(at));
      case RXFLR:
        return done(at, this.#received.length);
      case SR:
        return done(at, this.#status(at));
      case IDR:
        return done(at, 0x51535049);
      case VERSION:
        return done(at, 0x3430312a);
      default:
        return done(at, this.#register(offset));
    }
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (size !== 4) return busFault(at);
    this.settle(at);
    const offset = address - this.start;
    if (offset >= DR0 && offset <= DR35) this.#push(value, at);
    else if (offset === SSIENR && (value & 1) === 0) this.#disable(at);
    else if (offset === SSIENR || !this.#enabled || offset === SER) this.#set(offset, value);
    return done(at);
  }

  steadyUntil(address: number, at: number): number {
    this.settle(at);
    const offset = address - this.start;
    if (offset >= DR0 && offset <= DR35) return at;
    const [first] = this.#frames;
    if (!first || (offset !== SR && offset !== TXFLR && offset !== RXFLR)) return Infinity;
    let next = first.endAt;
    for (const { startAt } of this.#frames) if (startAt > at && startAt < next) next = startAt;
    return next;
  }

  /** Nothing on the wires, nothing in the FIFOs: what it does next depends on its registers and the flash alone. */
  idle(at: number): boolean {
    this.settle(at);
    return this.#frames.length === 0 && this.#received.length === 0 && this.#command.length === 0;
  }

  /** The chip select as its pin control has it. */
  setOverride(override: SelectOverride, at: number): void {
    this.settle(at);
    this.#override = override;
    if (override === 2 && !this.#flash.selected) this.#flash.select();
    if (override === 3 || (override === 0 && this.#frames.length === 0)) this.#flash.deselect(at);
  }

  get override(): SelectOverride {
    return this.#override;
  }

  /** Carries out what has been clocked by `at`. */
  settle(at: number): void {
    for (let frame = this.#frames[0]; frame && frame.endAt <= at; frame = this.#frames[0]) {
      this.#frames.shift();
      this.#exchange(frame);
      if (this.#override === 0 && this.#frames.length === 0) this.#flash.deselect(frame.endAt);
    }
  }

  #exchange({ value, endAt }: Frame): void {
    if (this.#override === 0 && !this.#flash.selected) this.#flash.select();
    const bits = this.#frameBits;
    let answer = 0;
    for (let shift = bits - 8; shift >= 0; shift -= 8) {
      answer = (answer << 8) | this.#flash.exchange((value >>> shift) & 0xff, endAt);
    }
    if (this.#mode !== SEND_ONLY && this.#received.length < DEPTH) this.#received.push(answer >>> 0);
  }

  #push(value: number, at: number): void {
    if (!this.#enabled || (this.#register(SER) & 1) === 0 || this.#divider === 0) return;
    if ((this.#register(CTRLR0) >>> 21) & 3) {
      this.#enhanced(value);
      return;
    }
    if (this.#waiting(at) >= DEPTH) return;
    const startAt = Math.max(at, this.#freeAt);
    const endAt = startAt + Math.round(this.#frameBits * this.#divider * this.#nsPerCycle(at));
    this.#freeAt = endAt;
    this.#frames.push({ value, startAt, endAt });
  }

  /** Instruction, then address: a read whose data nobody looks at but by its being there. */
  #enhanced(value: number): void {
    this.#command.push(value);
    const WORDS = 2;
    if (this.#command.length < WORDS) return;
    this.#command = [];
    this.#received.push(0);
  }

  #disable(at: number): void {
    this.#set(SSIENR, 0);
    this.#frames = [];
    this.#received = [];
    this.#command = [];
    this.#freeAt = 0;
    if (this.#override === 0) this.#flash.deselect(at);
  }

  #status(at: number): number {
    const waiting = this.#waiting(at);
    return (
      (this.#frames.length > 0 ? BUSY : 0) |
      (waiting < DEPTH ? TFNF : 0) |
      (waiting === 0 ? TFE : 0) |
      (this.#received.length > 0 ? RFNE : 0) |
      (this.#received.length >= DEPTH ? RFF : 0)
    );
  }

  #waiting(at: number): number {
    let count = 0;
    for (const { startAt } of this.#frames) if (startAt > at) count++;
    return count;
  }

  get #enabled(): boolean {
    return (this.#register(SSIENR) & 1) !== 0;
  }

  get #mode(): number {
    return (this.#register(CTRLR0) >>> 8) & 3;
  }

  get #frameBits(): number {
    return ((this.#register(CTRLR0) >>> 16) & 31) + 1;
  }

  get #divider(): number {
    return this.#register(BAUDR) & 0xfffe;
  }

  #register(offset: number): number {
    return this.#registers[offset >>> 2] ?? 0;
  }

  #set(offset: number, value: number): void {
    this.#registers[offset >>> 2] = value;
  }
}

/**
 * Serial clocks of one read of 32 bits: 03 and 0B by one wire, EB (with its mode byte and 4 more clocks; without an instruction in
 * continuous read) by four. `addressNibbles` counts the mode byte in. Undefined for what the flash would not understand.
 */
function readCycles(lanes: number, instruction: number | undefined, addressNibbles: number, wait: number) {
  if (lanes === 0) {
    if (addressNibbles !== 6) return undefined;
    if (instruction === 0x03 && wait === 0) return 8 + 24 + 32;
    return instruction === 0x0b && wait === 8 ? 8 + 24 + 8 + 32 : undefined;
  }
  if (lanes !== 2 || addressNibbles !== 8 || wait !== 4) return undefined;
  if (instruction === undefined) return 8 + 4 + 8;
  return instruction === 0xeb ? 8 + 8 + 4 + 8 : undefined;
}
