import { writeU32 } from '#shared/base/bytes.ts';

export interface TinySegment {
  readonly type?: number;
  readonly physical: number;
  readonly data: Uint8Array;
}

/** An ELF32 file for Arm with nothing but program headers and their bytes. */
export function tinyElf(segments: readonly TinySegment[], entry = 0x101): Uint8Array {
  const headersEnd = 52 + 32 * segments.length;
  const size = segments.reduce((sum, { data }) => sum + data.length, headersEnd);
  const elf = new Uint8Array(size);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const half = (offset: number, value: number) => elf.set([value & 0xff, value >> 8], offset);
  half(16, 2);
  half(18, 40);
  writeU32(elf, 20, 1);
  writeU32(elf, 24, entry);
  writeU32(elf, 28, 52);
  half(40, 52);
  half(42, 32);
  half(44, segments.length);
  let offset = headersEnd;
  segments.forEach(({ type = 1, physical, data }, index) => {
    const header = [type, offset, 0x2000_0000, physical, data.length, data.length + 16, 5, 4];
    header.forEach((word, at) => writeU32(elf, 52 + 32 * index + 4 * at, word));
    elf.set(data, offset);
    offset += data.length;
  });
  return elf;
}
