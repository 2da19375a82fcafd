import { assertNever } from '#shared/base/assert-never.ts';
import { Ack, type SwDp } from './sw-dp.ts';

/** What hangs on the wires: without power nothing answers. */
export interface Wired {
  readonly debugPorts: readonly SwDp[];
  readonly powered: boolean;
}

/** Ones in a row that make a line reset, and zeros after it before the first request (ADIv5.2 B4.3.3). */
const RESET_ONES = 50;
const IDLE_ZEROS = 2;
/** Sixteen bits between two line resets, first bit lowest (ADIv5.2 B5.2). */
const JTAG_TO_SWD = 0xe79e;
const SWD_TO_JTAG = 0xe73c;

type Phase =
  /** `deaf` until a line reset; `idle` waits for a start bit. */
  | { readonly name: 'deaf' | 'idle' }
  | { readonly name: 'request'; bits: number; value: number }
  | { readonly name: 'answer'; clock: number; readonly levels: readonly (0 | 1 | null)[]; readonly write: boolean }
  | { readonly name: 'write'; bits: number; value: number; parity: number };

/**
 * The two wires, clock by clock: which bits are a request, an acknowledge, data or a reset (ADIv5.2 B4).
 * The port wakes up listening to JTAG, as an SWJ-DP does: line reset, JTAG-to-SWD, line reset come first. (A part
 * with a plain SW-DP ignores the switch; whoever talks to both kinds sends it, so the bench insists on it.)
 */
export class SwdLine {
  readonly #dp: SwDp;
  readonly #power: Wired;
  #phase: Phase = { name: 'deaf' };
  #swdSelected = false;
  #ones = 0;
  /** Bits since the last run of RESET_ONES ones ended, for the switching sequence. */
  #sinceReset: number | undefined;
  #shift = 0;
  #zerosNeeded = 0;

  constructor(chip: Wired) {
    const [dp] = chip.debugPorts;
    if (!dp) throw new RangeError('a chip without a debug port');
    this.#dp = dp;
    this.#power = chip;
  }

  /** Power came back: the port listens to JTAG again. */
  powerOn(): void {
    this.#phase = { name: 'deaf' };
    this.#swdSelected = false;
    this.#ones = 0;
    this.#sinceReset = undefined;
    this.#zerosNeeded = 0;
  }

  /** One clock cycle. `host` is what the probe drives, null when it listens; returns the line's level. */
  clock(host: 0 | 1 | null, at: number): 0 | 1 {
    if (!this.#power.powered) return host ?? 1;
    if (this.#watchForReset(host)) return host ?? 1;
    return this.#step(host, at) ?? host ?? 1;
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
  transfer(ap: boolean, read: boolean, address: number, value: number, at: number, badParity = false) {
    if (!this.#power.powered || this.#phase.name !== 'idle' || this.#zerosNeeded > 0) {
      return { ack: Ack.none, data: 0 };
    }
    this.#ones = 0;
    this.#sinceReset = undefined;
    const answer = this.#dp.request(ap, read, address, at);
    if (answer.ack === Ack.ok && !read) this.#dp.writeData(value >>> 0, !badParity, at);
    return answer;
  }

  /** True while ones make (or have just made) a line reset, and while the switching sequence runs. */
  #watchForReset(host: 0 | 1 | null): boolean {
    if (host === 1) this.#ones++;
    else this.#ones = 0;
    if (this.#ones >= RESET_ONES) {
      this.#sinceReset = 0;
      this.#shift = 0;
      if (this.#swdSelected && this.#ones === RESET_ONES) this.#lineReset();
      return true;
    }
    if (host === null) this.#sinceReset = undefined;
    if (this.#sinceReset === undefined || host === null) return false;
    this.#shift = ((this.#shift >>> 1) | (host << 15)) & 0xffff;
    this.#sinceReset++;
    if (this.#sinceReset === 16) {
      this.#sinceReset = undefined;
      if (this.#shift === JTAG_TO_SWD) this.#select(true);
      if (this.#shift === SWD_TO_JTAG) this.#select(false);
    }
    return false;
  }

  #select(swd: boolean): void {
    this.#swdSelected = swd;
    this.#phase = { name: 'deaf' };
  }

  #lineReset(): void {
    this.#dp.lineReset();
    this.#phase = { name: 'idle' };
    this.#zerosNeeded = IDLE_ZEROS;
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
    const read = (value & 4) !== 0;
    const turnaround = this.#dp.turnaround;
    const { ack, data } = this.#dp.request((value & 2) !== 0, read, ((value >>> 3) & 3) << 2, at);
    if (ack === Ack.none) {
      this.#phase = { name: 'deaf' };
      return;
    }
    const levels: (0 | 1 | null)[] = Array.from({ length: turnaround }, () => null);
    for (let bit = 0; bit < 3; bit++) levels.push(levelOf(ack >>> bit));
    const withData = ack === Ack.ok || this.#dp.overrunDetection;
    if (read && withData) {
      for (let bit = 0; bit < 32; bit++) levels.push(levelOf(data >>> bit));
      levels.push(levelOf(parityOf(data)));
    }
    for (let i = 0; i < turnaround; i++) levels.push(null);
    this.#phase = { name: 'answer', clock: 0, levels, write: !read && withData };
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
      this.#dp.writeData(phase.value, bit === parityOf(phase.value), at);
    }
    phase.bits++;
  }
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
