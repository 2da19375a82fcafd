import { hexAddress } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readEspImage } from '../../image/esp-image.ts';
import { revisionText } from './efuse/revision.ts';

/** What may not be written to this unit; asked while nothing has changed yet. Throws. */
export type Guard = (address: number, wanted: Uint8Array, differs: boolean) => void;

/** What was found of the unit. */
export interface Found {
  readonly chip: ChipDescription;
  /** Of its SPI flash, in bytes. */
  readonly flashSize: number;
  /** As image headers count it. */
  readonly revision: number;
  readonly secureBoot: boolean;
}

/** Where the boot loader ends: what is there by default (ESP-IDF, CONFIG_PARTITION_TABLE_OFFSET). */
const PARTITION_TABLE = 0x8000;
/** What an application's partition begins at a multiple of. */
const APPLICATION_ALIGN = 0x10000;
export const IMAGE_MAGIC = 0xe9;

/** Refuses with `flash-too-small`, `image-revision` or `secure-boot`. */
export function guardOf(found: Found): Guard {
  const vectors = found.chip.boot?.vectors ?? 0;
  return (address, wanted, differs) => {
    const end = address + wanted.length;
    if (end > found.flashSize) throw tooSmall(found, address, end);
    if (!differs)
      for (const at of imageStarts(address, end, vectors))
        checkImage(found, at, wanted.subarray(at - address), vectors);
    // An unsigned one, or one signed by another key, and the unit never starts again.
    if (differs && found.secureBoot && address < PARTITION_TABLE && end > vectors) {
      throw new FlashlineError('secure-boot', { where: { address }, params: { chip: found.chip.name } });
    }
  };
}

/** Where an image may begin. */
export function imageStarts(address: number, end: number, vectors: number): number[] {
  const found = vectors >= address && vectors < end ? [vectors] : [];
  for (let at = Math.ceil(address / APPLICATION_ALIGN) * APPLICATION_ALIGN; at < end; at += APPLICATION_ALIGN) {
    if (at !== vectors) found.push(at);
  }
  return found;
}

function checkImage(found: Found, address: number, bytes: Uint8Array, vectors: number): void {
  if (bytes[0] !== IMAGE_MAGIC) return;
  const image = readEspImage(bytes);
  if (!image || image.checksum === 'wrong') return;
  const { min, max } = image.revisions;
  if (found.revision < min || (max !== null && found.revision > max)) {
    const needed = max === null ? `${revisionText(min)} or newer` : `${revisionText(min)} to ${revisionText(max)}`;
    const params = { address: hexAddress(address), needed, found: revisionText(found.revision) };
    throw new FlashlineError('image-revision', { where: { address }, params });
  }
  // The boot loader looks at the size that it was built for, and stops where there is less.
  if (address === vectors && image.flashBytes !== null && image.flashBytes > found.flashSize) {
    throw tooSmall(found, address, image.flashBytes);
  }
}

function tooSmall({ flashSize }: Found, address: number, needed: number): FlashlineError {
  const params = { found: `${flashSize / 1024} KiB`, needed: `${Math.ceil(needed / 1024)} KiB` };
  return new FlashlineError('flash-too-small', { where: { address }, params });
}
