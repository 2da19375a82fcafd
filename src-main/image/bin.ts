import { FlashlineError } from '#shared/model/failure.ts';
import type { Image, Segment } from './image.ts';
import { ADDRESS_SPACE } from './segments.ts';

/** Plain bytes; the address comes from the recipe or the command line. Throws `image-empty`, `image-needs-address`. */
export function readBin(file: string, bytes: Uint8Array, address?: number): Image {
  if (bytes.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  if (address === undefined) throw new FlashlineError('image-needs-address', { where: { file }, params: { file } });
  if (address + bytes.length > ADDRESS_SPACE) {
    throw new FlashlineError('image-syntax', {
      where: { file, offset: ADDRESS_SPACE - address },
      params: { expected: 'an address from which the file ends below 4 GiB' },
    });
  }
  return { format: 'bin', segments: [{ address, data: bytes.slice() }] };
}

/** More than any chip holds; a gap of gigabytes between two segments is a mistake, not a file to write. */
const MAX_SPAN = 256 * 1024 * 1024;

/** From the lowest address to the highest, gaps filled. Throws `usage` when that spans more than 256 MiB. */
export function writeBin(segments: readonly Segment[], fill: number): Uint8Array {
  const start = segments.reduce((lowest, { address }) => Math.min(lowest, address), ADDRESS_SPACE);
  const end = segments.reduce((highest, { address, data }) => Math.max(highest, address + data.length), start);
  if (end - start > MAX_SPAN) {
    throw new FlashlineError('usage', {
      params: { detail: 'the segments lie too far apart for a .bin file; write a .hex file' },
    });
  }
  const out = new Uint8Array(end - start).fill(fill);
  for (const { address, data } of segments) out.set(data, address - start);
  return out;
}
