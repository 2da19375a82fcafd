import { inflateSync, constants } from 'node:zlib';
import { concat } from '#shared/base/bytes.ts';
import { usToNs } from '../../virtual-clock.ts';
import { type NorFlash, SECTOR } from './nor-flash.ts';

/** What the loader's inflater puts out before it writes (tinfl: the size of its dictionary). */
const WINDOW = 0x8000;
/** A core at 80 MHz inflates some 7 MB/s. */
const INFLATE_NS_PER_BYTE = 140;

export type Outcome = 'ok' | 'inflate-error' | 'too-much';

/**
 * A region under way, from BEGIN to END. The stub erases piece by piece, just before it writes and while data still comes in;
 * the ROM erases the region whole at BEGIN.
 */
export class FlashWrite {
  readonly #flash: NorFlash;
  readonly #size: number;
  readonly #blocks: number;
  readonly #eraseEnd: number;
  #address: number;
  #nextErase: number;
  #written = 0;
  #packed: Uint8Array = new Uint8Array();
  #packets = 0;

  constructor(flash: NorFlash, region: { readonly address: number; readonly size: number; readonly blocks: number }) {
    this.#flash = flash;
    this.#size = region.size;
    this.#blocks = region.blocks;
    this.#address = region.address;
    this.#nextErase = region.address - (region.address % SECTOR);
    this.#eraseEnd = Math.ceil((region.address + region.size) / SECTOR) * SECTOR;
  }

  get left(): number {
    return this.#size - this.#written;
  }

  /** The next erase is begun once the flash is ready; returns when it was begun. */
  eraseNext(at: number): number {
    if (this.#nextErase >= this.#eraseEnd) return at;
    const begun = Math.max(at, this.#flash.busyUntil);
    this.#nextErase += this.#flash.erase(this.#nextErase, this.#eraseEnd, begun);
    return begun;
  }

  eraseAll(at: number): number {
    let now = at;
    while (this.#nextErase < this.#eraseEnd) now = this.eraseNext(now);
    return Math.max(now, this.#flash.busyUntil);
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
    const before = this.#written;
    let inflated = Math.max(before, this.#inflated);
    while (this.#written < out.length) {
      const upTo = Math.min(out.length, this.#written + WINDOW);
      now = this.eraseNext(now) + usToNs(((upTo - inflated) * INFLATE_NS_PER_BYTE) / 1000);
      inflated = upTo;
      if (!last && upTo - this.#written < WINDOW) break;
      now = this.#write(out.subarray(this.#written, upTo), now);
    }
    this.#inflated = inflated;
    return { outcome: 'ok', end: now };
  }

  #inflated = 0;

  #write(data: Uint8Array, at: number): number {
    let now = at;
    while (this.#nextErase < this.#address + data.length && this.#nextErase < this.#eraseEnd) now = this.eraseNext(now);
    const end = this.#flash.program(this.#address, data, Math.max(now, this.#flash.busyUntil));
    this.#address += data.length;
    this.#written += data.length;
    return end;
  }
}
