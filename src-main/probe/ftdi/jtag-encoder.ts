import type { JtagStretch } from '../jtag-port.ts';
import { type Batch, bitsFrom, clockOnly, clockTms, joined, shiftBits, shiftBytes } from './mpsse-commands.ts';

/** Where bits that come in belong. */
interface Take {
  readonly capture: Uint8Array;
  /** Of the capture: the bit that the first belongs to. */
  readonly at: number;
  readonly bits: number;
}

export interface EncodedJtag {
  readonly batch: Batch;
  /** The answers as the captures of the stretches that asked for them. */
  readonly decode: (replies: Uint8Array) => Uint8Array[];
  /** TMS afterwards. */
  readonly tms: 0 | 1;
  readonly cycles: number;
}

/** Most clocks of a TMS command, and from how many on a shift of data is shorter. */
const TMS_BITS = 7;

/** Clocks that say nothing and only steer, waiting to share a command. */
interface Steps {
  bits: number;
  count: number;
  readonly tdi: 0 | 1;
}

/**
 * JTAG stretches as MPSSE commands. TMS changes only in commands of its own, seven clocks at most with TDI held; while it
 * stays, data is shifted by whole bytes and then bits (AN_108, 3.3 to 3.5).
 */
export class JtagEncoder {
  readonly #batches: Batch[] = [];
  readonly #takes: Take[] = [];
  readonly #captures: Uint8Array[] = [];
  #steps: Steps | undefined;
  #tms: 0 | 1;
  #cycles = 0;

  constructor(tms: 0 | 1) {
    this.#tms = tms;
  }

  add({ tms, cycles, tdi, capture }: JtagStretch): void {
    const heard = capture ? new Uint8Array(Math.ceil(cycles / 8)) : undefined;
    if (heard) this.#captures.push(heard);
    this.#cycles += cycles;
    let done = 0;
    const bit = (index: number): 0 | 1 => (((tdi?.[index >> 3] ?? 0) >> (index & 7)) & 1 ? 1 : 0);
    // A change of TMS takes a command of its own kind; so does what is too short for another.
    const steered = tms === this.#tms && (tdi !== undefined || capture || cycles > TMS_BITS) ? 0 : cycles;
    const most = cycles > TMS_BITS ? 1 : steered;
    for (; done < Math.min(steered, most); done++) this.#step(tms, bit(done), heard, done);
    if (done < cycles) this.#shift(done, cycles, tdi, heard);
  }

  end(): EncodedJtag {
    this.#flush();
    const takes = this.#takes;
    const captures = this.#captures;
    const decode = (replies: Uint8Array) => {
      for (const [index, take] of takes.entries()) put(take, replies[index] ?? 0);
      return captures;
    };
    return { batch: joined(this.#batches), decode, tms: this.#tms, cycles: this.#cycles };
  }

  #step(tms: 0 | 1, tdi: 0 | 1, heard: Uint8Array | undefined, at: number): void {
    if (heard || (this.#steps && (this.#steps.tdi !== tdi || this.#steps.count === TMS_BITS))) this.#flush();
    this.#tms = tms;
    if (heard) {
      this.#batches.push(clockTms(tms, 1, tdi, true));
      this.#takes.push({ capture: heard, at, bits: 1 });
      return;
    }
    this.#steps ??= { bits: 0, count: 0, tdi };
    this.#steps.bits |= tms << this.#steps.count;
    this.#steps.count++;
  }

  #flush(): void {
    const steps = this.#steps;
    if (!steps) return;
    this.#batches.push(clockTms(steps.bits, steps.count, steps.tdi, false));
    this.#steps = undefined;
  }

  /** Bits from `from` on, TMS as it stands. */
  #shift(from: number, to: number, tdi: Uint8Array | undefined, heard: Uint8Array | undefined): void {
    this.#flush();
    if (!heard && !tdi) {
      // TDI has to be low: the first clock sees to that.
      this.#batches.push(shiftBits('lsb', 1, 0, false), clockOnly(to - from - 1));
      return;
    }
    const bytes = Math.floor((to - from) / 8);
    const read = heard !== undefined;
    if (bytes > 0) {
      const out = Uint8Array.from({ length: bytes }, (_, index) => byteAt(tdi, from + 8 * index));
      this.#batches.push(shiftBytes({ order: 'lsb', out, count: bytes, read }));
      if (heard) for (let i = 0; i < bytes; i++) this.#takes.push({ capture: heard, at: from + 8 * i, bits: 8 });
    }
    const rest = (to - from) % 8;
    if (rest === 0) return;
    this.#batches.push(shiftBits('lsb', rest, byteAt(tdi, to - rest), read));
    if (heard) this.#takes.push({ capture: heard, at: to - rest, bits: rest });
  }
}

/** Eight bits from bit `at` on. */
function byteAt(bits: Uint8Array | undefined, at: number): number {
  const low = bits?.[at >> 3] ?? 0;
  const high = bits?.[(at >> 3) + 1] ?? 0;
  return ((low | (high << 8)) >> (at & 7)) & 0xff;
}

function put({ capture, at, bits }: Take, reply: number): void {
  const value = bitsFrom('lsb', reply, bits) << (at & 7);
  capture[at >> 3] = (capture[at >> 3] ?? 0) | (value & 0xff);
  if (value > 0xff) capture[(at >> 3) + 1] = (capture[(at >> 3) + 1] ?? 0) | (value >> 8);
}
