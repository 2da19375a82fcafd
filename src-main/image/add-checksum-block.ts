import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equalBytes, hexAddress, isFilledWith, readU32, wordsToBytes, writeU32 } from '#shared/base/bytes.ts';
import {
  BLOCK_MAGIC,
  type BlockMemory,
  blockSize,
  type ChecksumBlock,
  type ChecksumRegion,
  encodeChecksumBlock,
  FREQUENT_MAGIC,
  MOST_REGIONS,
} from '#shared/model/checksum-block.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Segment } from './image.ts';
import { bytesAt, spliced } from './splice.ts';

export interface AddressRange {
  readonly address: number;
  readonly size: number;
}

export interface AddBlockOptions {
  readonly segments: readonly Segment[];
  readonly position: number;
  /** The flash whose pages the regions count; `erased` fills what is added up to the marker. */
  readonly memory: BlockMemory & { readonly erased: number };
  readonly frequent: boolean;
  /** Left out: behind the program's end, where programs that are written from start to end are written last. */
  readonly markerAt?: number | undefined;
  /** Cut down to whole pages of the program; the pages of block and marker stay outside of all regions. */
  readonly regions: readonly AddressRange[];
  /** The longest of them are taken where the block has no room for more. */
  readonly mostRegions?: number | undefined;
  /** Bytes reserved for the block, where that cannot be seen: by default what stands there says it. */
  readonly room?: number | undefined;
  /** Whether the program may become longer than it is: an ELF file may not. */
  readonly mayGrow: boolean;
}

export interface AddedBlock {
  readonly block: ChecksumBlock;
  readonly segments: Segment[];
  /** What was changed: the block, the marker. */
  readonly changes: Segment[];
}

/**
 * A program with a checksum block. The block's place must be reserved: erased bytes, zeros, or a block that stands there
 * already. Throws `usage` with what stands in the way.
 */
export function addChecksumBlock(options: AddBlockOptions): AddedBlock {
  const { memory, position, frequent } = options;
  const markerAt = options.markerAt ?? markerBehind(options);
  if (markerAt % 4 !== 0 || position % 4 !== 0) throw usage('block and marker stand at multiples of 4');
  if (markerAt < memory.start || markerAt + 4 > memory.start + memory.size)
    throw usage(`the marker at ${hexAddress(markerAt)} is not in the flash`);
  const room = roomAt(options);
  const most = Math.min(options.mostRegions ?? MOST_REGIONS, MOST_REGIONS, Math.floor((room - blockSize(0)) / 8));
  if (most < 0)
    throw usage(`at ${hexAddress(position)} only ${room} bytes are reserved: they must be erased, or zeros`);
  const own = [pageOf(memory, markerAt), pageOf(memory, position)];
  const grown = spliced(options.segments, reserved(options, markerAt), memory.erased);
  const ranges = chosenRanges(grown, memory, options.regions, own, most);
  const regions = ranges.map(({ address, size }): ChecksumRegion => {
    return { address, size, checksum: checksumOf(grown, { address, size }) };
  });
  const marker = markerFor(grown, memory.page);
  const block = { frequent, markerAt, marker, page: memory.page, regions };
  const changes = [
    { address: position, data: encodeChecksumBlock(block) },
    { address: markerAt, data: wordsToBytes([marker]) },
  ];
  const segments = changes.reduce<Segment[]>((all, change) => spliced(all, change, memory.erased), grown);
  return { block, segments, changes };
}

/** Where both programs hold the same, as runs of whole pages, the longest first. */
export function equalRanges(a: readonly Segment[], b: readonly Segment[], page: number): AddressRange[] {
  const runs: AddressRange[] = [];
  for (const { address, size } of wholePages(a, page)) {
    for (let at = address; at < address + size; at += page) {
      const [mine, other] = [bytesAt(a, at, page), bytesAt(b, at, page)];
      if (!mine || !other || !equalBytes(mine, other)) continue;
      const last = runs.at(-1);
      if (last && last.address + last.size === at) runs[runs.length - 1] = { ...last, size: last.size + page };
      else runs.push({ address: at, size: page });
    }
  }
  return runs.toSorted((x, y) => y.size - x.size);
}

/** First 4 bytes of the SHA-256; 0 would say that there is none, so the next 4 stand for it. */
export function checksumOf(segments: readonly Segment[], { address, size }: AddressRange): number {
  const digest = sha256(bytesAt(segments, address, size) ?? new Uint8Array());
  return readU32(digest, 0) || readU32(digest, 4) || 1;
}

/** From the hash of all of the program (block and marker blanked), with log2 of the page size as the low byte. */
function markerFor(segments: readonly Segment[], page: number): number {
  const digest = sha256(concat(segments.flatMap(({ address, data }) => [wordsToBytes([address]), data])));
  const marker = new Uint8Array(4);
  writeU32(marker, 0, readU32(digest, 0));
  marker[0] = Math.log2(page);
  return readU32(marker, 0);
}

function markerBehind({ segments, memory, mayGrow }: AddBlockOptions): number {
  const inFlash = segments.filter(({ address }) => address >= memory.start && address < memory.start + memory.size);
  const last = inFlash.at(-1);
  if (!last) throw usage('nothing of the program is in the flash whose pages the block counts');
  const end = last.address + last.data.length;
  if (mayGrow) return Math.ceil(end / 4) * 4;
  const at = Math.floor(end / 4) * 4 - 4;
  const word = bytesAt(segments, at, 4);
  if (word && (isFilledWith(word, 0) || isFilledWith(word, memory.erased))) return at;
  throw usage('the program’s last word is not reserved for the end marker: name a reserved word with --marker-at');
}

/** Bytes that the block may take: as the caller says, those of the block that stands there, free ones, or outside of the program. */
function roomAt({ segments, position, memory, mayGrow, room }: AddBlockOptions): number {
  const holder = segments.find(({ address, data }) => position >= address && position < address + data.length);
  if (!holder) {
    if (mayGrow) return room ?? blockSize(MOST_REGIONS);
    throw usage(`the file has nothing at ${hexAddress(position)}: reserve room for the block in the program`);
  }
  const from = position - holder.address;
  const { data } = holder;
  if (room !== undefined) return Math.min(room, data.length - from);
  const old = oldSizeOrNone(holder, position);
  if (old > 0) return old;
  let at = from;
  while (at < data.length && (data[at] === 0 || data[at] === memory.erased)) at++;
  return at - from;
}

/** Of the block, or the placeholder, that stands there: up to the word of zeros behind its regions. */
function oldSize(data: Uint8Array, from: number): number {
  for (let regions = 0; regions <= MOST_REGIONS && from + blockSize(regions) <= data.length; regions++) {
    if (readU32(data, from + blockSize(regions) - 4) === 0) return blockSize(regions);
  }
  return blockSize(0) - 4;
}

/** The block's and the marker's bytes, blanked. Throws where the marker's word belongs to somebody else. */
function reserved({ segments, position, memory, mayGrow }: AddBlockOptions, markerAt: number): Segment[] {
  const old = bytesAt(segments, markerAt, 4);
  const { start, page } = memory;
  const isFree = !old || isFilledWith(old, 0) || isFilledWith(old, memory.erased) || old[0] === Math.log2(page);
  if (!isFree) throw usage(`the word at ${hexAddress(markerAt)} is not free for the end marker`);
  if (!old && !mayGrow) throw usage(`the file has nothing at ${hexAddress(markerAt)} for the end marker`);
  if (!old && markerAt < start) throw usage(`the marker at ${hexAddress(markerAt)} is not in the flash`);
  const blank = (address: number, size: number) => ({ address, data: new Uint8Array(size).fill(memory.erased) });
  const holder = segments.find(({ address, data }) => position >= address && position < address + data.length);
  const size = holder ? Math.min(oldSizeOrNone(holder, position), holder.address + holder.data.length - position) : 0;
  return [...(size > 0 ? [blank(position, size)] : []), blank(markerAt, 4)];
}

function oldSizeOrNone({ address, data }: Segment, position: number): number {
  const from = position - address;
  const magic = from + 4 <= data.length ? readU32(data, from) : 0;
  return magic === BLOCK_MAGIC || magic === FREQUENT_MAGIC ? oldSize(data, from) : 0;
}

function chosenRanges(
  segments: readonly Segment[],
  { page, start, size }: BlockMemory,
  wanted: readonly AddressRange[],
  own: readonly number[],
  most: number,
): AddressRange[] {
  const free = wholePages(segments, page)
    .filter(({ address }) => address >= start && address < start + size)
    .flatMap((range) =>
      own.reduce<AddressRange[]>((rest, at) => rest.flatMap((each) => without(each, at, page)), [range]),
    );
  const taken: AddressRange[] = [];
  for (const range of wanted) {
    for (const whole of free) {
      const from = Math.max(whole.address, Math.ceil(range.address / page) * page);
      const to = Math.min(whole.address + whole.size, Math.floor((range.address + range.size) / page) * page);
      // A page that an earlier range has already is that one's.
      const parts = taken.reduce<AddressRange[]>(
        (rest, other) => rest.flatMap((part) => cut(part, other)),
        from < to ? [{ address: from, size: to - from }] : [],
      );
      taken.push(...parts);
    }
  }
  const limited = taken.flatMap((range) => atMost(range, 0xffff * page));
  return limited
    .toSorted((a, b) => b.size - a.size)
    .slice(0, most)
    .toSorted((a, b) => a.address - b.address);
}

function atMost({ address, size }: AddressRange, most: number): AddressRange[] {
  const parts: AddressRange[] = [];
  for (let at = 0; at < size; at += most) parts.push({ address: address + at, size: Math.min(most, size - at) });
  return parts;
}

function without(range: AddressRange, pageAt: number, page: number): AddressRange[] {
  return cut(range, { address: pageAt, size: page });
}

function cut(range: AddressRange, other: AddressRange): AddressRange[] {
  const end = range.address + range.size;
  const otherEnd = other.address + other.size;
  if (other.address >= end || otherEnd <= range.address) return [range];
  return [
    { address: range.address, size: other.address - range.address },
    { address: otherEnd, size: end - otherEnd },
  ].filter(({ size }) => size > 0);
}

/** The pages that the program defines whole. */
function wholePages(segments: readonly Segment[], page: number): AddressRange[] {
  return segments.flatMap(({ address, data }) => {
    const from = Math.ceil(address / page) * page;
    const to = Math.floor((address + data.length) / page) * page;
    return from < to ? [{ address: from, size: to - from }] : [];
  });
}

function pageOf({ page }: BlockMemory, address: number): number {
  return address - (address % page);
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
