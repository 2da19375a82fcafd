import { assertNever } from '#shared/base/assert-never.ts';
import { JtagChain } from './jtag/chain.ts';
import type { Tap, WholeScan } from './jtag/tap.ts';
import { Ack, type DpAnswer, type SwDp } from './sw-dp.ts';
import { SwjSwitch, type Listening } from './swj-switch.ts';

/** What hangs on the wires: without power nothing answers. */
export interface Wired {
  readonly debugPorts: readonly SwDp[];
  /** The one nearest to TDO first. */
  readonly taps?: readonly Tap[];
  readonly powered: boolean;
}

/** Zeros after a line reset before the first request (ADIv5.2 B4.3.3). */
const IDLE_ZEROS = 2;
/** Turnaround, acknowledge, turnaround: nobody drives while TARGETSEL is written (ADIv5.2 B4.3.4). */
const TARGETSEL_SILENCE = 5;
const TARGETSEL = 0xc;

type Phase =
  /** `deaf` until a line reset; `idle` waits for a start bit. */
  | { readonly name: 'deaf' | 'idle' }
  | { readonly name: 'request'; bits: number; value: number }
  | { readonly name: 'answer'; clock: number; readonly levels: readonly (0 | 1 | null)[]; readonly write: boolean }
  | { readonly name: 'write'; bits: number; value: number; parity: number }
  /** `bits` begins below zero: clocks in which nobody drives. */
  | { readonly name: 'target-select'; bits: number; value: number };

/**
 * The debug pins, clock by clock: which bits are a request, an acknowledge, data or a reset (ADIv5.2 B4), several
 * debug ports on the same two wires included; and while the pins are JTAG's, the chain of TAPs.
 * The pins wake up listening to JTAG, as an SWJ-DP does: line reset, JTAG-to-SWD, line reset come first. (A part
 * with a plain SW-DP ignores the switch; whoever talks to both kinds sends it, so the bench insists on it.) Where all
 * there is are ports that share their wires (DPv2 multi-drop), they wake up dormant.
 */
export class SwdLine {
  readonly chain: JtagChain;
  readonly #dps: readonly SwDp[];
  readonly #power: Wired;
  readonly #switch: SwjSwitch;
  #phase: Phase = { name: 'deaf' };
  #zerosNeeded = 0;
  /** No request came since the line reset: the moment for TARGETSEL. */
  #fresh = false;

  constructor(chip: Wired) {
    this.#dps = chip.debugPorts;
    this.#power = chip;
    this.chain = new JtagChain(chip.taps ?? []);
    const dormantOnly = this.#dps.length > 0 && this.#dps.every((dp) => dp.multiDrop) && this.chain.taps.length === 0;
    this.#switch = new SwjSwitch(dormantOnly);
  }

  get listening(): Listening {
    return this.#switch.listening;
  }

  get powered(): boolean {
    return this.#power.powered;
  }

  /** Power came back: the pins belong to whom they belong first. */
  powerOn(): void {
    this.#phase = { name: 'deaf' };
    this.#zerosNeeded = 0;
    this.#fresh = false;
    this.#switch.powerOn();
    this.chain.powerOn();
  }

  /** One clock cycle. `host` is what the probe drives on SWDIO/TMS, null when it listens; returns that line's level. */
  clock(host: 0 | 1 | null, at: number, tdi: 0 | 1 = 1): 0 | 1 {
    if (!this.#power.powered) return host ?? 1;
    // An undriven TMS is pulled up (IEEE 1149.1, 4.2).
    if (this.listening === 'jtag') this.chain.clock(host ?? 1, tdi, at);
    const event = this.#switch.feed(host);
    if (event === 'switched') {
      this.#phase = { name: 'deaf' };
      this.chain.testLogicReset(at);
    }
    if (this.listening !== 'swd' || event === 'switched' || event === 'held-reset') return host ?? 1;
    if (event === 'line-reset') {
      this.#lineReset();
      return 1;
    }
    return this.#step(host, at) ?? host ?? 1;
  }

  /** TDO between clock edges, sampled by the probe as TCK rises; pulled up where nobody drives it. */
  get tdo(): 0 | 1 {
    return this.#power.powered && this.listening === 'jtag' ? this.chain.tdo : 1;
  }

  /** As `JtagChain.whole`, where JTAG has the pins: what comes goes past them. */
  wholeScan(tap: number, irLengths: readonly number[]): WholeScan | undefined {
    if (!this.#power.powered || this.listening !== 'jtag') return undefined;
    const whole = this.chain.whole(tap, irLengths);
    if (whole) this.#switch.interrupt();
    return whole;
  }

  /** nTRST, where the taps have it. */
  testReset(asserted: boolean, at: number): void {
    if (this.#power.powered) this.chain.testReset(asserted, at);
  }

  /** What the target drives between clock edges: the bit that the next cycle's `clock` returns; null if nothing. */
  get driven(): 0 | 1 | null {
    const phase = this.#phase;
    return this.#power.powered && phase.name === 'answer' ? (phase.levels[phase.clock] ?? null) : null;
  }

  /**
   * A whole transfer at once, for a probe that clocks it right: same effects, same answer as bit by bit.
   * `badParity` spoils the data that the probe sends.
   */
  transfer(ap: boolean, read: boolean, address: number, value: number, at: number, badParity = false): DpAnswer {
    if (!this.#power.powered || this.#phase.name !== 'idle' || this.#zerosNeeded > 0) {
      return { ack: Ack.none, data: 0 };
    }
    this.#switch.interrupt();
    this.#fresh = false;
    const answer = this.#answerOf(ap, read, address, at);
    if (answer.ack === Ack.none) this.#phase = { name: 'deaf' };
    if (answer.ack === Ack.ok && !read) this.#writeData(value >>> 0, !badParity, at);
    return answer;
  }

  /** Until when a transfer that was answered WAIT will be answered so again. */
  get busyUntil(): number {
    const [dp] = this.#dps;
    return dp && this.#dps.length === 1 ? dp.registers.busyUntil : 0;
  }

  #lineReset(): void {
    for (const dp of this.#dps) dp.lineReset();
    this.#phase = { name: 'idle' };
    this.#zerosNeeded = IDLE_ZEROS;
    this.#fresh = true;
  }

  /** The level that the target drives, if it does. */
  #step(host: 0 | 1 | null, at: number): 0 | 1 | null {
    const phase = this.#phase;
    switch (phase.name) {
      case 'deaf':
        return null;
      case 'idle':
        this.#idle(host);
        return null;
      case 'request':
        this.#collectRequest(phase, host, at);
        return null;
      case 'answer':
        return this.#answer(phase);
      case 'write':
        this.#collectData(phase, host, at);
        return null;
      case 'target-select':
        this.#collectTarget(phase, host);
        return null;
      default:
        return assertNever(phase, 'phase');
    }
  }

  #idle(host: 0 | 1 | null): void {
    if (host !== 1) {
      this.#zerosNeeded = Math.max(0, this.#zerosNeeded - 1);
      return;
    }
    this.#phase = this.#zerosNeeded > 0 ? { name: 'deaf' } : { name: 'request', bits: 1, value: 1 };
  }

  /** Start 1, APnDP, RnW, A2, A3, parity over those four, stop 0, park 1 (B4.2.1). */
  #collectRequest(phase: Extract<Phase, { name: 'request' }>, host: 0 | 1 | null, at: number): void {
    phase.value |= (host ?? 1) << phase.bits;
    phase.bits++;
    if (phase.bits < 8) return;
    const { value } = phase;
    const valid = parityOf((value >>> 1) & 0xf) === ((value >>> 5) & 1) && (value & 0xc0) === 0x80;
    if (!valid) {
      this.#phase = { name: 'deaf' };
      return;
    }
    const fresh = this.#fresh;
    this.#fresh = false;
    const [ap, read, address] = [(value & 2) !== 0, (value & 4) !== 0, ((value >>> 3) & 3) << 2];
    const selects = fresh && !ap && !read && address === TARGETSEL && this.#dps.some((dp) => dp.multiDrop);
    this.#phase = selects
      ? { name: 'target-select', bits: -TARGETSEL_SILENCE, value: 0 }
      : this.#request(ap, read, address, at);
  }

  #request(ap: boolean, read: boolean, address: number, at: number): Phase {
    const { ack, data } = this.#answerOf(ap, read, address, at);
    if (ack === Ack.none) return { name: 'deaf' };
    const turnaround = Math.max(...this.#dps.map((dp) => dp.turnaround));
    const levels: (0 | 1 | null)[] = Array.from({ length: turnaround }, () => null);
    for (let bit = 0; bit < 3; bit++) levels.push(levelOf(ack >>> bit));
    const withData = ack === Ack.ok || this.#dps.some((dp) => dp.overrunDetection);
    if (read && withData) {
      for (let bit = 0; bit < 32; bit++) levels.push(levelOf(data >>> bit));
      levels.push(levelOf(parityOf(data)));
    }
    for (let i = 0; i < turnaround; i++) levels.push(null);
    return { name: 'answer', clock: 0, levels, write: !read && withData };
  }

  #answerOf(ap: boolean, read: boolean, address: number, at: number): DpAnswer {
    const first = this.#dps[0];
    if (first && this.#dps.length === 1) return first.request(ap, read, address, at);
    return merge(this.#dps.map((dp) => dp.request(ap, read, address, at)));
  }

  #answer(phase: Extract<Phase, { name: 'answer' }>): 0 | 1 | null {
    const level = phase.levels[phase.clock] ?? null;
    phase.clock++;
    if (phase.clock >= phase.levels.length) {
      this.#phase = phase.write ? { name: 'write', bits: 0, value: 0, parity: 0 } : { name: 'idle' };
    }
    return level;
  }

  #collectData(phase: Extract<Phase, { name: 'write' }>, host: 0 | 1 | null, at: number): void {
    const bit = host ?? 1;
    if (phase.bits < 32) phase.value = (phase.value | (bit << phase.bits)) >>> 0;
    else {
      this.#phase = { name: 'idle' };
      this.#writeData(phase.value, bit === parityOf(phase.value), at);
    }
    phase.bits++;
  }

  /** Data with wrong parity selects nobody anew: the ports stay as the line reset left them. */
  #collectTarget(phase: Extract<Phase, { name: 'target-select' }>, host: 0 | 1 | null): void {
    const bit = host ?? 1;
    if (phase.bits >= 0 && phase.bits < 32) phase.value = (phase.value | (bit << phase.bits)) >>> 0;
    if (phase.bits === 32) {
      this.#phase = { name: 'idle' };
      if (bit === parityOf(phase.value)) for (const dp of this.#dps) dp.targetSelect(phase.value);
    }
    phase.bits++;
  }

  #writeData(value: number, parityOk: boolean, at: number): void {
    for (const dp of this.#dps) dp.writeData(value, parityOk, at);
  }
}

/** Ports that answer at once pull against each other: a zero wins. */
function merge(answers: readonly DpAnswer[]): DpAnswer {
  const driving = answers.filter((answer) => answer.ack !== Ack.none);
  const [first, ...others] = driving;
  if (!first || others.length === 0) return first ?? { ack: Ack.none, data: 0 };
  const ack = driving.reduce((level, answer) => level & answer.ack, 7);
  // An acknowledge that is none of the three is noise, to the probe as to the ports.
  if (ack !== Ack.ok && ack !== Ack.wait && ack !== Ack.fault) return { ack: Ack.none, data: 0 };
  return { ack, data: driving.reduce((level, answer) => (level & answer.data) >>> 0, 0xffffffff) };
}

function levelOf(value: number): 0 | 1 {
  return value & 1 ? 1 : 0;
}

/** 1 when the number of ones is odd: SWD's even parity bit. */
export function parityOf(value: number): 0 | 1 {
  let folded = value;
  folded ^= folded >>> 16;
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return levelOf(0x6996 >>> (folded & 0xf));
}
