import type { Tap, WholeScan } from './tap.ts';
import { nextState, type TapState } from './tap-state.ts';

/**
 * TAPs in a row on the four wires of JTAG (IEEE 1149.1), the one nearest to TDO first. TMS goes to all of them, so one
 * controller state is all of theirs.
 */
export class JtagChain {
  readonly taps: readonly Tap[];
  #state: TapState = 'reset';
  #held = false;

  constructor(taps: readonly Tap[]) {
    this.taps = taps;
  }

  get state(): TapState {
    return this.#state;
  }

  powerOn(): void {
    this.#held = false;
    this.testLogicReset(0);
  }

  /** nTRST: asserted, it holds the controllers in Test-Logic-Reset. */
  testReset(asserted: boolean, at: number): void {
    this.#held = asserted;
    if (asserted) this.testLogicReset(at);
  }

  testLogicReset(at: number): void {
    this.#state = 'reset';
    for (const tap of this.taps) tap.reset(at);
  }

  /** TDO as it stands between two clocks; pulled up in all states but the two shifts (IEEE 1149.1, 4.5). */
  get tdo(): 0 | 1 {
    const first = this.taps[0];
    return first && (this.#state === 'shift-dr' || this.#state === 'shift-ir') ? first.out : 1;
  }

  /**
   * The register of whole scans that is between TDI and TDO with nothing but BYPASS around it, if the controllers stand
   * in Run-Test/Idle and the instruction registers are as long as the probe believes.
   */
  whole(tap: number, irLengths: readonly number[]): WholeScan | undefined {
    if (this.#state !== 'idle' || this.#held || irLengths.length !== this.taps.length) return undefined;
    for (let i = 0; i < irLengths.length; i++) {
      const other = this.taps[i];
      if (!other || other.irLength !== irLengths[i] || (i !== tap && other.register.length !== 1)) return undefined;
    }
    return this.taps[tap]?.register.whole;
  }

  /**
   * A rising edge of TCK, and the falling one after it. Returns TDO as it is sampled at the rise: before the state
   * changes.
   */
  clock(tms: 0 | 1, tdi: 0 | 1, at: number): 0 | 1 {
    const { tdo } = this;
    if (this.#held) return tdo;
    const state = this.#state;
    if (state === 'shift-dr' || state === 'shift-ir') this.#shift(tdi);
    else if (state === 'capture-dr') for (const tap of this.taps) tap.captureDr(at);
    else if (state === 'capture-ir') for (const tap of this.taps) tap.captureIr(at);
    const next = nextState(state, tms);
    this.#state = next;
    if (next === state) return tdo;
    if (next === 'update-dr') for (const tap of this.taps) tap.updateDr(at);
    else if (next === 'update-ir') for (const tap of this.taps) tap.updateIr(at);
    else if (next === 'reset') for (const tap of this.taps) tap.reset(at);
    return tdo;
  }

  #shift(tdi: 0 | 1): void {
    let bit = tdi;
    for (let i = this.taps.length - 1; i >= 0; i--) bit = this.taps[i]?.shift(bit) ?? bit;
  }
}
