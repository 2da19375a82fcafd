import type { FlashArray } from '../flash-array.ts';

/** Option bytes: a word and its complement each (RM0444, 3.4.1). */
export const OPTIONS = { start: 0x1fff7800, size: 0x80 } as const;

/** Registers of the flash interface that option bytes are loaded into, by their offset in it, with their place in memory. */
export const OPTION_REGISTERS: readonly OptionRegister[] = [
  { offset: 0x20, address: OPTIONS.start, factory: 0xfffffeaa, writable: 0xffffffff },
  { offset: 0x2c, address: OPTIONS.start + 0x18, factory: 0x0000003f, writable: 0x003f003f },
  { offset: 0x30, address: OPTIONS.start + 0x20, factory: 0x0000003f, writable: 0x003f003f },
];
const [OPTR] = OPTION_REGISTERS;

export interface OptionRegister {
  readonly offset: number;
  readonly address: number;
  readonly factory: number;
  readonly writable: number;
}

export type OptionValues = ReadonlyMap<number, number>;

/** What is loaded where a word and its complement disagree: level 1, and whatever protects (RM0444, 3.4.3). */
const DOUBTFUL = 0xffffff00;

export function factoryOptions(): OptionValues {
  return new Map(OPTION_REGISTERS.map(({ offset, factory }) => [offset, factory]));
}

/** By register offset; `doubtful` when one of them cannot be believed. */
export function loadOptions(cells: FlashArray): { readonly values: OptionValues; readonly doubtful: boolean } {
  let doubtful = false;
  const values = OPTION_REGISTERS.map((register): [number, number] => {
    const word = cells.readWord(register.address);
    if (cells.readWord(register.address + 4) === ~word >>> 0) return [register.offset, word];
    doubtful = true;
    return [register.offset, register === OPTR ? DOUBTFUL : register.factory];
  });
  return { values: new Map(values), doubtful };
}

export function storeOptions(cells: FlashArray, values: OptionValues): void {
  cells.eraseAll();
  for (const { offset, address, factory } of OPTION_REGISTERS) {
    const word = values.get(offset) ?? factory;
    cells.program(address, word);
    cells.program(address + 4, ~word >>> 0);
  }
}

export type RdpLevel = 0 | 1 | 2;

/** RM0444, 3.5.1: any byte but two is level 1. */
export function rdpLevel(values: OptionValues): RdpLevel {
  const byte = (values.get(0x20) ?? 0) & 0xff;
  return byte === 0xaa ? 0 : byte === 0xcc ? 2 : 1;
}

/** WRP1AR and WRP1BR: first and last page of an area, none where the first is past the last (RM0444, 3.5.4). */
export function writeProtected(values: OptionValues, page: number): boolean {
  return [0x2c, 0x30].some((offset) => {
    const area = values.get(offset) ?? 0x3f;
    return page >= (area & 0x3f) && page <= ((area >>> 16) & 0x3f);
  });
}

export function anyWriteProtected(values: OptionValues): boolean {
  return [0x2c, 0x30].some((offset) => {
    const area = values.get(offset) ?? 0x3f;
    return (area & 0x3f) <= ((area >>> 16) & 0x3f);
  });
}
