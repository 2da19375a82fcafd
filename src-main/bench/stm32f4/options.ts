import type { FlashArray } from '../flash-array.ts';
import { OPTIONS } from './cells.ts';

/** FLASH_OPTCR without its lock and start bits, as it leaves the factory: no protection, RDP level 0 (RM0090, 3.9.10). */
export const FACTORY_OPTIONS = 0x0fffaaec;
const RDP_LEVEL_0 = 0xaa;
const RDP_LEVEL_2 = 0xcc;

const USER_AND_RDP = OPTIONS.start;
const WRITE_PROTECTION = OPTIONS.start + 8;

export type RdpLevel = 0 | 1 | 2;

/** RM0090, 3.7.3 Read protection: any byte but two is level 1. */
export function rdpLevel(optcr: number): RdpLevel {
  const byte = (optcr >>> 8) & 0xff;
  return byte === RDP_LEVEL_0 ? 0 : byte === RDP_LEVEL_2 ? 2 : 1;
}

/** Bit n: sector n may not be written (nWRP, active low). */
export function protectedSectors(optcr: number): number {
  return (~optcr >>> 16) & 0xfff;
}

/** The option bytes as FLASH_OPTCR shows them (RM0090, 3.7.1, table 14). */
export function readOptions(cells: FlashArray): number {
  const userAndRdp = cells.readWord(USER_AND_RDP) & 0xffec;
  return (((cells.readWord(WRITE_PROTECTION) & 0xfff) << 16) | userAndRdp) >>> 0;
}

/** Erased before: the halfwords, whose other halves are not implemented. */
export function programOptions(cells: FlashArray, optcr: number): void {
  cells.program(USER_AND_RDP, (0xffff0000 | (optcr & 0xffec)) >>> 0);
  cells.program(WRITE_PROTECTION, (0xfffff000 | (optcr >>> 16)) >>> 0);
}
