import { hexAddress, readU32, writeU32 } from '../base/bytes.ts';

/**
 * The checksum block of partial flashing (draft specification of microsoft/uf2 and PXT, "Partial flashing"), little endian:
 * `magic(4) position of the end marker(4) end marker(4) regions(8 each) 0(4)`; a region is `first page(2) pages(2) checksum(4)`.
 * It stands at an address that the chip's description names: the magic occurs in code too, so nobody looks for it.
 */
export interface ChecksumBlock {
  /** Magic 87EEB07C: the program asks its boot loader to make frequent flashing easy. */
  readonly frequent: boolean;
  readonly markerAt: number;
  /** The word that stands at `markerAt` once all of the program does; its low byte is log2 of the page size. */
  readonly marker: number;
  readonly page: number;
  readonly regions: readonly ChecksumRegion[];
}

export interface ChecksumRegion {
  readonly address: number;
  readonly size: number;
  /** Of the program's own making; 0 is none, and such a region never counts as unchanged. */
  readonly checksum: number;
}

/** Why there is no block that counts. `detail` says it in English, with the values found. */
export interface BlockFault {
  readonly fault:
    | 'cut-short'
    | 'no-magic'
    | 'placeholder'
    | 'page-size'
    | 'marker-misaligned'
    | 'marker-outside'
    | 'marker-missing'
    | 'region-empty'
    | 'region-outside'
    | 'region-overlap'
    | 'no-terminator';
  readonly detail: string;
}

/** What the page numbers of a block count over. */
export interface BlockMemory {
  readonly start: number;
  readonly size: number;
  readonly page: number;
}

export const BLOCK_MAGIC = 0x07eeb07c;
export const FREQUENT_MAGIC = 0x87eeb07c;
const HEAD = 12;
const REGION = 8;
const TERMINATOR = 4;
export const MOST_REGIONS = 32;
/** More than this is not looked at. */
export const MOST_BLOCK_BYTES = blockSize(MOST_REGIONS);

export function blockSize(regions: number): number {
  return HEAD + regions * REGION + TERMINATOR;
}

/**
 * Reads a block from `bytes`, which begin at its position and may go on behind it. Whether the end marker stands where the
 * block says is another question (`markerStands`): these are the block's own words only.
 */
export function parseChecksumBlock(bytes: Uint8Array, memory: BlockMemory): ChecksumBlock | BlockFault {
  if (bytes.length < HEAD + TERMINATOR)
    return fault('cut-short', `${bytes.length} bytes are there, a block has ${HEAD + TERMINATOR} at least`);
  const [magic = 0, markerAt = 0, marker = 0] = [0, 4, 8].map((at) => readU32(bytes, at));
  if (magic !== BLOCK_MAGIC && magic !== FREQUENT_MAGIC)
    return fault('no-magic', `the word there is ${hexAddress(magic)}`);
  // Compilers leave one value in both words, for a tool to fill in (PXT: 00FF00FF); erased or zero words say no more.
  if (markerAt === marker || isBlank(markerAt) || isBlank(marker))
    return fault('placeholder', `nobody filled it in: position ${hexAddress(markerAt)}, marker ${hexAddress(marker)}`);
  const log2 = marker & 0xff;
  if (2 ** log2 !== memory.page)
    return fault('page-size', `its pages have 2^${log2} bytes, those of this flash ${memory.page}`);
  if (markerAt % 4 !== 0) return fault('marker-misaligned', `position ${hexAddress(markerAt)} is no multiple of 4`);
  if (!inside(memory, markerAt, 4))
    return fault('marker-outside', `position ${hexAddress(markerAt)} is not in the flash`);
  const regions = readRegions(bytes, memory);
  if ('fault' in regions) return regions;
  return { frequent: magic === FREQUENT_MAGIC, markerAt, marker, page: memory.page, regions };
}

function readRegions(bytes: Uint8Array, memory: BlockMemory): ChecksumRegion[] | BlockFault {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const regions: ChecksumRegion[] = [];
  for (let at = HEAD; at + TERMINATOR <= bytes.length && regions.length <= MOST_REGIONS; at += REGION) {
    if (view.getUint32(at, true) === 0) return regions;
    if (at + REGION > bytes.length || regions.length === MOST_REGIONS) break;
    const [first, pages] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    const region = { address: first * memory.page, size: pages * memory.page, checksum: view.getUint32(at + 4, true) };
    const name = `region ${regions.length} (page ${first}, ${pages} pages)`;
    if (pages === 0) return fault('region-empty', `${name} has no pages`);
    if (!inside(memory, region.address, region.size)) return fault('region-outside', `${name} is not in the flash`);
    const other = regions.findIndex(
      ({ address, size }) => address < region.address + region.size && region.address < address + size,
    );
    if (other >= 0) return fault('region-overlap', `${name} and region ${other} have pages in common`);
    regions.push(region);
  }
  return fault('no-terminator', `no word of zeros ends its ${regions.length} regions`);
}

/** `found`: the word at the block's `markerAt`. Undefined where it stands. */
export function markerFault(
  { marker, markerAt }: ChecksumBlock,
  found: Uint8Array | undefined,
): BlockFault | undefined {
  if (found && found.length >= 4 && readU32(found, 0) === marker) return undefined;
  const there = found && found.length >= 4 ? `${hexAddress(readU32(found, 0))} stands` : 'nothing stands';
  return fault('marker-missing', `${there} at ${hexAddress(markerAt)}, not the end marker ${hexAddress(marker)}`);
}

/** Whether the other block vouches for the same content of just this region. */
export function regionAgrees(region: ChecksumRegion, other: ChecksumBlock): boolean {
  return (
    region.checksum !== 0 &&
    other.regions.some(
      ({ address, size, checksum }) =>
        address === region.address && size === region.size && checksum === region.checksum,
    )
  );
}

/** Throws RangeError for what no block can say. */
export function encodeChecksumBlock({ frequent, markerAt, marker, page, regions }: ChecksumBlock): Uint8Array {
  const bytes = new Uint8Array(blockSize(regions.length));
  writeU32(bytes, 0, frequent ? FREQUENT_MAGIC : BLOCK_MAGIC);
  writeU32(bytes, 4, markerAt);
  writeU32(bytes, 8, marker);
  const view = new DataView(bytes.buffer);
  for (const [index, { address, size, checksum }] of regions.entries()) {
    const [first, pages] = [address / page, size / page];
    for (const value of [first, pages]) {
      if (!Number.isInteger(value) || value > 0xffff) throw new RangeError(`a region of ${size} bytes at ${address}`);
    }
    view.setUint16(HEAD + index * REGION, first, true);
    view.setUint16(HEAD + index * REGION + 2, pages, true);
    writeU32(bytes, HEAD + index * REGION + 4, checksum);
  }
  return bytes;
}

function inside({ start, size }: BlockMemory, address: number, length: number): boolean {
  return address >= start && address + length <= start + size;
}

function isBlank(word: number): boolean {
  return word === 0 || word === 0xffff_ffff;
}

function fault(name: BlockFault['fault'], detail: string): BlockFault {
  return { fault: name, detail };
}
