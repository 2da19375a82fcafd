import type { Prng } from '../prng.ts';

const BLOCK = 0x1000;

interface StuckBit {
  readonly address: number;
  readonly mask: number;
  readonly value: 0 | 1;
}

/** NOR cells: bits fall one by one as often as one likes, and rise only together. Made block by block when written. */
export class NorCells {
  readonly size: number;
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #stuck: StuckBit[] = [];

  constructor(size: number) {
    this.size = size;
  }

  read(address: number): number {
    let byte = this.#blocks.get(Math.floor(address / BLOCK))?.[address % BLOCK] ?? 0xff;
    for (const bit of this.#stuck) {
      if (bit.address === address) byte = bit.value ? byte | bit.mask : byte & ~bit.mask;
    }
    return byte;
  }

  program(address: number, value: number): void {
    const block = this.#block(address);
    block[address % BLOCK] = (block[address % BLOCK] ?? 0) & value;
  }

  /** Whole blocks of 4 KiB. */
  erase(address: number, size: number): void {
    for (let at = address; at < address + size; at += BLOCK) this.#blocks.delete(Math.floor(at / BLOCK));
  }

  /** Each bit to be cleared has an even chance of having been cleared. */
  programHalfway(address: number, value: number, prng: Prng): void {
    this.program(address, value | (prng.next() >>> 24));
  }

  /** Each bit that is still programmed has an even chance of having been erased. */
  eraseHalfway(address: number, size: number, prng: Prng): void {
    for (let at = address; at < address + size; at += BLOCK) {
      const block = this.#blocks.get(Math.floor(at / BLOCK));
      block?.forEach((byte, index) => (block[index] = byte | (prng.next() >>> 24)));
    }
  }

  /** Rot: the cell itself changes. */
  flip(address: number, bit: number): void {
    const block = this.#block(address);
    block[address % BLOCK] = (block[address % BLOCK] ?? 0) ^ (1 << bit);
  }

  stick(address: number, bit: number, value: 0 | 1): void {
    this.#stuck.push({ address, mask: 1 << bit, value });
  }

  /** A unit comes out of its fixture: what was made to stick there does no more. */
  unstick(): void {
    this.#stuck.length = 0;
  }

  preload(address: number, bytes: Uint8Array): void {
    bytes.forEach((byte, index) => (this.#block(address + index)[(address + index) % BLOCK] = byte));
  }

  peek(address: number, size: number): Uint8Array {
    return Uint8Array.from({ length: size }, (_, index) => this.read(address + index));
  }

  #block(address: number): Uint8Array {
    const index = Math.floor(address / BLOCK);
    const known = this.#blocks.get(index);
    if (known) return known;
    const block = new Uint8Array(BLOCK).fill(0xff);
    this.#blocks.set(index, block);
    return block;
  }
}
