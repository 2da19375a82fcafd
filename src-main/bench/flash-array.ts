import { readU32 } from '#shared/base/bytes.ts';
import type { Prng } from './prng.ts';

/** nRF52840 PS v1.1, 4.2 Memory: pages of 4 KiB. */
export const PAGE = 0x1000;
/** PS v1.1, 4.3 NVMC, Electrical specification, nWRITE: writes of one word between two erases. */
export const WRITES_ALLOWED = 2;

/** Told of each change of the cells, once it has happened: what stood there before, and what does now. */
export type CellWatch = (address: number, before: Uint8Array, after: Uint8Array) => void;

/** What differs between the flash of one chip and the next. */
export interface FlashKind {
  /** Bytes that are erased together, at least. */
  readonly page: number;
  /** Writes of one word between two erases that the data sheet stands by. */
  readonly writesAllowed: number;
}

interface StuckBit {
  readonly address: number;
  readonly mask: number;
  readonly value: 0 | 1;
}

interface Page {
  readonly bytes: Uint8Array;
  /** Writes a word since the last erase. */
  readonly writes: Uint8Array;
}

/**
 * Flash cells, made page by page as they are first written: a blank megabyte costs nothing.
 * Knows AND semantics, wear rules and defects; knows nothing of time or of who may write.
 */
export class FlashArray {
  readonly start: number;
  readonly size: number;
  readonly page: number;
  readonly #writesAllowed: number;
  readonly #pages = new Map<number, Page>();
  #stuck: StuckBit[] = [];
  /** Words written more often than the data sheet allows, which then promises nothing. */
  readonly overwritten = new Set<number>();
  watch: CellWatch | undefined;

  constructor(
    start: number,
    size: number,
    { page, writesAllowed }: FlashKind = { page: PAGE, writesAllowed: WRITES_ALLOWED },
  ) {
    this.start = start;
    this.size = size;
    this.page = page;
    this.#writesAllowed = writesAllowed;
  }

  holds(address: number): boolean {
    return address >= this.start && address < this.start + this.size;
  }

  readWord(address: number): number {
    const page = this.#pages.get(this.#pageOf(address));
    let word = 0xffffffff;
    if (page) {
      const at = address % this.page;
      const bytes = page.bytes;
      word =
        ((bytes[at] ?? 0) |
          ((bytes[at + 1] ?? 0) << 8) |
          ((bytes[at + 2] ?? 0) << 16) |
          ((bytes[at + 3] ?? 0) << 24)) >>>
        0;
    }
    for (const bit of this.#stuck) {
      if (bit.address === address) word = (bit.value ? word | bit.mask : word & ~bit.mask) >>> 0;
    }
    return word;
  }

  /** Written since its last erase. */
  isProgrammed(address: number): boolean {
    return (this.#pages.get(this.#pageOf(address))?.writes[(address % this.page) >> 2] ?? 0) > 0;
  }

  /** Bits only go from 1 to 0. */
  program(address: number, value: number): void {
    const page = this.#page(address);
    const at = address % this.page;
    const before = this.watch && page.bytes.slice(at, at + 4);
    for (let i = 0; i < 4; i++) page.bytes[at + i] = (page.bytes[at + i] ?? 0) & (value >>> (8 * i));
    if (before) this.watch?.(address, before, page.bytes.slice(at, at + 4));
    const count = Math.min(255, (page.writes[at >> 2] ?? 0) + 1);
    page.writes[at >> 2] = count;
    if (count > this.#writesAllowed) this.overwritten.add(address);
  }

  erasePage(address: number): void {
    this.#tellErased(this.#pageOf(address));
    this.#pages.delete(this.#pageOf(address));
    for (const word of this.overwritten)
      if (this.#pageOf(word) === this.#pageOf(address)) this.overwritten.delete(word);
  }

  /** Whole pages. */
  erase(address: number, size: number): void {
    for (let at = address; at < address + size; at += this.page) this.erasePage(at);
  }

  eraseHalfway(address: number, size: number, prng: Prng): void {
    for (let at = address; at < address + size; at += this.page) this.erasePageHalfway(at, prng);
  }

  eraseAll(): void {
    for (const start of this.#pages.keys()) this.#tellErased(start);
    this.#pages.clear();
    this.overwritten.clear();
  }

  /** Each bit that is still programmed has an even chance of having been erased. */
  erasePageHalfway(address: number, prng: Prng): void {
    const page = this.#page(address);
    for (let i = 0; i < this.page; i++) page.bytes[i] = (page.bytes[i] ?? 0) | (prng.next() >>> 24);
  }

  /** Each bit to be cleared has an even chance of having been cleared. */
  programHalfway(address: number, value: number, prng: Prng): void {
    this.program(address, (value | prng.next()) >>> 0);
  }

  /** Rot: the cell itself changes. */
  flip(address: number, bit: number): void {
    const page = this.#page(address);
    const at = (address % this.page) + (bit >> 3);
    page.bytes[at] = (page.bytes[at] ?? 0) ^ (1 << (bit & 7));
  }

  /** A cell that holds `value` whatever is done to it. */
  stick(address: number, bit: number, value: 0 | 1): void {
    const mask = (1 << bit) >>> 0;
    const others = this.#stuck.filter((known) => known.address !== address || known.mask !== mask);
    this.#stuck = [...others, { address, mask, value }];
  }

  /** Cells as somebody kept them, whatever they hold now. */
  restore(address: number, bytes: Uint8Array): void {
    this.erase(this.#pageOf(address), bytes.length);
    for (let at = 0; at < bytes.length; at += 4) {
      const word = readU32(bytes, at);
      if (word !== 0xffffffff) this.program(address + at, word);
    }
  }

  #tellErased(start: number): void {
    if (!this.watch) return;
    const blank = new Uint8Array(this.page).fill(0xff);
    this.watch(start, this.#pages.get(start)?.bytes.slice() ?? blank, blank);
  }

  #page(address: number): Page {
    const start = this.#pageOf(address);
    const known = this.#pages.get(start);
    if (known) return known;
    const page = { bytes: new Uint8Array(this.page).fill(0xff), writes: new Uint8Array(this.page / 4) };
    this.#pages.set(start, page);
    return page;
  }

  #pageOf(address: number): number {
    return address - (address % this.page);
  }
}
