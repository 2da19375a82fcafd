import { inflateSync, constants } from 'node:zlib';
import { concat, isFilledWith } from '#shared/base/bytes.ts';
import { usToNs } from '../../virtual-clock.ts';
import { type NorFlash, SECTOR } from './nor-flash.ts';

/** What the loader's inflater puts out before it writes (tinfl: the size of its dictionary). */
const WINDOW = 0x8000;
/** A core at 80 MHz inflates some 7 MB/s; the stub raises ESP32's to 160 MHz. */
const INFLATE_NS_PER_BYTE = 140;

export type Outcome = 'ok' | 'inflate-error' | 'too-much';

interface Region {
  readonly address: number;
  readonly size: number;
  readonly blocks: number;
}

/**
 * A region under way, from BEGIN to END. The ROM erases it whole at BEGIN. The stub (esp-flasher-stub 1.1, command_handler.c) erases
 * as it goes: at BEGIN and before each go of its inflater it begins one erase if the flash is ready, so that the erases run
 * ahead of what is written; and as long as it has met no sector that was not blank, it looks at each first and erases none.
 */
export class FlashWrite {
  readonly #flash: NorFlash;
  readonly #size: number;
  readonly #blocks: number;
  readonly #eraseEnd: number;
  #address: number;
  #nextErase: number;
  #written = 0;
  #inflated = 0;
  #packed: Uint8Array = new Uint8Array();
  #packets = 0;
  #metDirty = false;

  constructor(flash: NorFlash, { address, size, blocks }: Region) {
    this.#flash = flash;
    this.#size = size;
    this.#blocks = blocks;
    this.#address = address;
    this.#nextErase = address - (address % SECTOR);
    this.#eraseEnd = Math.ceil((address + size) / SECTOR) * SECTOR;
  }

  get left(): number {
    return this.#size - this.#written;
  }

  /** The stub's: returns when it goes on, which may be before the flash is ready. */
  eraseAhead(at: number): number {
    if (this.#nextErase >= this.#eraseEnd) return at;
    let now = at;
    if (!this.#metDirty) {
      const { bytes, end } = this.#flash.read(this.#nextErase, SECTOR, now);
      now = end;
      if (isFilledWith(bytes, 0xff)) {
        this.#nextErase += SECTOR;
        return now;
      }
      this.#metDirty = true;
    }
    if (this.#flash.busyUntil <= now) this.#nextErase += this.#flash.erase(this.#nextErase, this.#eraseEnd, now);
    return now;
  }

  /** One after another, until all is over. */
  eraseAll(at: number): number {
    while (this.#nextErase < this.#eraseEnd) {
      this.#nextErase += this.#flash.erase(this.#nextErase, this.#eraseEnd, Math.max(at, this.#flash.busyUntil));
    }
    return Math.max(at, this.#flash.busyUntil);
  }

  /** Bytes as they are. */
  plain(data: Uint8Array, at: number): number {
    return this.#write(data.subarray(0, this.left), at);
  }

  /** The next of the compressed blocks. */
  packed(block: Uint8Array, at: number): { readonly outcome: Outcome; readonly end: number } {
    this.#packets++;
    this.#packed = concat([this.#packed, block]);
    const last = this.#packets === this.#blocks;
    let out: Uint8Array;
    try {
      out = inflateSync(this.#packed, last ? {} : { finishFlush: constants.Z_SYNC_FLUSH });
    } catch {
      return { outcome: 'inflate-error', end: at };
    }
    if (out.length > this.#size) return { outcome: 'too-much', end: at };
    let now = at;
    do {
      now = this.eraseAhead(now);
      const upTo = Math.min(out.length, this.#written + WINDOW);
      now += usToNs(((upTo - this.#inflated) * INFLATE_NS_PER_BYTE) / 1000);
      this.#inflated = upTo;
      const full = upTo - this.#written === WINDOW;
      if (full || (last && upTo === out.length)) now = this.#write(out.subarray(this.#written, upTo), now);
    } while (this.#inflated < out.length);
    return { outcome: 'ok', end: now };
  }

  #write(data: Uint8Array, at: number): number {
    let now = at;
    while (this.#nextErase < this.#address + data.length && this.#nextErase < this.#eraseEnd) {
      now = Math.max(this.eraseAhead(now), this.#metDirty ? this.#flash.busyUntil : 0);
    }
    const end = this.#flash.program(this.#address, data, Math.max(now, this.#flash.busyUntil));
    this.#address += data.length;
    this.#written += data.length;
    return end;
  }
}
