import type { FaultPlan, WireFault } from '../fault-plan.ts';
import { Ack } from '../sw-dp.ts';
import type { HostAnswer, SwdHost } from '../swd-host.ts';
import { JTAG_DP, JtagAck } from './jtag-dp.ts';
import type { WholeScan } from './tap.ts';

/** A cycle's TDO, and where in a scan it stands. */
type Bit = 0 | 1;

const READ = 2;
/** Clocks from Run-Test/Idle to Shift-DR, from Exit1 to Run-Test/Idle, and bits before a scan's word. */
const TO_SHIFT = 3;
const TO_IDLE = 2;
const HEAD_BITS = 3;

/**
 * The probe's end of the JTAG pins: a port of what CMSIS-DAP probes clock, edge by edge (each transfer starts and ends
 * in Run-Test/Idle). Time and supply are the shared pins' (`SwdHost`).
 */
export class JtagHost {
  readonly #pins: SwdHost;
  readonly #faults: FaultPlan;
  #irLengths: readonly number[] = [];
  /** The instruction that the chosen TAP holds, as far as the probe knows within one command. */
  #instruction: number | undefined;
  #tap = 0;

  /** Every read's word comes with the access after it. */
  readonly postsDpReads = true;

  constructor(pins: SwdHost, faults: FaultPlan) {
    this.#pins = pins;
    this.#faults = faults;
  }

  get now(): number {
    return this.#pins.now;
  }

  /** Instruction register lengths in bits, the TAP nearest to TDO first. */
  configure(irLengths: readonly number[]): void {
    this.#irLengths = irLengths;
    this.#tap = 0;
  }

  /** A command begins: the probe chooses the TAP, and takes no instruction for granted. False if there is no such TAP. */
  choose(tap: number): boolean {
    this.#instruction = undefined;
    if (tap >= this.#irLengths.length) return false;
    this.#tap = tap;
    return true;
  }

  /** `cycles` clocks with TMS held; what TDO showed, lowest bit first. */
  sequence(tms: Bit, cycles: number, tdi: Uint8Array): Uint8Array {
    this.#pins.checkSupply();
    const heard = new Uint8Array(Math.ceil(cycles / 8));
    for (let i = 0; i < cycles; i++) {
      const level = this.#cycle(tms, ((tdi[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0);
      heard[i >> 3] = (heard[i >> 3] ?? 0) | (level << (i & 7));
    }
    return heard;
  }

  /** JTAG_IDCODE's scan: 32 bits of the chosen TAP's IDCODE register. */
  idcode(): number {
    this.#pins.checkSupply();
    this.#select(JTAG_DP.idcode);
    this.#toShiftDr();
    for (let i = 0; i < this.#tap; i++) this.#cycle(0, 1);
    let value = 0;
    for (let bit = 0; bit < 31; bit++) value += this.#cycle(0, 1) * 2 ** bit;
    value += this.#cycle(1, 1) * 2 ** 31;
    this.#toIdle();
    return value;
  }

  /** ABORT's own scan: never refused, never acknowledged. */
  writeAbort(value: number): void {
    this.#pins.checkSupply();
    this.#select(JTAG_DP.abort);
    this.#toShiftDr();
    for (let i = 0; i < this.#tap; i++) this.#cycle(0, 1);
    for (let i = 0; i < 3; i++) this.#cycle(0, 0);
    this.#exchange(value);
    this.#toIdle();
  }

  /** One attempt at a DPACC or APACC scan; a read's answer is that of the access before it. */
  transfer(ap: boolean, read: boolean, address: number, value: number): HostAnswer {
    this.#pins.checkSupply();
    this.#select(ap ? JTAG_DP.apacc : JTAG_DP.dpacc);
    const fault = this.#faults.nextTransfer(read, this.#pins.timing.bitNs);
    if (fault === 'fault') this.#pins.raiseStickyErrors();
    const request = (address >> 1) | (read ? READ >> 1 : 0);
    const whole = fault === 'none' ? this.#pins.wholeScan(this.#tap, this.#irLengths) : undefined;
    return whole ? this.#atOnce(whole, request, value) : this.#bitByBit(fault, request, value);
  }

  /** The same effects at the same times as bit by bit, for a chain that is as the probe believes. */
  #atOnce(whole: WholeScan, request: number, value: number): HostAnswer {
    const { bitNs, idle } = this.#pins.timing;
    const from = this.#pins.now;
    const head = TO_SHIFT + this.#tap + HEAD_BITS;
    const wait = whole.capture(from + (TO_SHIFT - 1) * bitNs) === JtagAck.wait;
    const { word } = whole;
    const toUpdate = head + (wait ? 1 : 32 + this.#irLengths.length - this.#tap - 1);
    if (!wait) whole.update(request, (request & 1) !== 0 ? 0 : value, from + toUpdate * bitNs);
    this.#pins.now = from + (toUpdate + TO_IDLE + (wait ? 0 : idle)) * bitNs;
    return wait ? { ack: Ack.wait, data: 0 } : { ack: Ack.ok, data: word };
  }

  #bitByBit(fault: WireFault, request: number, value: number): HostAnswer {
    this.#toShiftDr();
    for (let i = 0; i < this.#tap; i++) this.#cycle(0, 1);
    const ack = this.#damaged(fault, this.#acknowledge(request));
    if (ack !== Ack.ok) {
      this.#cycle(1, 1);
      this.#toIdle();
      return { ack, data: 0 };
    }
    const data = this.#exchange((request & 1) !== 0 ? 0 : value);
    this.#toIdle();
    for (let i = 0; i < this.#pins.timing.idle; i++) this.#cycle(0, 1);
    // JTAG has no parity: a damaged bit is taken for a good one.
    return { ack, data: fault === 'parity' ? (data ^ 1) >>> 0 : data };
  }

  /** RnW, A2, A3 out; the three bits in, in CMSIS-DAP's order: 1 is OK or FAULT, 2 is WAIT, 7 nobody. */
  #acknowledge(request: number): number {
    const first = this.#cycle(0, (request & 1) as Bit);
    const second = this.#cycle(0, ((request >> 1) & 1) as Bit);
    const third = this.#cycle(0, ((request >> 2) & 1) as Bit);
    return second | (first << 1) | (third << 2);
  }

  #damaged(fault: WireFault, ack: number): number {
    if (fault === 'no-answer') return Ack.none;
    return fault === 'wait' ? Ack.wait : ack;
  }

  /** The 32 data bits, the bypass bits of the TAPs behind, and Exit1-DR with the last of them. */
  #exchange(value: number): number {
    const behind = this.#irLengths.length - this.#tap - 1;
    let data = 0;
    for (let bit = 0; bit < 32; bit++) {
      const last = bit === 31 && behind === 0;
      data += this.#cycle(last ? 1 : 0, ((value >>> bit) & 1) as Bit) * 2 ** bit;
    }
    for (let i = 1; i <= behind; i++) this.#cycle(i === behind ? 1 : 0, 1);
    return data;
  }

  /** From Run-Test/Idle through the instruction registers of all TAPs and back; the others get BYPASS. */
  #select(instruction: number): void {
    if (this.#instruction === instruction) return;
    this.#instruction = instruction;
    this.#cycle(1, 1);
    this.#cycle(1, 1);
    this.#cycle(0, 1);
    this.#cycle(0, 1);
    const bits = this.#irLengths.flatMap((length, tap) =>
      Array.from({ length }, (_, bit): Bit => (tap !== this.#tap || (instruction >> bit) & 1 ? 1 : 0)),
    );
    for (const [i, bit] of bits.entries()) this.#cycle(i === bits.length - 1 ? 1 : 0, bit);
    this.#toIdle();
  }

  /** Run-Test/Idle to Shift-DR. */
  #toShiftDr(): void {
    this.#cycle(1, 1);
    this.#cycle(0, 1);
    this.#cycle(0, 1);
  }

  /** Exit1 to Run-Test/Idle. */
  #toIdle(): void {
    this.#cycle(1, 1);
    this.#cycle(0, 1);
  }

  #cycle(tms: Bit, tdi: Bit): Bit {
    return this.#pins.cycle(tms, tdi);
  }
}
