import { FlashlineError } from '#shared/model/failure.ts';
import type { Image } from './image.ts';
import { ADDRESS_SPACE, SegmentCollector } from './segments.ts';

/**
 * ELF32 (System V ABI, chapters 4 and 5; ELF for the Arm Architecture, ARM IHI 0044). What belongs into a chip are the
 * file bytes of its PT_LOAD segments, at physical addresses: initialised data lies in flash, whatever its run address.
 */

export const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const;

const HEADER_SIZE = 52;
const PROGRAM_HEADER_SIZE = 32;
const SECTION_HEADER_SIZE = 40;
const PT_LOAD = 1;
const SHF_ALLOC = 2;
const SHT_NOBITS = 8;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_ARM = 40;
/** Of a section's name, as far as it is read. */
const LONGEST_NAME = 256;

interface LoadSegment {
  /** Of its program header, for messages. */
  readonly at: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Throws `image-syntax` with the offset, `image-overlap`, or `image-empty`. */
export function readElf(file: string, bytes: Uint8Array): Image {
  const elf = new ElfFile(file, bytes);
  const loads = elf.loadSegments();
  const collector = new SegmentCollector(file, 'offset', bytes.length);
  for (const { at, offset, address, size } of loads) {
    collector.add(address, bytes, offset, offset + size, at);
  }
  const segments = collector.segments();
  if (segments.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  return { format: 'elf', segments, entry: elf.entry };
}

/** Where a part of the program lies in the file, and where in the chip. */
export interface ElfPlace {
  readonly name: string;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** What is loaded, segment by segment: for those who change a program in its file. Throws `image-syntax`. */
export function elfLoads(file: string, bytes: Uint8Array): ElfPlace[] {
  return new ElfFile(file, bytes)
    .loadSegments()
    .map(({ offset, address, size }) => ({ name: '', offset, address, size }));
}

/** The loaded sections with bytes in the file, at physical addresses; none where the file has no section table. */
export function elfSections(file: string, bytes: Uint8Array): ElfPlace[] {
  return new ElfFile(file, bytes).sections();
}

class ElfFile {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #programHeaders: number;
  readonly #programHeaderSize: number;
  readonly #programHeaderCount: number;
  readonly entry: number;

  constructor(file: string, bytes: Uint8Array) {
    this.#file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#expect(bytes.length >= HEADER_SIZE, bytes.length, `an ELF header of ${HEADER_SIZE} bytes`);
    this.#expect(
      ELF_MAGIC.every((byte, index) => bytes[index] === byte),
      0,
      'the ELF magic 7F 45 4C 46',
    );
    this.#expect(bytes[4] === 1, 4, 'a 32-bit ELF file (class 1)');
    this.#expect(bytes[5] === 1, 5, 'a little-endian ELF file (data encoding 1)');
    const type = this.#u16(16);
    this.#expect(
      type === ET_EXEC || type === ET_DYN,
      16,
      'a linked program (ELF type 2); object files cannot be flashed',
    );
    this.#expect(this.#u16(18) === EM_ARM, 18, 'a program for Arm (ELF machine 40)');
    this.entry = this.#u32(24);
    this.#programHeaders = this.#u32(28);
    this.#programHeaderSize = this.#u16(42);
    this.#programHeaderCount = this.#u16(44);
    this.#expect(this.#programHeaderCount > 0, 44, 'program headers; the file has none');
    this.#expect(this.#programHeaderSize >= PROGRAM_HEADER_SIZE, 42, 'program headers of 32 bytes or more');
    this.#expect(this.#headersEnd <= bytes.length, 28, 'program headers inside the file; it may be cut short');
  }

  loadSegments(): LoadSegment[] {
    const loads: LoadSegment[] = [];
    let total = 0;
    for (let index = 0; index < this.#programHeaderCount; index++) {
      const at = this.#programHeaders + index * this.#programHeaderSize;
      const size = this.#u32(at + 16);
      if (this.#u32(at) !== PT_LOAD || size === 0) continue;
      const offset = this.#u32(at + 4);
      const address = this.#u32(at + 12);
      this.#expect(offset + size <= this.#bytes.length, at, 'a segment inside the file; it may be cut short');
      this.#expect(address + size <= ADDRESS_SPACE, at, 'a segment that ends below 4 GiB');
      this.#expect(size <= this.#u32(at + 20), at, 'a segment whose memory size holds its file size');
      total += size;
      // Segments share no bytes in honest files; without this, a few headers could ask for gigabytes.
      this.#expect(total <= this.#bytes.length, at, 'segments that do not share bytes of the file');
      loads.push(this.#withoutHeaders({ at, offset, address, size }));
    }
    return loads;
  }

  get #headersEnd(): number {
    return this.#programHeaders + this.#programHeaderCount * this.#programHeaderSize;
  }

  /**
   * GNU ld may start the first segment with the file's own headers when its address leaves room for them. No section
   * claims those bytes and no firmware wants them below its vectors: such a segment begins at its first section.
   */
  #withoutHeaders(load: LoadSegment): LoadSegment {
    if (load.offset >= this.#headersEnd) return load;
    const starts = this.#sectionOffsets().filter((start) => start >= load.offset && start < load.offset + load.size);
    if (starts.length === 0) return load;
    const skipped = Math.min(...starts) - load.offset;
    return { at: load.at, offset: load.offset + skipped, address: load.address + skipped, size: load.size - skipped };
  }

  sections(): ElfPlace[] {
    const loads = this.loadSegments();
    const names = this.#sectionHeaders()[this.#u16(50)];
    return this.#loadedSections().flatMap((at) => {
      const [offset, size] = [this.#u32(at + 16), this.#u32(at + 20)];
      const load = loads.find((each) => offset >= each.offset && offset + size <= each.offset + each.size);
      const name = names === undefined ? '' : this.#text(this.#u32(names + 16) + this.#u32(at));
      return load ? [{ name, offset, address: load.address + offset - load.offset, size }] : [];
    });
  }

  /** File offsets of the sections that are loaded; empty when the file has no (readable) section table. */
  #sectionOffsets(): number[] {
    return this.#loadedSections().map((at) => this.#u32(at + 16));
  }

  #sectionHeaders(): number[] {
    const table = this.#u32(32);
    const [entrySize, count] = [this.#u16(46), this.#u16(48)];
    if (table === 0 || entrySize < SECTION_HEADER_SIZE || table + entrySize * count > this.#bytes.length) return [];
    return Array.from({ length: count }, (_, index) => table + index * entrySize);
  }

  #loadedSections(): number[] {
    return this.#sectionHeaders().filter(
      (at) => (this.#u32(at + 8) & SHF_ALLOC) !== 0 && this.#u32(at + 4) !== SHT_NOBITS && this.#u32(at + 20) > 0,
    );
  }

  /** Ended by a zero, or by the file's end. */
  #text(offset: number): string {
    const field = this.#bytes.subarray(offset, offset + LONGEST_NAME);
    const length = field.indexOf(0);
    return new TextDecoder().decode(length < 0 ? field : field.subarray(0, length));
  }

  #u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  #u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  #expect(holds: boolean, offset: number, expected: string): void {
    if (holds) return;
    throw new FlashlineError('image-syntax', { where: { file: this.#file, offset }, params: { expected } });
  }
}
