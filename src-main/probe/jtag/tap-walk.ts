import { isStable, type StableState, type TapState, tapPath, tapStateAfter } from '#shared/model/tap-state.ts';
import type { JtagStretch } from '../jtag-port.ts';

/** Clocks with TMS high that lead to Test-Logic-Reset from anywhere (IEEE 1149.1, 6.1.1). */
const RESET_CLOCKS = 5;

/** Where the captured bits of one scan are, among what `JtagPort.sequence` brings back. */
export interface ScanCapture {
  readonly bits: number;
  /** Index of the first of the scan's captured arrays, and how many it has: the last bit comes by itself. */
  readonly from: number;
  readonly arrays: number;
}

/**
 * Stretches for walks through the TAP states, from the state that the last one ended in. Pure: who owns a port sends
 * what `take` gives, in order.
 */
export class TapWalk {
  #state: TapState = 'reset';
  #stretches: JtagStretch[] = [];
  #captures = 0;
  #cycles = 0;

  get state(): TapState {
    return this.#state;
  }

  /** Clock cycles since the last `take`. */
  get cycles(): number {
    return this.#cycles;
  }

  /** What was put together since the last call. */
  take(): JtagStretch[] {
    const stretches = this.#stretches;
    this.#stretches = [];
    this.#captures = 0;
    this.#cycles = 0;
    return stretches;
  }

  /** Test-Logic-Reset, wherever the controllers are. */
  reset(): void {
    this.#add({ tms: 1, cycles: RESET_CLOCKS });
    this.#state = 'reset';
  }

  /** To a state by the shortest way; to a pause that it is in already by the way round through its capture. */
  goTo(state: TapState): void {
    if (state === 'reset') this.reset();
    else if (state === this.#state && state === 'drpause') this.#walk([1, 1, 1, 0, 1, 0]);
    else if (state === this.#state && state === 'irpause') this.#walk([1, 1, 1, 1, 0, 1, 0]);
    else this.#walk(tapPath(this.#state, state));
  }

  /** One clock to a neighbour; false if it is none. */
  step(state: TapState): boolean {
    const tms = ([0, 1] as const).find((level) => tapStateAfter(this.#state, level) === state);
    if (tms === undefined) return false;
    this.#walk([tms]);
    return true;
  }

  /** Clocks in a stable state. */
  hold(cycles: number): void {
    if (!isStable(this.#state)) throw new RangeError(`clocks in ${this.#state}`);
    if (cycles > 0) this.#add({ tms: this.#state === 'reset' ? 1 : 0, cycles });
  }

  /** Shifts `bits` through the instruction or the data registers and ends in a stable state. */
  scan(register: 'ir' | 'dr', tdi: Uint8Array, bits: number, end: StableState, capture: boolean): ScanCapture {
    const from = this.#captures;
    if (bits === 0) {
      this.goTo(`${register}capture`);
      this.goTo(end);
      return { bits, from, arrays: 0 };
    }
    this.goTo(`${register}shift`);
    const last = bits - 1;
    if (last > 0) this.#add({ tms: 0, cycles: last, tdi, capture });
    const lastBit = Uint8Array.of(((tdi[last >> 3] ?? 0) >> (last & 7)) & 1);
    this.#add({ tms: 1, cycles: 1, tdi: lastBit, capture });
    this.#state = `${register}exit1`;
    this.goTo(end);
    return { bits, from, arrays: this.#captures - from };
  }

  /** Neighbours with the same TMS become one stretch. */
  #walk(path: readonly (0 | 1)[]): void {
    for (let i = 0; i < path.length;) {
      const tms = path[i] ?? 0;
      let cycles = 1;
      while (path[i + cycles] === tms) cycles++;
      this.#add({ tms, cycles });
      i += cycles;
    }
    this.#state = path.reduce<TapState>(tapStateAfter, this.#state);
  }

  #add(stretch: JtagStretch): void {
    this.#stretches.push(stretch);
    this.#cycles += stretch.cycles;
    if (stretch.capture) this.#captures++;
  }
}

/** The bits of one scan, put together from what a port brought back. */
export function scanBits(captured: readonly Uint8Array[], { bits, from, arrays }: ScanCapture): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits / 8));
  if (arrays > 1) out.set((captured[from] ?? new Uint8Array()).subarray(0, out.length));
  const last = bits - 1;
  const lastBit = captured[from + arrays - 1]?.[0] ?? 0;
  if (arrays > 0) out[last >> 3] = ((out[last >> 3] ?? 0) & ((1 << (last & 7)) - 1)) | ((lastBit & 1) << (last & 7));
  return out;
}
