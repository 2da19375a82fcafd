import { busFault, done, type AccessResult, type AccessSize } from './bus.ts';
import type { CoreBus } from './cpu/core-bus.ts';
import type { Ram } from './cpu/ram.ts';

/** What answers to a range of addresses. */
export interface Slave {
  readonly start: number;
  readonly size: number;
  /** The word at `address`, a multiple of 4. */
  readWord(address: number, at: number): AccessResult;
  write(address: number, size: AccessSize, value: number, at: number): AccessResult;
  /** As CoreBus has it; `at` when left out. */
  steadyUntil?(address: number, at: number): number;
  /** As CoreBus has it; always free when left out. */
  heldUntil?(address: number, write: boolean, at: number): number;
}

/** A chip's memory map: RAM, and slaves beside it. Where none answers, an access faults. */
export class ChipBus implements CoreBus {
  readonly ram: Ram;
  readonly #slaves: readonly Slave[];

  constructor(ram: Ram, slaves: readonly Slave[]) {
    this.ram = ram;
    this.#slaves = slaves;
  }

  slaveAt(address: number): Slave | undefined {
    return this.#slaves.find(({ start, size }) => address >= start && address < start + size);
  }

  read(address: number, size: AccessSize, at: number): AccessResult {
    if (this.ram.holds(address)) return done(at, this.ram.read(address, size));
    const result = this.slaveAt(address)?.readWord((address & ~3) >>> 0, at) ?? busFault(at);
    if (result.fault || size === 4) return result;
    return done(result.doneAt, (result.value >>> ((address & 3) * 8)) & laneMask(size));
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (!this.ram.holds(address)) return this.slaveAt(address)?.write(address, size, value, at) ?? busFault(at);
    this.ram.write(address, size, value);
    return done(at);
  }

  steadyUntil(address: number, at: number): number {
    return this.slaveAt(address)?.steadyUntil?.(address, at) ?? at;
  }

  heldUntil(address: number, write: boolean, at: number): number {
    return this.slaveAt(address)?.heldUntil?.(address, write, at) ?? at;
  }
}

/** The bits that an access of `size` bytes carries, right-aligned. */
export function laneMask(size: AccessSize): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

/** `word` after an access of `size` bytes at `address` has put `value` into its lanes. */
export function withLanes(word: number, address: number, size: AccessSize, value: number): number {
  const shift = (address & 3) * 8;
  const mask = laneMask(size) << shift;
  return ((word & ~mask) | ((value << shift) & mask)) >>> 0;
}
