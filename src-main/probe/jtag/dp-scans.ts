import type { JtagWire, Transfer } from '../debug-port.ts';
import { scanBits, type ScanCapture, type TapWalk } from './tap-walk.ts';

/** Instructions of a JTAG-DP with a four-bit register (ADIv5.2 B3.3). */
const INSTRUCTION = { abort: 0b1000, dpacc: 0b1010, apacc: 0b1011, idcode: 0b1110 } as const;

/** One scan of DPACC or APACC. */
export interface Access {
  readonly ap: boolean;
  readonly read: boolean;
  /** 0x0, 0x4, 0x8 or 0xC. */
  readonly address: number;
  readonly value: number;
}

/** What a scan brought back: how the access before it ended, and its word. */
export interface Answer {
  readonly acknowledge: 'ok' | 'wait' | 'silent';
  readonly word: number;
}

/** Acknowledge in bits 0-2 (ADIv5.2 B3.4): WAIT 001, OK or FAULT 010. */
const ACK_BITS = 3;
const ACK_WAIT = 0b001;
const ACK_OK = 0b010;
const SCAN_BITS = ACK_BITS + 32;

/** Scans through one TAP of a chain; the others are in BYPASS, one bit of data each. */
export class DpScans {
  readonly #walk: TapWalk;
  readonly #wire: JtagWire;
  #instruction: number | undefined;

  constructor(walk: TapWalk, wire: JtagWire) {
    this.#walk = walk;
    this.#wire = wire;
  }

  /** What the TAP holds is not known any more. */
  forget(): void {
    this.#instruction = undefined;
  }

  /** `data[34:3] A[3:2] RnW`, lowest bit first; its answer is that of the access before it. */
  access({ ap, read, address, value }: Access): ScanCapture {
    this.instruct(ap ? INSTRUCTION.apacc : INSTRUCTION.dpacc);
    return this.data(SCAN_BITS, (bits, at) => {
      put(bits, at, (address >> 1) | (read ? 1 : 0), ACK_BITS);
      put(bits, at + ACK_BITS, read ? 0 : value, 32);
    });
  }

  /** ABORT has a scan of its own, which is never refused (ADIv5.2 B3.4.4). */
  abort(value: number): void {
    this.instruct(INSTRUCTION.abort);
    this.data(SCAN_BITS, (bits, at) => put(bits, at + ACK_BITS, value, 32));
  }

  idcode(): ScanCapture {
    this.instruct(INSTRUCTION.idcode);
    return this.data(32, () => undefined);
  }

  instruct(instruction: number): void {
    if (this.#instruction === instruction) return;
    this.#instruction = instruction;
    const { irLengths, tap } = this.#wire;
    const total = irLengths.reduce((sum, length) => sum + length, 0);
    const bits = new Uint8Array(Math.ceil(total / 8));
    let at = 0;
    for (const [index, length] of irLengths.entries()) {
      put(bits, at, index === tap ? instruction : 2 ** length - 1, length);
      at += length;
    }
    this.#walk.scan('ir', bits, total, 'idle', false);
  }

  /** `fill` puts the register's bits behind those of the TAPs that are nearer to TDO. */
  data(length: number, fill: (bits: Uint8Array, at: number) => void): ScanCapture {
    const { irLengths, tap } = this.#wire;
    const total = length + irLengths.length - 1;
    const bits = new Uint8Array(Math.ceil(total / 8));
    fill(bits, tap);
    return this.#walk.scan('dr', bits, total, 'idle', true);
  }

  answer(captured: readonly Uint8Array[], capture: ScanCapture): Answer {
    const bits = scanBits(captured, capture);
    const { tap } = this.#wire;
    const acknowledge = take(bits, tap, ACK_BITS);
    return {
      acknowledge: acknowledge === ACK_OK ? 'ok' : acknowledge === ACK_WAIT ? 'wait' : 'silent',
      word: take(bits, tap + ACK_BITS, 32),
    };
  }

  word(captured: readonly Uint8Array[], capture: ScanCapture): number {
    return take(scanBits(captured, capture), this.#wire.tap, 32);
  }
}

/** A batch as single accesses; matches are the caller's. */
export function* accessesOf(transfer: Exclude<Transfer, { readonly matchMask: number }>): Generator<Access> {
  const ap = transfer.port === 'ap';
  const { address } = transfer;
  if ('readCount' in transfer) {
    for (let i = 0; i < transfer.readCount; i++) yield { ap, read: true, address, value: 0 };
  } else if ('words' in transfer) {
    for (const value of transfer.words) yield { ap, read: false, address, value };
  } else yield { ap, read: transfer.read, address, value: transfer.read ? 0 : transfer.value };
}

function put(bits: Uint8Array, at: number, value: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const bit = Math.floor(value / 2 ** i) % 2;
    bits[(at + i) >> 3] = (bits[(at + i) >> 3] ?? 0) | (bit << ((at + i) & 7));
  }
}

function take(bits: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value += (((bits[(at + i) >> 3] ?? 0) >> ((at + i) & 7)) & 1) * 2 ** i;
  return value;
}
