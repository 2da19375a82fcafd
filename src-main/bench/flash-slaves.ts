import { busFault, done, type AccessResult, type AccessSize } from './bus.ts';
import type { ChipModel } from './chip.ts';
import { withLanes, type Slave } from './chip-bus.ts';
import type { Ram } from './cpu/ram.ts';
import type { FlashArray } from './flash-array.ts';
import type { FlashWork } from './flash-work.ts';
import { FixedWords } from './register-file.ts';

/** A flash controller as the bus sees it: cells, and registers at offsets from its base. */
export interface FlashInterface {
  /** The bus is free for it: the array works on nothing. */
  readArray(array: FlashArray, address: number, at: number): AccessResult;
  writeArray(array: FlashArray, address: number, size: AccessSize, value: number, at: number): AccessResult;
  readRegister(offset: number, at: number): number;
  /** Whole words. */
  writeRegister(offset: number, value: number, at: number): AccessResult;
  /** Until when the bus will not take a write of this register. */
  heldUntil(offset: number, at: number): number;
}

/** Cells that hold the bus while the controller works. */
export function flashSlave(
  array: FlashArray,
  controller: FlashInterface,
  work: FlashWork,
  chip: () => ChipModel,
): Slave {
  return {
    start: array.start,
    size: array.size,
    readWord(address, at) {
      work.wait(at);
      chip().events?.beforeFlashRead(chip(), address, array.isProgrammed(address));
      return controller.readArray(array, address, at);
    },
    write: (address, size, value, at) => controller.writeArray(array, address, size, value, at),
    heldUntil: (_address, _write, at) => work.idleAt(at) ?? at,
  };
}

export function registerSlave(
  { start, size }: { readonly start: number; readonly size: number },
  controller: FlashInterface,
  work: FlashWork,
): Slave {
  return {
    start,
    size,
    readWord: (address, at) => done(at, controller.readRegister(address - start, at)),
    write: (address, width, value, at) => {
      const offset = (address & ~3) - start;
      const word = width === 4 ? value >>> 0 : withLanes(controller.readRegister(offset, at), address, width, value);
      return controller.writeRegister(offset, word, at);
    },
    steadyUntil: (_address, at) => work.idleAt(at) ?? Infinity,
    heldUntil: (address, write, at) => (write ? controller.heldUntil((address & ~3) - start, at) : at),
  };
}

/** A boot ROM without its code: vectors, and `b .` where they lead. What the code does is the bench's to model. */
export function idlingRom({ start, size }: { readonly start: number; readonly size: number }): Slave {
  const STACK = 0x20001000;
  return new FixedWords(
    start,
    size,
    new Map([
      [start, STACK],
      [start + 4, start + 9],
      [start + 8, 0xe7fee7fe],
    ]),
  );
}

/**
 * An STM32's address 0: flash (0), system memory (1) or SRAM (3), as the memory mode in SYSCFG says (RM0090, 9.2.1;
 * RM0444, SYSCFG_CFGR1).
 */
export function bootAlias(size: number, main: Slave, ram: Ram, mode: () => number): Slave {
  const SYSTEM = 1;
  const RAM = 3;
  return {
    start: 0,
    size,
    readWord(address, at) {
      if (mode() === RAM) return address < ram.size ? done(at, ram.read(ram.start + address, 4)) : busFault(at);
      return mode() === SYSTEM ? done(at) : main.readWord(main.start + address, at);
    },
    write(address, width, value, at) {
      if (mode() === RAM && address < ram.size) ram.write(ram.start + address, width, value);
      else if (mode() === 0) return main.write(main.start + address, width, value, at);
      return done(at);
    },
    heldUntil: (_address, write, at) => main.heldUntil?.(main.start, write, at) ?? at,
  };
}
