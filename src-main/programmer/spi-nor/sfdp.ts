import { FlashlineError } from '#shared/model/failure.ts';

/** One size that the chip erases at once. */
export interface EraseType {
  readonly size: number;
  readonly opcode: number;
  /** The instruction that always takes a 4-byte address, where the chip has one. */
  readonly fourByteOpcode?: number;
  /** Typical; not told before JESD216A. */
  readonly ms?: number;
}

/** How a chip is made to take 4-byte addresses by its ordinary instructions, or the highest byte apart from them. */
export type EnterFourByte = 'b7' | 'wren-b7' | 'bank-17' | 'segment-c5' | 'always' | 'none';

/** Where the quad enable bit is and how it is written (JESD216, DWORD 15, bits 22:20). */
export type QuadEnable = 'none' | 'sr2-bit1' | 'sr1-bit6' | 'sr2-bit7' | 'sr2-bit1-by-31' | 'unknown';

/**
 * What a flag status register (70h) is for (DWORD 14, bits 3:2): it tells what failed, or it alone tells that the chip is
 * ready too.
 */
export type FlagStatus = 'none' | 'errors' | 'only';

/** What a chip says of itself: JESD216's basic flash parameter table, and its table of 4-byte instructions. */
export interface SfdpParameters {
  readonly size: number;
  /** What one page program writes at most. */
  readonly page: number;
  /** Sorted, the smallest first. */
  readonly erases: readonly EraseType[];
  readonly addressBytes: 3 | 4 | 'both';
  readonly enterFourByte: EnterFourByte;
  readonly fourByteOpcodes: { readonly fastRead?: number; readonly program?: number };
  readonly programUs?: number;
  readonly chipEraseMs?: number;
  readonly quadEnable: QuadEnable;
  readonly flagStatus: FlagStatus;
  /** Of the reset enable and reset instructions 66h, 99h. */
  readonly softReset: boolean;
}

/** `SFDP`, little endian. */
const SIGNATURE = 0x50444653;
export const SFDP_HEADER = 8;
const PARAMETER_HEADER = 8;
const BASIC = 0xff00;
const FOUR_BYTE = 0xff84;
/** JESD216's first table; later ones are longer. */
const LEAST_BASIC = 9;
/** A table is 255 double words at most, and there are 256 headers; real chips have a handful. */
const MOST_HEADERS = 16;
/** More than any chip has: 2^37 bits, 16 GiB. */
const MOST_DENSITY_EXPONENT = 37;

/** Reads from the SFDP address space. */
export type ReadSfdp = (address: number, length: number) => Promise<Uint8Array>;

/**
 * Reads and decodes the parameters (JESD216 to JESD216F); undefined where the chip has none. Throws `identity-unreadable`
 * for tables that contradict themselves.
 */
export async function readSfdp(read: ReadSfdp): Promise<SfdpParameters | undefined> {
  const header = words(await read(0, SFDP_HEADER));
  if (header[0] !== SIGNATURE) return undefined;
  // 6.2.2: the number of parameter headers counts from zero.
  const count = Math.min(MOST_HEADERS, (((header[1] ?? 0) >>> 16) & 0xff) + 1);
  const headers = words(await read(SFDP_HEADER, count * PARAMETER_HEADER));
  let basic: readonly number[] | undefined;
  let fourByte: readonly number[] | undefined;
  for (let index = 0; index < count; index++) {
    const [first = 0, second = 0] = headers.slice(index * 2, index * 2 + 2);
    const id = ((second >>> 24) << 8) | (first & 0xff);
    const length = first >>> 24;
    if (length === 0 || (id !== BASIC && id !== FOUR_BYTE)) continue;
    const table = words(await read(second & 0xffffff, length * 4));
    // A later header of the same id is of a later revision (6.3).
    if (id === BASIC && table.length >= (basic?.length ?? 0)) basic = table;
    if (id === FOUR_BYTE) fourByte = table;
  }
  return basic && decodeBasic(basic, fourByte);
}

function decodeBasic(table: readonly number[], fourByte: readonly number[] | undefined): SfdpParameters {
  if (table.length < LEAST_BASIC) throw contradiction('SFDP table length');
  const dword = (number: number) => table[number - 1] ?? 0;
  const has = (number: number) => table.length >= number;
  const size = sizeOf(dword(2));
  const erases = eraseTypes(table, fourByte);
  if (erases.some((erase) => erase.size > size)) throw contradiction('SFDP erase types');
  return {
    size,
    // DWORD 11, bits 7:4. Before JESD216A: 256 bytes where the write granularity is 64 or more, else one (DWORD 1, bit 2).
    page: has(11) ? 2 ** bits(dword(11), 7, 4) : bits(dword(1), 2, 2) === 1 ? 256 : 1,
    erases,
    addressBytes: ([3, 'both', 4, 3] as const)[bits(dword(1), 18, 17)] ?? 3,
    enterFourByte: has(16) ? enterFourByte(dword(16)) : 'none',
    fourByteOpcodes: fourByteOpcodes(fourByte),
    ...(has(11) ? { programUs: programUs(dword(11)), chipEraseMs: chipEraseMs(dword(11)) } : {}),
    quadEnable: has(15) ? quadEnable(dword(15)) : 'unknown',
    flagStatus: has(14) && bits(dword(14), 3, 3) === 1 ? (bits(dword(14), 2, 2) === 1 ? 'errors' : 'only') : 'none',
    softReset: has(16) && bits(dword(16), 12, 12) === 1,
  };
}

/** DWORD 2: bits minus one, or, with bit 31, the exponent of the bits. */
function sizeOf(density: number): number {
  const exponent = density & 0x7fffffff;
  if (density >>> 31 === 0) {
    const size = (density + 1) / 8;
    if (Number.isInteger(size) && size >= 1) return size;
  } else if (exponent >= 32 && exponent <= MOST_DENSITY_EXPONENT) return 2 ** (exponent - 3);
  throw contradiction('SFDP density');
}

/** DWORDs 8 and 9: exponent and instruction of four types; DWORD 10: their typical times. */
function eraseTypes(table: readonly number[], fourByte: readonly number[] | undefined): EraseType[] {
  const [times] = table.slice(9, 10);
  const found: EraseType[] = [];
  for (let type = 0; type < 4; type++) {
    const half = (table[7 + (type >> 1)] ?? 0) >>> (16 * (type & 1));
    const exponent = half & 0xff;
    if (exponent === 0) continue;
    if (exponent > 31) throw contradiction('SFDP erase types');
    // JESD216, 4-byte instruction table: DWORD 1, bits 12:9 say which types, DWORD 2 has their instructions.
    const four = fourByte && bits(fourByte[0] ?? 0, 9 + type, 9 + type) === 1;
    found.push({
      size: 2 ** exponent,
      opcode: (half >>> 8) & 0xff,
      ...(four ? { fourByteOpcode: ((fourByte[1] ?? 0) >>> (8 * type)) & 0xff } : {}),
      ...(times === undefined ? {} : { ms: eraseTypeMs(times >>> (4 + 7 * type)) }),
    });
  }
  if (found.length === 0) throw contradiction('SFDP erase types');
  return found.toSorted((a, b) => a.size - b.size);
}

/** Count in bits 4:0, unit in bits 6:5. */
function eraseTypeMs(field: number): number {
  return ((field & 0x1f) + 1) * ([1, 16, 128, 1000][(field >>> 5) & 3] ?? 1);
}

function programUs(dword11: number): number {
  return (bits(dword11, 12, 8) + 1) * (bits(dword11, 13, 13) === 0 ? 8 : 64);
}

function chipEraseMs(dword11: number): number {
  return (bits(dword11, 28, 24) + 1) * ([16, 256, 4000, 64_000][bits(dword11, 30, 29)] ?? 16);
}

/** DWORD 16, bits 31:24. Left out: a non-volatile register (bit 28), which would stay changed. */
function enterFourByte(dword16: number): EnterFourByte {
  if (bits(dword16, 24, 24) === 1) return 'b7';
  if (bits(dword16, 25, 25) === 1) return 'wren-b7';
  if (bits(dword16, 27, 27) === 1) return 'bank-17';
  if (bits(dword16, 26, 26) === 1) return 'segment-c5';
  return bits(dword16, 30, 30) === 1 ? 'always' : 'none';
}

function quadEnable(dword15: number): QuadEnable {
  const kinds = ['none', 'sr2-bit1', 'sr1-bit6', 'sr2-bit7', 'sr2-bit1', 'sr2-bit1', 'sr2-bit1-by-31'] as const;
  return kinds[bits(dword15, 22, 20)] ?? 'unknown';
}

/** 4-byte instruction table, DWORD 1: bit 1 fast read 0Ch, bit 6 page program 12h. */
function fourByteOpcodes(table: readonly number[] | undefined): SfdpParameters['fourByteOpcodes'] {
  const supported = table?.[0] ?? 0;
  return {
    ...(bits(supported, 1, 1) === 1 ? { fastRead: 0x0c } : {}),
    ...(bits(supported, 6, 6) === 1 ? { program: 0x12 } : {}),
  };
}

function bits(word: number, high: number, low: number): number {
  return (word >>> low) & (2 ** (high - low + 1) - 1);
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, index) => view.getUint32(index * 4, true));
}

function contradiction(register: string): FlashlineError {
  return new FlashlineError('identity-unreadable', { params: { register } });
}
