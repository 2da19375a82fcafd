import type { CoreKind } from './core-kind.ts';

/** Offsets from 0xE0002000: the breakpoint unit of v6-M (ARMv6-M ARM, C1.8), the flash patch unit of v7-M (ARMv7-M ARM, C1.11). */
const CONTROL = 0;
const COMPARATORS = 8;
const KEY = 2;
const ENABLE = 1;

/** Comparators that stop the core before it executes an instruction of the code region (below 0x20000000). */
export class BreakpointUnit {
  readonly #kind: CoreKind;
  #enabled = false;
  readonly #comparators: Uint32Array;
  /** Addresses that match now. */
  #matching: ReadonlySet<number> = new Set();

  constructor(kind: CoreKind) {
    this.#kind = kind;
    this.#comparators = new Uint32Array(kind.codeBreakpoints + kind.literalComparators);
  }

  powerOn(): void {
    this.#enabled = false;
    this.#comparators.fill(0);
    this.#matching = new Set();
  }

  matches(address: number): boolean {
    return this.#matching.size > 0 && this.#matching.has(address);
  }

  read(offset: number): number {
    const { codeBreakpoints, literalComparators } = this.#kind;
    if (offset === CONTROL) return (literalComparators << 8) | (codeBreakpoints << 4) | (this.#enabled ? ENABLE : 0);
    return this.#comparators[(offset - COMPARATORS) / 4] ?? 0;
  }

  write(offset: number, value: number): void {
    if (offset === CONTROL) {
      if ((value & KEY) === 0) return;
      this.#enabled = (value & ENABLE) !== 0;
    } else {
      const index = (offset - COMPARATORS) / 4;
      if (!(index >= 0 && index < this.#comparators.length)) return;
      this.#comparators[index] = value & 0xdffffffd;
    }
    this.#matching = new Set(this.#enabled ? this.#addresses() : []);
  }

  /** Bits 31-30: 1 the lower halfword of the word, 2 the upper, 3 both; 0 remaps (v7-M), which nothing here does. */
  #addresses(): number[] {
    return [...this.#comparators.subarray(0, this.#kind.codeBreakpoints)].flatMap((comparator) => {
      const word = comparator & 0x1ffffffc;
      if ((comparator & ENABLE) === 0) return [];
      return [word, word + 2].filter((_, half) => (comparator >>> 30) & (1 << half));
    });
  }
}
