import { readU32, writeU32 } from '#shared/base/bytes.ts';

/**
 * One block of a UF2 file (github.com/microsoft/uf2, README "File format"), 512 bytes, little endian:
 * `magic(4) magic(4) flags(4) address(4) payload size(4) block number(4) blocks(4) family or file size(4) data(476) magic(4)`.
 */
export const UF2_BLOCK = 512;
export const UF2_MAGIC = [0x0a324655, 0x9e5d5157] as const;
const MAGIC_END = 0x0ab16f30;
const HEADER = 32;
/** Bytes of data in a block, at most. */
export const UF2_MOST = 476;
const END = HEADER + UF2_MOST;

export const Uf2Flag = {
  notMainFlash: 0x0001,
  fileContainer: 0x1000,
  familyId: 0x2000,
  md5: 0x4000,
  tags: 0x8000,
} as const;

/** At the data's end where the flag says so: `start(4) length(4) MD5(16)` of a region of the flash. */
const MD5_FIELD = 24;
export const UF2_MOST_WITH_MD5 = UF2_MOST - MD5_FIELD;

/** `size(1) type(3) value`, each at a multiple of 4, the last with size 0. */
export interface Uf2Tag {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface Uf2Block {
  readonly flags: number;
  /** In the flash; in a file container the offset in its file. */
  readonly address: number;
  readonly payload: Uint8Array;
  /** Counted from 0, of `blocks`. */
  readonly number: number;
  readonly blocks: number;
  /** Absent where the flag does not announce it. */
  readonly family?: number;
  readonly file?: { readonly name: string; readonly size: number };
  readonly md5?: { readonly start: number; readonly length: number; readonly digest: Uint8Array };
  readonly tags: readonly Uf2Tag[];
}

/** A block that is none: what it should have been, and where in it. */
export interface Uf2Fault {
  readonly offset: number;
  readonly expected: string;
}

export function isUf2(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && UF2_MAGIC.every((magic, index) => readU32(bytes, index * 4) === magic);
}

/** Reads the block of 512 bytes at `at`. */
export function decodeUf2Block(bytes: Uint8Array, at = 0): Uf2Block | Uf2Fault {
  const block = bytes.subarray(at, at + UF2_BLOCK);
  if (block.length < UF2_BLOCK) return { offset: block.length, expected: `${UF2_BLOCK} bytes to a block` };
  if (!isUf2(block)) return { offset: 0, expected: 'the magic numbers 0A324655 and 9E5D5157' };
  if (readU32(block, END) !== MAGIC_END) return { offset: END, expected: 'the final magic number 0AB16F30' };
  const flags = readU32(block, 8);
  const size = readU32(block, 16);
  const number = readU32(block, 20);
  const blocks = readU32(block, 24);
  const last = readU32(block, 28);
  const most = has(flags, Uf2Flag.md5) ? UF2_MOST_WITH_MD5 : UF2_MOST;
  if (size > most) return { offset: 16, expected: `a payload of at most ${most} bytes (it says ${size})` };
  if (number >= blocks) return { offset: 20, expected: `a block number below ${blocks} (it is ${number})` };
  const tags = has(flags, Uf2Flag.tags) ? readTags(block, size, HEADER + most) : [];
  if ('expected' in tags) return tags;
  return {
    flags,
    address: readU32(block, 12),
    payload: block.slice(HEADER, HEADER + size),
    number,
    blocks,
    ...(has(flags, Uf2Flag.familyId) ? { family: last } : {}),
    ...(has(flags, Uf2Flag.fileContainer) ? { file: { name: nameIn(block, size), size: last } } : {}),
    ...(has(flags, Uf2Flag.md5) ? { md5: md5In(block) } : {}),
    tags,
  };
}

/** Throws RangeError for what no block holds. */
export function encodeUf2Block(block: {
  readonly address: number;
  readonly payload: Uint8Array;
  readonly number: number;
  readonly blocks: number;
  readonly flags?: number;
  readonly family?: number | undefined;
  readonly md5?: Uf2Block['md5'] | undefined;
}): Uint8Array {
  const { address, payload, number, blocks, flags = 0, family, md5 } = block;
  const most = md5 ? UF2_MOST_WITH_MD5 : UF2_MOST;
  if (payload.length > most || number >= blocks) throw new RangeError('no such UF2 block');
  const bytes = new Uint8Array(UF2_BLOCK);
  const all = flags | (family === undefined ? 0 : Uf2Flag.familyId) | (md5 ? Uf2Flag.md5 : 0);
  const words = [...UF2_MAGIC, all, address, payload.length, number, blocks, family ?? 0];
  words.forEach((word, index) => writeU32(bytes, index * 4, word));
  bytes.set(payload, HEADER);
  if (md5) {
    const at = END - MD5_FIELD;
    writeU32(bytes, at, md5.start);
    writeU32(bytes, at + 4, md5.length);
    bytes.set(md5.digest, at + 8);
  }
  writeU32(bytes, END, MAGIC_END);
  return bytes;
}

export function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

function readTags(block: Uint8Array, payload: number, end: number): Uf2Tag[] | Uf2Fault {
  const tags: Uf2Tag[] = [];
  let at = HEADER + align(payload);
  while (at + 4 <= end) {
    const size = block[at] ?? 0;
    if (size === 0) return tags;
    if (size < 4 || at + size > end)
      return { offset: at, expected: `an extension tag inside the block (size ${size})` };
    tags.push({ type: readU32(block, at) >>> 8, value: block.slice(at + 4, at + size) });
    at += align(size);
  }
  return tags;
}

function align(offset: number): number {
  return (offset + 3) & ~3;
}

/** Behind the payload, ended by a zero or by the data's end. */
function nameIn(block: Uint8Array, payload: number): string {
  const field = block.subarray(HEADER + payload, END);
  const length = field.indexOf(0);
  return new TextDecoder().decode(field.subarray(0, length < 0 ? field.length : length));
}

function md5In(block: Uint8Array): NonNullable<Uf2Block['md5']> {
  const at = END - MD5_FIELD;
  return { start: readU32(block, at), length: readU32(block, at + 4), digest: block.slice(at + 8, END) };
}
