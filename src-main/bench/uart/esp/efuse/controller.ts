import { readU32, writeU32, wordsToBytes } from '#shared/base/bytes.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { usToNs } from '../../../virtual-clock.ts';
import type { EfuseCells } from './cells.ts';
import { threeQuarters } from './three-quarters.ts';

/** TRMs, eFuse Controller, EFUSE_CONF: which command is allowed. */
const MAY_BURN = 0x5a5a;
const MAY_READ = 0x5aa5;
const READ = 1;
const BURN = 2;
/** A bit's time (t_PGM of some 10 us), and all of what a reading takes. */
const BIT_NS = usToNs(10);
const READ_NS = usToNs(30);
/** PGM_DATA, and the three check values behind it. */
const STAGED_WORDS = 11;
const BLOCK_SHIFT = 2;
const NONE = 0;
const THREE_QUARTERS = 1;
const NONE_TOO = 3;

/** An Espressif chip's eFuse controller at register level: what is staged, what a command does with it, what was read last. */
export class EfuseController {
  readonly #efuse: EspEfuse;
  readonly #cells: EfuseCells;
  /** What drives it now: by that goes the timing that burns well. */
  readonly #clockMhz: () => number;
  readonly #registers = new Map<number, number>();
  #latched: Uint8Array[] = [];
  #busyUntil = 0;
  #diesAt = Infinity;

  constructor(efuse: EspEfuse, cells: EfuseCells, clockMhz: () => number) {
    this.#efuse = efuse;
    this.#cells = cells;
    this.#clockMhz = clockMhz;
    this.#latch();
  }

  has(address: number): boolean {
    return address >= this.#efuse.base && address < this.#efuse.base + 0x200;
  }

  /** The supply fails then. */
  cut(at: number): void {
    this.#diesAt = Math.min(this.#diesAt, at);
  }

  read(address: number, at: number): number {
    const offset = address - this.#efuse.base;
    const { blocks, command } = this.#efuse;
    if (offset === command) return at < this.#busyUntil ? (this.#registers.get(offset) ?? 0) & (READ | BURN) : 0;
    const block = blocks.findIndex(({ read, words }) => offset >= read && offset < read + words * 4);
    if (block >= 0) return readU32(this.#latched[block] ?? new Uint8Array(32), offset - (blocks[block]?.read ?? 0));
    return this.#errors(offset) ?? this.#registers.get(offset) ?? 0;
  }

  write(address: number, value: number, at: number): void {
    const offset = address - this.#efuse.base;
    if (at < this.#busyUntil || at >= this.#diesAt) return;
    if (this.#efuse.blocks.some(({ read, words }) => offset >= read && offset < read + words * 4)) return;
    this.#registers.set(offset, value);
    if (offset === this.#efuse.command) this.#carry(value, at);
  }

  /** From what was burnt since, by the next reading. */
  #carry(command: number, at: number): void {
    const code = this.#registers.get(this.#efuse.conf);
    if ((command & 3) === READ && code === MAY_READ) {
      this.#latch();
      this.#busyUntil = at + READ_NS;
    } else if ((command & 3) === BURN && code === MAY_BURN) this.#burn(command >>> BLOCK_SHIFT, at);
  }

  #burn(block: number, at: number): void {
    const staged =
      this.#efuse.kind === 'rs'
        ? [{ block, data: this.#staged(0, block === 0 ? (this.#efuse.blocks[0]?.words ?? 0) : STAGED_WORDS) }]
        : this.#efuse.blocks.map(({ write = 0, words }, index) => ({ block: index, data: this.#staged(write, words) }));
    let now = at;
    for (const { block: where, data } of staged) {
      const allowed = this.#allowed(where, data);
      // Bits that are no longer held long enough: half of them do not take.
      if (!this.#isTimed())
        for (let byte = 0; byte < allowed.length; byte++) allowed[byte] = (allowed[byte] ?? 0) & 0x55;
      const most = Number.isFinite(this.#diesAt) ? Math.max(0, Math.floor((this.#diesAt - now) / BIT_NS)) : Infinity;
      now += this.#cells.burn(where, allowed, most) * BIT_NS;
    }
    this.#busyUntil = now + BIT_NS;
  }

  #staged(from: number, words: number): Uint8Array {
    return wordsToBytes(Array.from({ length: words }, (_, index) => this.#registers.get(from + index * 4) ?? 0));
  }

  /** Without what WR_DIS keeps as it is. */
  #allowed(block: number, data: Uint8Array): Uint8Array {
    const kept = this.#cells.value('WR_DIS');
    const isKept = (lock: number | undefined) => lock !== undefined && Math.floor(kept / 2 ** lock) % 2 === 1;
    if (block > 0) return isKept(this.#efuse.blocks[block]?.lock) ? new Uint8Array(data.length) : data.slice();
    const out = data.slice();
    for (const field of this.#efuse.fields) {
      if (field.block !== 0 || !isKept(field.lock)) continue;
      for (let bit = field.bit; bit < field.bit + field.size; bit++)
        out[bit >>> 3] = (out[bit >>> 3] ?? 0) & ~(1 << (bit & 7));
    }
    return out;
  }

  #isTimed(): boolean {
    const rows = this.#efuse.timing[this.#clockMhz()] ?? [];
    return (
      rows.length > 0 &&
      rows.every(({ register, mask, value }) => ((this.#registers.get(register) ?? 0) & mask) >>> 0 === value)
    );
  }

  #latch(): void {
    const hidden = this.#cells.value('RD_DIS');
    this.#latched = this.#efuse.blocks.map(({ words, hide }, block) => {
      const shown = new Uint8Array(words * 4);
      if (!hide.some((bit) => ((hidden >>> bit) & 1) === 1))
        shown.set(this.#decoded(block).data.subarray(0, shown.length));
      else if (hide.length === 2) this.#showHalf(shown, block, hide, hidden);
      return shown;
    });
  }

  /** ESP32-C2: each half of the key's block has a bit of its own. */
  #showHalf(shown: Uint8Array, block: number, hide: readonly number[], hidden: number): void {
    const { data } = this.#decoded(block);
    hide.forEach((bit, half) => {
      if (((hidden >>> bit) & 1) === 0) shown.set(data.subarray(half * 16, half * 16 + 16), half * 16);
    });
  }

  #decoded(block: number): { readonly data: Uint8Array; readonly failed: boolean } {
    const look = this.#cells.look(block);
    const scheme = this.#cells.value('CODING_SCHEME');
    if (this.#efuse.kind === 'rs' || block === 0 || scheme === NONE || scheme === NONE_TOO) return look;
    return scheme === THREE_QUARTERS ? threeQuarters(look.data) : { data: look.data.slice(0, 16), failed: false };
  }

  /** What the codes made of the cells. */
  #errors(offset: number): number | undefined {
    const { repeatErrors, codeErrors, decodeStatus, failBlocksLater, blocks } = this.#efuse;
    if (offset === decodeStatus)
      return [1, 2, 3].reduce((bits, block) => bits | (this.#decoded(block).failed ? 0xf << ((block - 1) * 4) : 0), 0);
    const repeat = repeatErrors.indexOf(offset);
    if (repeat >= 0) {
      // From the word behind WR_DIS on.
      const { differs } = this.#cells.look(0);
      return (repeat + 1) * 4 + 4 <= differs.length ? readU32(differs, (repeat + 1) * 4) : 0;
    }
    const code = codeErrors.indexOf(offset);
    if (code < 0) return undefined;
    const bytes = new Uint8Array(4);
    let word = 0;
    for (let block = 1; block < blocks.length; block++) {
      const { corrected, failed } = this.#cells.look(block);
      const place = (block - 1) * 4 - code * 32;
      if (place >= 0 && place < 32) word += corrected * 2 ** place;
      const fails = place + failBlocksLater * 4;
      if (failed && fails >= 0 && fails < 32) word += 2 ** (fails + 3);
    }
    writeU32(bytes, 0, word);
    return readU32(bytes, 0);
  }
}
