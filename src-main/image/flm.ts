import { FlashlineError } from '#shared/model/failure.ts';

/**
 * CMSIS flash algorithms (FLM): an Arm ELF file with the sections PrgCode, PrgData and DevDscr (Open-CMSIS-Pack
 * specification, "Flash Programming"). All addresses in it count from where its code is loaded, but for `start`.
 */
export interface Flm {
  readonly name: string;
  /** What the algorithm writes: base address and size in bytes. */
  readonly start: number;
  readonly size: number;
  /** Most bytes of one ProgramPage. */
  readonly pageSize: number;
  readonly erased: number;
  /** Time-outs, milliseconds. */
  readonly programMs: number;
  readonly eraseMs: number;
  /** From `offset` (from `start`) on sectors have `size` bytes, up to the next entry. Sorted. */
  readonly sectors: readonly FlmSectors[];
  /** PrgCode and PrgData as they stand in RAM, uninitialised data as zeros. */
  readonly code: Uint8Array;
  /** Where PrgData begins in `code`: R9, less the load address. */
  readonly staticBase: number;
  /** Entry points in `code`, without the Thumb bit. */
  readonly functions: Readonly<Record<RequiredFunction, number>> & { readonly EraseChip?: number };
}

export interface FlmSectors {
  readonly size: number;
  readonly offset: number;
}

const REQUIRED = ['Init', 'UnInit', 'EraseSector', 'ProgramPage'] as const;
type RequiredFunction = (typeof REQUIRED)[number];

/** struct FlashDevice: version(2) name(128) type(2) start size page reserved erased(1 + 3) programMs eraseMs sectors... */
const NAME_AT = 2;
const NAME_SIZE = 128;
const START_AT = 132;
const SECTORS_AT = 160;
const SECTORS_END = 0xffff_ffff;
const MAX_SECTORS = 512;

const SECTION_HEADER_SIZE = 40;
const SYMBOL_SIZE = 16;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
/** Far more than any algorithm's; the RAM that it must fit in is smaller still. */
const MAX_CODE = 1 << 20;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** Throws `pack-invalid`: `detail` says what the file lacks. */
export function readFlm(file: string, bytes: Uint8Array): Flm {
  try {
    return new FlmReader(file, bytes).read();
  } catch (error) {
    // DataView's own refusal: some offset points outside the file.
    if (error instanceof RangeError) throw invalid(file, 'it is cut short, or damaged', error);
    throw error;
  }
}

class FlmReader {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #sections: readonly Section[] = [];

  constructor(file: string, bytes: Uint8Array) {
    this.#file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): Flm {
    const magic = this.#u32(0) === 0x464c_457f && this.#bytes[4] === 1 && this.#bytes[5] === 1;
    this.#expect(magic && this.#u16(18) === 40, 'it is no 32-bit Arm ELF file');
    this.#sections = this.#readSections();
    const symbols = this.#readSymbols();
    const device = symbols.get('FlashDevice');
    this.#expect(device !== undefined, 'it has no FlashDevice description');
    const code = this.#code();
    const data = this.#sections.find(({ name }) => name === 'PrgData');
    return {
      ...this.#device(device ?? 0),
      code,
      staticBase: data?.address ?? 0,
      functions: this.#functions(symbols, code.length),
    };
  }

  #readSections(): Section[] {
    const table = this.#u32(32);
    const [entrySize, count, namesIndex] = [this.#u16(46), this.#u16(48), this.#u16(50)];
    this.#expect(entrySize >= SECTION_HEADER_SIZE && namesIndex < count, 'it has no section table');
    const raw = Array.from({ length: count }, (_, index) => table + index * entrySize);
    const names = this.#u32((raw[namesIndex] ?? 0) + 16);
    return raw.map((at) => ({
      name: this.#text(names + this.#u32(at)),
      type: this.#u32(at + 4),
      address: this.#u32(at + 12),
      offset: this.#u32(at + 16),
      size: this.#u32(at + 20),
      link: this.#u32(at + 24),
    }));
  }

  #readSymbols(): Map<string, number> {
    const table = this.#sections.find(({ type }) => type === SHT_SYMTAB);
    const names = this.#sections[table?.link ?? -1];
    this.#expect(table !== undefined && names !== undefined, 'it has no symbols');
    const symbols = new Map<string, number>();
    if (!table || !names) return symbols;
    this.#expect(table.offset + table.size <= this.#bytes.length, 'its symbols are cut short');
    for (let at = table.offset; at + SYMBOL_SIZE <= table.offset + table.size; at += SYMBOL_SIZE) {
      symbols.set(this.#text(names.offset + this.#u32(at)), this.#u32(at + 4));
    }
    return symbols;
  }

  #code(): Uint8Array {
    const parts = this.#sections.filter(({ name, size }) => (name === 'PrgCode' || name === 'PrgData') && size > 0);
    this.#expect(
      parts.some(({ name }) => name === 'PrgCode'),
      'it has no section PrgCode',
    );
    const end = Math.max(...parts.map(({ address, size }) => address + size));
    this.#expect(end <= MAX_CODE, `its code ends at ${end}, which is no place in RAM`);
    // Whole words: that is what the debug port writes.
    const code = new Uint8Array(Math.ceil(end / 4) * 4);
    for (const { type, address, offset, size } of parts) {
      if (type === SHT_NOBITS) continue;
      this.#expect(offset + size <= this.#bytes.length, 'its code is cut short');
      code.set(this.#bytes.subarray(offset, offset + size), address);
    }
    return code;
  }

  #functions(symbols: ReadonlyMap<string, number>, end: number): Flm['functions'] {
    const entry = (name: string): number | undefined => {
      const value = symbols.get(name);
      if (value === undefined) return undefined;
      const address = value - (value % 2);
      this.#expect(address < end, `its ${name} is outside its code`);
      return address;
    };
    const found = REQUIRED.map((name) => [name, entry(name)] as const);
    const missing = found.filter(([, address]) => address === undefined).map(([name]) => name);
    this.#expect(missing.length === 0, `it has no ${missing.join(', no ')}`);
    const required = Object.fromEntries(found) as Record<RequiredFunction, number>;
    const EraseChip = entry('EraseChip');
    return EraseChip === undefined ? required : { ...required, EraseChip };
  }

  #device(address: number): Omit<Flm, 'code' | 'staticBase' | 'functions'> {
    const section = this.#sections.find(
      ({ type, address: start, size }) => type !== SHT_NOBITS && address >= start && address < start + size,
    );
    this.#expect(section !== undefined, 'its FlashDevice description is in no section');
    const at = (section?.offset ?? 0) + address - (section?.address ?? 0);
    const device = {
      name: this.#text(at + NAME_AT, NAME_SIZE),
      start: this.#u32(at + START_AT),
      size: this.#u32(at + START_AT + 4),
      pageSize: this.#u32(at + START_AT + 8),
      erased: this.#view.getUint8(at + START_AT + 16),
      programMs: this.#u32(at + START_AT + 20),
      eraseMs: this.#u32(at + START_AT + 24),
      sectors: this.#sectorTable(at + SECTORS_AT),
    };
    this.#expect(device.size > 0 && device.start + device.size <= 2 ** 32, `its device size is ${device.size} bytes`);
    this.#expect(device.pageSize > 0 && device.pageSize <= MAX_CODE, `its page size is ${device.pageSize} bytes`);
    this.#expect(
      device.sectors.every(({ size, offset }, index) => size > 0 && (index > 0 || offset === 0)),
      'its sector table does not begin at the start of the device',
    );
    return device;
  }

  #sectorTable(from: number): FlmSectors[] {
    const sectors: FlmSectors[] = [];
    for (let at = from; ; at += 8) {
      const [size, offset] = [this.#u32(at), this.#u32(at + 4)];
      if (size === SECTORS_END) break;
      this.#expect(sectors.length < MAX_SECTORS, 'its sector table has no end');
      this.#expect(offset > (sectors.at(-1)?.offset ?? -1), 'its sectors are not in ascending order');
      sectors.push({ size, offset });
    }
    this.#expect(sectors.length > 0, 'it describes no sectors');
    return sectors;
  }

  /** NUL-terminated. */
  #text(at: number, limit = 256): string {
    let end = at;
    while (end < at + limit && this.#view.getUint8(end) !== 0) end++;
    return String.fromCharCode(...this.#bytes.subarray(at, end));
  }

  #u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  #u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  #expect(holds: boolean, detail: string): void {
    if (!holds) throw invalid(this.#file, detail);
  }
}

function invalid(file: string, detail: string, cause?: unknown): FlashlineError {
  return new FlashlineError('pack-invalid', { where: { file }, params: { file, detail }, cause });
}
