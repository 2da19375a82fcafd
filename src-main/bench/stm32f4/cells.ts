import { FlashArray } from '../flash-array.ts';

/** RM0090, 3.3 Embedded flash memory in STM32F405/407: main memory, OTP area, option bytes. */
export const FLASH = { start: 0x08000000, size: 0x100000 } as const;
export const OTP = { start: 0x1fff7800, size: 0x210, blocks: 16, blockSize: 32, locks: 0x1fff7a00 } as const;
export const OPTIONS = { start: 0x1fffc000, size: 0x10 } as const;

const KIB = 1024;

export interface Sector {
  readonly start: number;
  readonly size: number;
}

/** RM0090, table 5: four sectors of 16 KiB, one of 64, seven of 128. */
export const SECTORS: readonly Sector[] = sectors([
  [4, 16 * KIB],
  [1, 64 * KIB],
  [7, 128 * KIB],
]);

export function sectorOf(address: number): number {
  return SECTORS.findIndex(({ start, size }) => address >= start && address < start + size);
}

/** The smallest sector is the largest piece that all sectors are whole multiples of. */
const MAIN_KIND = { page: 16 * KIB, writesAllowed: Infinity } as const;
const SMALL_KIND = { page: 0x10, writesAllowed: Infinity } as const;

/**
 * The STM32F407's non-volatile cells: 1 MiB of flash, one-time programmable bytes, option bytes. There is no limit on how
 * often a word is written between erases; what counts as misuse is asking a 0 to become 1.
 */
export class Cells {
  readonly main = new FlashArray(FLASH.start, FLASH.size, MAIN_KIND);
  readonly otp = new FlashArray(OTP.start, OTP.size, SMALL_KIND);
  readonly options = new FlashArray(OPTIONS.start, OPTIONS.size, SMALL_KIND);

  get all(): readonly FlashArray[] {
    return [this.main, this.otp, this.options];
  }

  /** A block of 32 bytes whose lock byte is programmed can no longer be (RM0090, 3.8 OTP). */
  otpLocked(address: number): boolean {
    if (address >= OTP.locks) return false;
    const block = Math.floor((address - OTP.start) / OTP.blockSize);
    const lock = OTP.locks + block;
    return ((this.otp.readWord(lock & ~3) >>> ((lock & 3) * 8)) & 0xff) === 0;
  }
}

function sectors(groups: readonly (readonly [count: number, size: number])[]): Sector[] {
  const found: Sector[] = [];
  let start: number = FLASH.start;
  for (const [count, size] of groups) {
    for (let i = 0; i < count; i++, start += size) found.push({ start, size });
  }
  return found;
}
