import type { AccessSize } from '../bus.ts';
import type { Prng } from '../prng.ts';

/** The same bytes, three widths (little endian, as every host that Node runs on). */
export interface RamViews {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly halves: Uint16Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
}

/** Static RAM: answers at once, holds chance when power comes up. Made when it is first touched. */
export class Ram {
  readonly start: number;
  readonly size: number;
  readonly #prng: Prng;
  #views: RamViews | undefined;

  constructor(start: number, size: number, prng: Prng) {
    this.start = start;
    this.size = size;
    this.#prng = prng;
  }

  holds(address: number): boolean {
    return address >= this.start && address < this.start + this.size;
  }

  /** Power is gone, and the content with it. */
  lose(): void {
    this.#views = undefined;
  }

  get views(): RamViews {
    if (this.#views) return this.#views;
    const bytes = new Uint8Array(this.size);
    this.#prng.scramble(bytes);
    this.#views = { bytes, halves: new Uint16Array(bytes.buffer), words: new Int32Array(bytes.buffer) };
    return this.#views;
  }

  read(address: number, size: AccessSize): number {
    const { bytes, halves, words } = this.views;
    const offset = address - this.start;
    if (size === 4) return (words[offset >>> 2] ?? 0) >>> 0;
    return (size === 2 ? halves[offset >>> 1] : bytes[offset]) ?? 0;
  }

  write(address: number, size: AccessSize, value: number): void {
    const { bytes, halves, words } = this.views;
    const offset = address - this.start;
    if (size === 4) words[offset >>> 2] = value;
    else if (size === 2) halves[offset >>> 1] = value;
    else bytes[offset] = value;
  }
}
