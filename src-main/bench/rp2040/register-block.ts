import { done, type AccessResult, type AccessSize } from '../bus.ts';
import type { Slave } from '../chip-bus.ts';

/** What a block of registers does beyond keeping what is written; offsets in bytes. */
export interface BlockBehaviour {
  /** Values after a reset; 0 where none is given. */
  readonly resetValues?: ReadonlyMap<number, number>;
  /** A register whose value is not simply what was written; undefined: it is. */
  read?(offset: number, at: number): number | undefined;
  written?(offset: number, value: number, at: number): void;
  /** Until when reading gives the same; Infinity when left out. */
  steadyUntil?(offset: number, at: number): number;
}

/**
 * A peripheral of the RP2040's APB: words, four times over: plain, and to exclusive-or, set and clear bits (data sheet, 2.1.2).
 * A narrow write puts its value into every lane (2.1.4).
 */
export class RegisterBlock implements Slave {
  readonly start: number;
  readonly size = 0x4000;
  readonly #behaviour: BlockBehaviour;
  #values = new Map<number, number>();

  constructor(start: number, behaviour: BlockBehaviour = {}) {
    this.start = start;
    this.#behaviour = behaviour;
    this.reset();
  }

  reset(): void {
    this.#values = new Map(this.#behaviour.resetValues);
  }

  /** As it was last written. */
  value(offset: number): number {
    return this.#values.get(offset) ?? 0;
  }

  set(offset: number, value: number): void {
    this.#values.set(offset, value >>> 0);
  }

  readWord(address: number, at: number): AccessResult {
    const offset = address & 0xfff;
    return done(at, this.#behaviour.read?.(offset, at) ?? this.value(offset));
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const offset = address & 0xffc;
    const lanes = size === 4 ? value : size === 2 ? value * 0x10001 : value * 0x1010101;
    const old = this.value(offset);
    const kind = (address >>> 12) & 3;
    const next = [lanes, old ^ lanes, old | lanes, old & ~lanes][kind] ?? lanes;
    this.set(offset, next);
    this.#behaviour.written?.(offset, next >>> 0, at);
    return done(at);
  }

  steadyUntil(address: number, at: number): number {
    return this.#behaviour.steadyUntil?.(address & 0xffc, at) ?? Infinity;
  }
}
