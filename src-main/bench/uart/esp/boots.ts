import { equalBytes, readU32 } from '#shared/base/bytes.ts';
import { fromHex } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { EspPart } from './parts.ts';

/**
 * Whether the ROM would start the image there (ESP-IDF, App Image Format): header of 24 bytes (E9, segments; chip id at 12,
 * 1 at 23 where a SHA-256 follows), segments with 8 bytes each before them, padding to 16 with the checksum last.
 */
export function isBootable(flash: Uint8Array, at: number, part: EspPart): boolean {
  const byte = (offset: number) => flash[at + offset] ?? 0xff;
  const segments = byte(1);
  if (byte(0) !== 0xe9 || segments === 0 || segments > 16) return false;
  if ((byte(12) | (byte(13) << 8)) !== part.chipId) return false;
  let offset = 24;
  let checksum = 0xef;
  for (let left = segments; left > 0; left--) {
    if (at + offset + 8 > flash.length) return false;
    const length = readU32(flash, at + offset + 4);
    offset += 8;
    if (length > flash.length - at - offset) return false;
    for (let index = 0; index < length; index++) checksum ^= byte(offset + index);
    offset += length;
  }
  const end = offset + 16 - (offset % 16);
  if (byte(end - 1) !== checksum) return false;
  if (byte(23) !== 1) return true;
  return equalBytes(flash.subarray(at + end, at + end + 32), fromHex(sha256Hex(flash.subarray(at, at + end))));
}

/** Rows of 32 bytes from 0x8000: aa 50, type (0: application), subtype, offset, ... Without a table: ESP-IDF's default. */
function applicationAt(flash: Uint8Array): number {
  for (let row = 0x8000; row < 0x8c00 && flash[row] === 0xaa && flash[row + 1] === 0x50; row += 32) {
    if (flash[row + 2] === 0) return readU32(flash, row + 4);
  }
  return 0x10000;
}

/** How far a start gets: the boot loader's image by the ROM, the application's by the boot loader. */
export function startOf(flash: Uint8Array, part: EspPart): 'nothing' | 'bootloader' | 'application' {
  if (!isBootable(flash, part.bootloader, part)) return 'nothing';
  return isBootable(flash, applicationAt(flash), part) ? 'application' : 'bootloader';
}
