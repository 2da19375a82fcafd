import { md5 } from '@noble/hashes/legacy.js';
import { equalBytes, hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Image, Segment } from './image.ts';
import { ADDRESS_SPACE, SegmentCollector } from './segments.ts';
import { decodeUf2Block, encodeUf2Block, has, UF2_BLOCK, UF2_MOST, type Uf2Block, Uf2Flag } from './uf2-block.ts';
import { uf2FamilyName } from './uf2-families.ts';

/** The blocks of one family in a file; those without a family id belong together too. */
export interface Uf2Group {
  readonly family: number | undefined;
  readonly blocks: readonly NumberedBlock[];
}

/** A block, and its place in the file counted from 0. */
export interface NumberedBlock extends Uf2Block {
  readonly index: number;
}

/**
 * Reads all blocks of a file, by family in the order in which they come first: files of several families may be joined to
 * one, and each boot loader takes its own. Throws `image-syntax` with the block's number and the byte's offset.
 */
export function readUf2Groups(file: string, bytes: Uint8Array): Uf2Group[] {
  if (bytes.length % UF2_BLOCK !== 0) {
    const whole = bytes.length - (bytes.length % UF2_BLOCK);
    throw syntaxError(file, whole, `blocks of ${UF2_BLOCK} bytes to its end; the file may be cut short`);
  }
  const groups = new Map<number | undefined, NumberedBlock[]>();
  for (let index = 0; index < bytes.length / UF2_BLOCK; index++) {
    const block = decodeUf2Block(bytes, index * UF2_BLOCK);
    if ('expected' in block)
      throw syntaxError(file, index * UF2_BLOCK + block.offset, `${block.expected} in block ${index}`);
    const group = groups.get(block.family);
    if (group) group.push({ ...block, index });
    else groups.set(block.family, [{ ...block, index }]);
  }
  return [...groups].map(([family, blocks]) => ({ family, blocks }));
}

/**
 * The firmware of one family. `families` are the chip's: without them the file may hold one family only.
 * Throws `image-syntax`, `image-overlap`, `image-empty`, or `image-family`.
 */
export function readUf2(file: string, bytes: Uint8Array, families: readonly number[] = []): Image {
  return { format: 'uf2', segments: segmentsOf(file, chosen(file, readUf2Groups(file, bytes), families)) };
}

/** Throws `image-syntax` unless every block is there once and agrees with the others, `image-overlap`, `image-empty`. */
export function segmentsOf(file: string, { blocks }: Uf2Group): Segment[] {
  requireWhole(file, blocks);
  const collector = new SegmentCollector(file, 'offset', blocks.length * UF2_MOST);
  for (const { flags, address, payload, index } of blocks) {
    if (has(flags, Uf2Flag.fileContainer) || has(flags, Uf2Flag.notMainFlash)) continue;
    if (address + payload.length > ADDRESS_SPACE)
      throw syntaxError(file, index * UF2_BLOCK + 12, `data that ends below 4 GiB in block ${index}`);
    collector.add(address, payload, 0, payload.length, index * UF2_BLOCK);
  }
  const segments = collector.segments();
  if (segments.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  for (const block of blocks) checkMd5(file, block, segments);
  return segments;
}

export interface WriteUf2Options {
  readonly family?: number;
  /** Bytes of data to a block; 256 is right for every boot loader. */
  readonly payload?: number;
  /** Each block tells the MD5 of its page of the flash, so that a boot loader may pass over what is there already. */
  readonly md5?: boolean;
}

/** What a block's MD5 is of: whole sectors of an ESP's flash, as the specification asks for (README, "MD5 checksum"). */
const MD5_REGION = 0x1000;

/** Blocks start at multiples of `payload`, as boot loaders that write pages ask for. */
export function writeUf2(
  segments: readonly Segment[],
  { family, payload = 256, md5: tellsMd5 = false }: WriteUf2Options = {},
): Uint8Array {
  const digests = tellsMd5 ? md5Regions(segments) : new Map<number, Uf2Block['md5']>();
  const parts = segments.flatMap(({ address, data }) => {
    const cuts: Segment[] = [];
    for (let at = 0; at < data.length;) {
      const size = Math.min(payload - ((address + at) % payload), data.length - at);
      cuts.push({ address: address + at, data: data.subarray(at, at + size) });
      at += size;
    }
    return cuts;
  });
  const bytes = new Uint8Array(parts.length * UF2_BLOCK);
  for (const [number, { address, data }] of parts.entries()) {
    const region = digests.get(address - (address % MD5_REGION));
    const block = encodeUf2Block({ address, payload: data, number, blocks: parts.length, family, md5: region });
    bytes.set(block, number * UF2_BLOCK);
  }
  return bytes;
}

/** By their starts; a region of which the image says only a part has none, as nobody knows the rest. */
function md5Regions(segments: readonly Segment[]): Map<number, Uf2Block['md5']> {
  const regions = new Map<number, Uf2Block['md5']>();
  for (const { address, data } of segments) {
    const first = Math.ceil(address / MD5_REGION) * MD5_REGION;
    for (let start = first; start + MD5_REGION <= address + data.length; start += MD5_REGION) {
      const digest = md5(data.subarray(start - address, start - address + MD5_REGION));
      regions.set(start, { start, length: MD5_REGION, digest });
    }
  }
  return regions;
}

function chosen(file: string, groups: readonly Uf2Group[], families: readonly number[]): Uf2Group {
  const mine = groups.filter(({ family }) => family !== undefined && families.includes(family));
  const [only] = mine.length > 0 ? mine : groups;
  const candidates = mine.length > 0 ? mine : groups;
  const known = only?.family === undefined || families.length === 0 || mine.length > 0;
  if (only && candidates.length === 1 && known) return only;
  const found = groups.map(({ family }) => (family === undefined ? 'none' : uf2FamilyName(family))).join(', ');
  const wanted = families.length === 0 ? 'one family' : families.map(uf2FamilyName).join(', ');
  throw new FlashlineError('image-family', { where: { file }, params: { file, found, wanted } });
}

function requireWhole(file: string, blocks: readonly NumberedBlock[]): void {
  const [first] = blocks;
  const seen = new Set<number>();
  for (const { number, blocks: total, index } of blocks) {
    const at = index * UF2_BLOCK;
    if (total !== first?.blocks)
      throw syntaxError(file, at + 24, `${first?.blocks ?? 0} blocks as in the first (block ${index} says ${total})`);
    if (seen.has(number))
      throw syntaxError(file, at + 20, `each number once (block ${index} is number ${number} again)`);
    seen.add(number);
  }
  if (first && seen.size !== first.blocks) {
    let missing = 0;
    while (seen.has(missing)) missing++;
    const where = (blocks.at(-1)?.index ?? 0) * UF2_BLOCK + 24;
    throw syntaxError(file, where, `${first.blocks} blocks (number ${missing} is missing); the file may be cut short`);
  }
}

/** Only where the file holds the whole region; a boot loader compares it with its flash, to skip what is there already. */
function checkMd5(file: string, { md5: field, index }: NumberedBlock, segments: readonly Segment[]): void {
  if (!field || field.length === 0) return;
  const { start, length, digest } = field;
  const holds = segments.find(({ address, data }) => start >= address && start + length <= address + data.length);
  if (!holds) return;
  const found = md5(holds.data.subarray(start - holds.address, start - holds.address + length));
  if (equalBytes(found, digest)) return;
  const expected = `data with the MD5 that block ${index} tells of ${length} bytes at ${hexAddress(start)}`;
  throw syntaxError(file, index * UF2_BLOCK + 492, expected);
}

function syntaxError(file: string, offset: number, expected: string): FlashlineError {
  return new FlashlineError('image-syntax', { where: { file, offset }, params: { expected } });
}
