import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import type { CoreBus, DeviceLoop } from '../cpu/core-bus.ts';
import type { Ram } from '../cpu/ram.ts';
import type { FlashArray } from '../flash-array.ts';
import type { Nvmc } from './nvmc.ts';

export interface Range {
  readonly start: number;
  readonly size: number;
}

export function within(range: Range, address: number): boolean {
  return address >= range.start && address < range.start + range.size;
}

export interface NrfBusParts {
  readonly flash: FlashArray;
  readonly uicr: FlashArray;
  readonly ram: Ram;
  readonly nvmc: Nvmc;
  /** Word of FICR at a byte offset. */
  readonly readFicr: (offset: number) => number;
  /** Where peripherals answer. */
  readonly peripherals: readonly Range[];
  readonly beforeFlashRead: (array: FlashArray, address: number) => void;
}

const FICR: Range = { start: 0x10000000, size: 0x1000 };
const NVMC: Range = { start: 0x4001e000, size: 0x1000 };

/**
 * Memory and peripherals of an nRF51 or nRF52 (nRF52840 PS v1.1, 4.2; nRF51 RM v3.0, 3.2). Of the peripherals only the flash
 * controller does anything; the others keep what is written.
 */
export class NrfBus implements CoreBus {
  readonly ram: Ram;
  readonly #parts: NrfBusParts;
  #registers = new Map<number, number>();
  /** Counts the writes that changed a register. */
  #changes = 0;
  /** Registers that keep what is written: writing the same again and again (a watchdog's reload) is no change. */
  readonly loop: DeviceLoop = {
    holds: (address) => this.#known(address) && !within(NVMC, address),
    state: () => ({ phase: this.#changes, until: Infinity, takesTime: false }),
  };

  constructor(parts: NrfBusParts) {
    this.#parts = parts;
    this.ram = parts.ram;
  }

  /** Peripherals return to their reset values. */
  reset(): void {
    this.#registers = new Map();
    this.#changes++;
  }

  arrayAt(address: number): FlashArray | undefined {
    const { flash, uicr } = this.#parts;
    if (flash.holds(address)) return flash;
    return uicr.holds(address) ? uicr : undefined;
  }

  steadyUntil(address: number, at: number): number {
    return within(NVMC, address) || this.arrayAt(address) ? this.#parts.nvmc.steadyUntil(at) : Infinity;
  }

  heldUntil(address: number, write: boolean, at: number): number {
    return this.arrayAt(address) ? this.#parts.nvmc.heldUntil(write, at) : at;
  }

  read(address: number, size: AccessSize, at: number): AccessResult {
    const result = this.#readWord((address & ~3) >>> 0, at);
    if (result.fault || size === 4) return result;
    const mask = size === 1 ? 0xff : 0xffff;
    return done(result.doneAt, (result.value >>> ((address & 3) * 8)) & mask);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (this.ram.holds(address)) {
      this.ram.write(address, size, value);
      return done(at);
    }
    const array = this.arrayAt(address);
    if (array) return this.#parts.nvmc.writeArray(array, address, size, value, at);
    if (within(FICR, address)) return done(at);
    if (size === 4) return this.#writeRegister(address, value, at);
    return this.#known(address) ? this.#writeNarrow(address, size, value, at) : busFault(at);
  }

  #readWord(address: number, at: number): AccessResult {
    const { nvmc, beforeFlashRead, readFicr } = this.#parts;
    const array = this.arrayAt(address);
    if (array) {
      const idle = nvmc.idleAt(at) ?? at;
      nvmc.settle(idle);
      beforeFlashRead(array, address);
      return done(idle, array.readWord(address));
    }
    if (this.ram.holds(address)) return done(at, this.ram.read(address, 4));
    if (within(FICR, address)) return done(at, readFicr(address - FICR.start));
    if (within(NVMC, address)) return done(at, nvmc.readRegister(address - NVMC.start, at));
    return this.#known(address) ? done(at, this.#registers.get(address) ?? 0) : busFault(at);
  }

  #writeRegister(address: number, value: number, at: number): AccessResult {
    if (within(NVMC, address)) this.#parts.nvmc.writeRegister(address - NVMC.start, value, at);
    else if (this.#known(address)) this.#keep(address, value >>> 0);
    else return busFault(at);
    return done(at);
  }

  #keep(address: number, value: number): void {
    if (this.#registers.get(address) === value) return;
    this.#registers.set(address, value);
    this.#changes++;
  }

  /** Peripherals of the APB take whole words; a narrow write reaches the word with the other lanes zero. */
  #writeNarrow(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const mask = size === 1 ? 0xff : 0xffff;
    return this.#writeRegister((address & ~3) >>> 0, ((value & mask) << ((address & 3) * 8)) >>> 0, at);
  }

  #known(address: number): boolean {
    return this.#parts.peripherals.some((range) => within(range, address));
  }
}
