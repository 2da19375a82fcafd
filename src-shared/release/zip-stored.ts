import type { FileEntry } from '@zip.js/zip.js';
import { equalBytes, readU32 } from '../base/bytes.ts';

/** A zip that is read where it lies. */
export interface RandomAccess {
  readonly size: number;
  /** All of [offset, offset + length), perhaps in the beginning of `scratch`; rejects where there is less. */
  read(offset: number, length: number, scratch?: Uint8Array): Promise<Uint8Array>;
}

/** Parts this large cost neither a call each nor much memory. */
const PART_BYTES = 256 * 1024;
const LOCAL_MAGIC = 0x04034b50;
const LOCAL_BYTES = 30;

/** Whether an entry's bytes stand in the zip as they are. */
export function isStored({ compressionMethod, compressedSize, uncompressedSize, encrypted }: FileEntry): boolean {
  return compressionMethod === 0 && compressedSize === uncompressedSize && !encrypted;
}

/**
 * Hands over a stored entry as it lies there: a third of the time of a stream through a decompressor that has nothing to do.
 * Its local header (APPNOTE 6.3.10, 4.3.7) is u32 magic, u16 version, u16 flags at 6, u16 method at 8, ..., u16 length of the
 * name at 26, u16 length of the extra field at 28, the name at 30. Rejects where it is not the directory's entry.
 */
export async function unpackStored(
  source: RandomAccess,
  { offset, uncompressedSize, rawFilename }: FileEntry,
  /** What it is handed is its own until it returns. */
  take: (part: Uint8Array) => void,
): Promise<void> {
  const header = await source.read(offset, LOCAL_BYTES + rawFilename.length);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const isOurs =
    readU32(header, 0) === LOCAL_MAGIC &&
    view.getUint16(8, true) === 0 &&
    view.getUint16(26, true) === rawFilename.length &&
    equalBytes(header.subarray(LOCAL_BYTES), rawFilename);
  if (!isOurs) throw new RangeError('its local header is of another file');
  const begin = offset + header.length + view.getUint16(28, true);
  const scratch = new Uint8Array(Math.min(PART_BYTES, uncompressedSize));
  for (let done = 0; done < uncompressedSize; done += PART_BYTES)
    take(await source.read(begin + done, Math.min(PART_BYTES, uncompressedSize - done), scratch));
}

export function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset < 0 || offset + length > bytes.length) throw new RangeError('it ends before its end');
      return bytes.subarray(offset, offset + length);
    },
  };
}
