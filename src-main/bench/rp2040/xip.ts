import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import type { Slave } from '../chip-bus.ts';
import type { NorFlash } from './nor-flash.ts';
import type { Ssi } from './ssi.ts';

const LINES = 2048;
const CTRL = 0;
const FLUSH = 4;
const STAT = 8;
/** Bits of an address inside the window that pick the way past the cache (data sheet, 2.6.3): no allocation, no lookup. */
const NO_ALLOCATE = 0x01000000;
const NO_CACHE = 0x02000000;

/**
 * The execute-in-place window with its cache: 16 KiB in lines of 8 bytes, here of one way. What was read stays in it until it is
 * flushed or replaced, whatever has happened to the flash since.
 */
export class XipWindow implements Slave {
  readonly start = 0x10000000;
  readonly size = 0x04000000;
  readonly #ssi: Ssi;
  readonly #flash: NorFlash;
  readonly #beforeRead: (address: number) => void;
  readonly #tags = new Int32Array(LINES).fill(-1);
  readonly #words = new Uint32Array(LINES * 2);
  #enabled = true;

  constructor(ssi: Ssi, flash: NorFlash, beforeRead: (address: number) => void) {
    this.#ssi = ssi;
    this.#flash = flash;
    this.#beforeRead = beforeRead;
  }

  reset(): void {
    this.#tags.fill(-1);
    this.#enabled = true;
  }

  /** The cache's own registers (2.6.3.6). */
  readonly registers: Slave = {
    start: 0x14000000,
    size: 0x1000,
    readWord: (address, at) => {
      const offset = address & 0xfff;
      if (offset === CTRL) return done(at, this.#enabled ? 3 : 2);
      return done(at, offset === STAT ? 3 : 0);
    },
    write: (address, _size, value, at) => {
      const offset = address & 0xfff;
      if (offset === CTRL) this.#enabled = (value & 1) !== 0;
      if (offset === FLUSH) this.#tags.fill(-1);
      return done(at);
    },
    steadyUntil: () => Infinity,
  };

  readWord(address: number, at: number): AccessResult {
    const offset = address & 0xffffff;
    const cached = this.#enabled && (address & NO_CACHE) === 0;
    if (!cached) return this.#fetch(offset, at);
    const line = (offset >>> 3) % LINES;
    const tag = offset >>> 3;
    const index = line * 2 + ((offset >>> 2) & 1);
    if (this.#tags[line] === tag) return done(at, this.#words[index] ?? 0);
    if (address & NO_ALLOCATE) return this.#fetch(offset, at);
    const first = this.#fetch(tag * 8, at);
    const second = this.#fetch(tag * 8 + 4, at);
    this.#tags[line] = tag;
    this.#words[line * 2] = first.value;
    this.#words[line * 2 + 1] = second.value;
    return done(second.doneAt, this.#words[index] ?? 0);
  }

  /** Reads only; a write is an error on the bus (CTRL.ERR_BADWRITE, as after reset). */
  write(_address: number, _size: AccessSize, _value: number, at: number): AccessResult {
    return busFault(at);
  }

  steadyUntil(_address: number, at: number): number {
    return this.#flash.idleAt(at) ?? Infinity;
  }

  /** Zero where the interface is not set up for reads: on silicon such a read may hold the bus for ever. */
  #fetch(offset: number, at: number): AccessResult {
    this.#beforeRead(this.#flash.cells.start + (offset % this.#flash.cells.size));
    return this.#ssi.readThrough(offset, at) ?? done(at, 0);
  }
}
