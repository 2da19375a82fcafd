import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { CODE, DATA, decode, encode } from './rs-code.ts';

/** Block 0 of the later chips is kept so often. */
const COPIES = 4;

/** What a block looks like once it was read. */
export interface Look {
  readonly data: Uint8Array;
  readonly corrected: number;
  readonly failed: boolean;
  /** Bits in which the copies of block 0 differ. */
  readonly differs: Uint8Array;
}

/** Which cells do not do as they should. */
export interface CellFaults {
  /** Cells that stay 0 whatever is done, by block: bits from the block's beginning, of each copy or code. */
  readonly stuck?: readonly { readonly block: number; readonly bit: number }[];
}

/** The eFuses themselves: bits that only ever go from 0 to 1, and stay so without power. */
export class EfuseCells {
  readonly #efuse: EspEfuse;
  readonly #blocks: Uint8Array[];
  readonly #faults: CellFaults;
  /** Told of each bit that was burnt: the byte of a block that it is in, before and after. */
  watch: ((block: number, at: number, before: Uint8Array, after: Uint8Array) => void) | undefined;

  constructor(efuse: EspEfuse, faults: CellFaults = {}) {
    this.#efuse = efuse;
    this.#faults = faults;
    this.#blocks = efuse.blocks.map(({ words }, block) => new Uint8Array(sizeOf(efuse, block, words)));
  }

  /** Every cell, for what a failing supply left. */
  get raw(): readonly Uint8Array[] {
    return this.#blocks;
  }

  /** The bits of `data` that are 1, the lowest first, but only the first `most` of them; returns how many there were. */
  burn(block: number, data: Uint8Array, most = Infinity): number {
    const cells = this.#blocks[block] ?? new Uint8Array();
    let done = 0;
    for (let bit = 0; bit < cells.length * 8; bit++) {
      const source = this.#isRepeated(block) ? bit % (data.length * 8) : bit;
      if ((((data[source >>> 3] ?? 0) >>> (source & 7)) & 1) === 0) continue;
      if (done++ >= most) continue;
      const stuck = this.#faults.stuck?.some((cell) => cell.block === block && cell.bit === bit);
      if (!stuck) this.#rise(block, cells, bit);
    }
    return done;
  }

  #rise(block: number, cells: Uint8Array, bit: number): void {
    const before = cells.slice(bit >>> 3, (bit >>> 3) + 1);
    cells[bit >>> 3] = (cells[bit >>> 3] ?? 0) | (1 << (bit & 7));
    this.watch?.(block, bit >>> 3, before, cells.slice(bit >>> 3, (bit >>> 3) + 1));
  }

  /** In the factory: the data with whatever code belongs to it. */
  set(name: string, value: number | Uint8Array): void {
    const field = this.#efuse.fields.find((each) => each.name === name);
    if (!field) return;
    const { block, bit, size } = field;
    const data = this.look(block).data.slice();
    for (let index = 0; index < size; index++) {
      const one =
        typeof value === 'number'
          ? Math.floor(value / 2 ** index) % 2
          : ((value[index >>> 3] ?? 0) >>> (index & 7)) & 1;
      const at = bit + index;
      if (one === 1) data[at >>> 3] = (data[at >>> 3] ?? 0) | (1 << (at & 7));
    }
    // The factory writes a block once: here the code is put in its place anew.
    if (this.#isCoded(block)) this.#blocks[block] = encode(padded(data));
    else this.burn(block, data);
  }

  value(name: string): number {
    const field = this.#efuse.fields.find((each) => each.name === name);
    if (!field) return 0;
    const { data } = this.look(field.block);
    let value = 0;
    for (let index = Math.min(field.size, 32) - 1; index >= 0; index--) {
      const at = field.bit + index;
      value = value * 2 + (((data[at >>> 3] ?? 0) >>> (at & 7)) & 1);
    }
    return value;
  }

  /** As the controller decodes it. */
  look(block: number): Look {
    const cells = this.#blocks[block] ?? new Uint8Array();
    const bytes = (this.#efuse.blocks[block]?.words ?? 0) * 4;
    const clean = { corrected: 0, failed: false, differs: new Uint8Array(bytes) };
    if (this.#isCoded(block)) {
      const { data, corrected, failed } = decode(cells);
      return { data: data.slice(0, bytes), corrected, failed, differs: clean.differs };
    }
    if (!this.#isRepeated(block)) return { data: cells.slice(), ...clean };
    // Where one of the copies has it, it counts; where they differ, the error registers say so.
    const data = new Uint8Array(bytes);
    const differs = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at++) {
      const copies = Array.from({ length: COPIES }, (_, copy) => cells[copy * bytes + at] ?? 0);
      data[at] = copies.reduce((any, byte) => any | byte, 0);
      differs[at] = (data[at] ?? 0) ^ copies.reduce((all, byte) => all & byte, 0xff);
    }
    return { data, corrected: 0, failed: false, differs };
  }

  #isCoded(block: number): boolean {
    return this.#efuse.kind === 'rs' && block > 0;
  }

  #isRepeated(block: number): boolean {
    return this.#efuse.kind === 'rs' && block === 0;
  }
}

function sizeOf({ kind }: EspEfuse, block: number, words: number): number {
  if (kind === 'esp32') return words * 4;
  return block === 0 ? words * 4 * COPIES : CODE;
}

function padded(data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(DATA);
  whole.set(data);
  return whole;
}
