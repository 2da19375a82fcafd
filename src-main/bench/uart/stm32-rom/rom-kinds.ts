import { f4RomFlash } from './f4-rom-flash.ts';
import { g0RomFlash } from './g0-rom-flash.ts';
import type { OpenRomBus, RomFlash } from './rom-flash.ts';

export interface Range {
  readonly start: number;
  readonly size: number;
}

/** One part's boot loader: AN2606, the part's chapter. */
export interface RomKind {
  readonly pid: number;
  /** The part most like it, which stands in a fixture by mistake. */
  readonly otherPid: number;
  /** AN3155's protocol version, 3.1. */
  readonly version: number;
  readonly commands: readonly number[];
  readonly flash: Range;
  /** What WRITE takes beside flash; the ROM's own RAM is left out. */
  readonly ram: Range;
  /** What READ takes beside flash and RAM. Only the start of a READ is looked at. */
  readonly readable: readonly Range[];
  /** Where the flash's size stands. */
  readonly sizeWord: number;
  readonly romFlash: (open: OpenRomBus) => RomFlash;
}

/** GET to READOUT UNPROTECT with EXTENDED ERASE; no checksum command (AN2606, table of the boot loader's versions). */
const COMMANDS = [0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82, 0x92];

/** By the chip's id. */
export const ROM_KINDS: Readonly<Record<string, RomKind>> = {
  /** STM32F40xxx/41xxx, boot loader V3.1. */
  stm32f407vg: {
    pid: 0x413,
    otherPid: 0x419,
    version: 0x31,
    commands: COMMANDS,
    flash: { start: 0x08000000, size: 0x100000 },
    ram: { start: 0x20003000, size: 0x1d000 },
    // System memory, OTP, option bytes
    readable: [
      { start: 0x1fff0000, size: 0x7800 },
      { start: 0x1fff7800, size: 0x210 },
      { start: 0x1fffc000, size: 0x10 },
    ],
    sizeWord: 0x1fff7a22,
    romFlash: f4RomFlash,
  },
  /** STM32G07xxx/08xxx. BOOT0 counts, as on parts whose option nBOOT_SEL was cleared: new ones look whether they are empty. */
  stm32g071rb: {
    pid: 0x460,
    otherPid: 0x467,
    version: 0x31,
    commands: COMMANDS,
    flash: { start: 0x08000000, size: 0x20000 },
    ram: { start: 0x20002700, size: 0x6900 },
    // System memory, OTP, engineering bytes, option bytes
    readable: [
      { start: 0x1fff0000, size: 0x7000 },
      { start: 0x1fff7000, size: 0x400 },
      { start: 0x1fff7500, size: 0x100 },
      { start: 0x1fff7800, size: 0x80 },
    ],
    sizeWord: 0x1fff75e0,
    romFlash: g0RomFlash,
  },
};

export function holds({ start, size }: Range, address: number): boolean {
  return address >= start && address < start + size;
}
