import type { ChipModel } from './chip.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { WholeScan } from './jtag/tap.ts';
import { Ack } from './sw-dp.ts';
import type { SwdLine } from './swd-line.ts';
import { bitTime, swdBits, type SwdTiming } from './swd-time.ts';

/** CMSIS-DAP's transfer response: the wire's acknowledge, or 8 for a parity or protocol error. */
const PROTOCOL_ERROR = 8;

export interface HostAnswer {
  readonly ack: number;
  readonly data: number;
}

const DEFAULT_HZ = 1_000_000;

/** The probe's end of the two wires: what it clocks, and what that costs. Its cursor is the probe's own time. */
export class SwdHost {
  readonly #line: SwdLine;
  readonly #chip: ChipModel;
  readonly #faults: FaultPlan;
  #timing: SwdTiming = { bitNs: bitTime(DEFAULT_HZ), turnaround: 1, idle: 0, dataPhase: false };
  /** Virtual nanoseconds; the device sets it to the time at which it takes a packet up. */
  now = 0;
  /** SWDIO/TMS and TDI as last driven, for SWJ_Pins. */
  swdio: 0 | 1 = 1;
  tdi: 0 | 1 = 1;

  readonly postsDpReads = false;

  constructor(line: SwdLine, chip: ChipModel, faults: FaultPlan) {
    this.#line = line;
    this.#chip = chip;
    this.#faults = faults;
  }

  configure(change: Partial<SwdTiming>): void {
    this.#timing = { ...this.#timing, ...change };
  }

  /** On serial wire the index of a command means nothing. */
  choose(): boolean {
    return true;
  }

  get timing(): SwdTiming {
    return this.#timing;
  }

  /** One attempt; WAIT is the caller's to retry. */
  transfer(ap: boolean, read: boolean, address: number, value: number): HostAnswer {
    this.checkSupply();
    const fault = this.#faults.nextTransfer(read, this.#timing.bitNs);
    const answer = this.#answer(fault, ap, read, address, value);
    const onWire = answer.ack === PROTOCOL_ERROR ? Ack.ok : answer.ack;
    this.now += swdBits(onWire as Ack, this.#timing) * this.#timing.bitNs;
    return answer;
  }

  /** Goes through at most so many attempts that are certain to be answered WAIT, as the last one was; how many they were. */
  passWaits(most: number): number {
    if (!this.#faults.none) return 0;
    const ns = swdBits(Ack.wait, this.#timing) * this.#timing.bitNs;
    const count = Math.max(0, Math.min(most, Math.ceil((this.#line.busyUntil - this.now) / ns)));
    this.now += count * ns;
    return count;
  }

  /** Drives bits, lowest bit of each byte first. */
  drive(bytes: Uint8Array, count: number): void {
    this.checkSupply();
    for (let i = 0; i < count; i++) {
      this.swdio = ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0;
      this.#clock(this.swdio);
      this.now += this.#timing.bitNs;
    }
  }

  /** One clock of JTAG; TDO as TCK rises. */
  cycle(tms: 0 | 1, tdi: 0 | 1): 0 | 1 {
    this.swdio = tms;
    this.tdi = tdi;
    const { tdo } = this;
    this.#clock(tms);
    this.now += this.#timing.bitNs;
    return tdo;
  }

  /** A scan that needs no single bits; the pins end as it leaves them. */
  wholeScan(tap: number, irLengths: readonly number[]): WholeScan | undefined {
    const whole = this.#line.wholeScan(tap, irLengths);
    if (whole) [this.swdio, this.tdi] = [0, 1];
    return whole;
  }

  get tdo(): 0 | 1 {
    return this.#faults.deaf ? 1 : this.#line.tdo;
  }

  testReset(asserted: boolean): void {
    this.#line.testReset(asserted, this.now);
  }

  raiseStickyErrors(): void {
    for (const port of this.#chip.debugPorts) port.raiseStickyError();
  }

  /** Listens for `count` clock cycles. */
  listen(count: number): Uint8Array {
    this.checkSupply();
    const bytes = new Uint8Array(Math.ceil(count / 8));
    for (let i = 0; i < count; i++) {
      const level = this.#clock(null);
      bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (level << (i & 7));
      this.now += this.#timing.bitNs;
    }
    return bytes;
  }

  resetPin(asserted: boolean): void {
    if (this.#chip.powered) this.#chip.resetPin(asserted, this.now);
  }

  /** A supply that fails at a set time fails between two transfers. */
  checkSupply(): void {
    const cut = this.#faults.powerCutNs;
    if (this.now >= cut) this.cutPower(Math.min(cut, this.now));
  }

  cutPower(at: number): void {
    this.#chip.powerCut(at);
  }

  #clock(level: 0 | 1 | null): 0 | 1 {
    return this.#faults.deaf ? (level ?? 1) : this.#line.clock(level, this.now, this.tdi);
  }

  #answer(fault: string, ap: boolean, read: boolean, address: number, value: number): HostAnswer {
    switch (fault) {
      case 'no-answer':
        return { ack: Ack.none, data: 0 };
      case 'wait':
        return { ack: Ack.wait, data: 0 };
      case 'fault':
        this.raiseStickyErrors();
        return { ack: Ack.fault, data: 0 };
      default: {
        const spoiled = fault === 'parity';
        const answer = this.#line.transfer(ap, read, address, value, this.now, spoiled);
        if (spoiled && read && answer.ack === Ack.ok) return { ack: PROTOCOL_ERROR, data: 0 };
        return answer;
      }
    }
  }
}
