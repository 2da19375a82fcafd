import { concat, hexAddress } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { bootMemories, type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Role } from '#shared/model/recipe.ts';
import type { Image, Segment } from '../image/image.ts';
import type { BlockFault } from '#shared/model/checksum-block.ts';
import { markerFlag, type PlacedBlock, placeBlock } from './placed-block.ts';
import { type Contents, contentsOf } from './contents.ts';
import type { KeptRegion } from './kept-region.ts';
import { backgroundOf, withoutLockWords } from './locks.ts';
import { pageDigest } from './page-digest.ts';

/** An image of the release as the recipe names it. */
export interface ReleaseImage {
  readonly role: Role;
  readonly version: string;
  /** For messages only. */
  readonly file: string;
  readonly image: Image;
  /** Bytes of it that are set last, beside its first words; whole in flash, and in its segments. */
  readonly flags?: readonly { readonly address: number; readonly size: number }[];
  /** Where its file's bytes begin; left out where no flag of it stands before them. */
  readonly start?: number;
}

/** A run of an image's own bytes, whole inside one flash memory. */
export interface PlacedSegment {
  readonly memory: FlashMemory;
  readonly address: number;
  readonly data: Uint8Array;
  readonly sha256: string;
  /** The same bytes with the role's valid flag still erased. */
  readonly sha256WithoutFlag: string;
}

export interface PlacedImage {
  readonly role: Role;
  readonly version: string;
  readonly file: string;
  /** Sorted by address. */
  readonly segments: readonly PlacedSegment[];
  /** Over the segments' bytes in address order. */
  readonly sha256: string;
}

/** A page that the release touches, and all that it must hold afterwards. */
export interface WantedPage {
  readonly memory: FlashMemory;
  readonly address: number;
  readonly role: Role;
  readonly bytes: Uint8Array;
  /** pageDigest of them. */
  readonly digest: number;
  /** How many of its bytes stand in the image; the others are background. */
  readonly imageBytes: number;
}

/** Its first words, which go first and come last but for an end marker; what its recipe names; its checksum block's end marker. */
export type FlagKind = 'start' | 'named' | 'marker';

/**
 * What vouches for a role: its valid flag or its checksum block's end marker. A valid flag is the first words (initial SP and reset vector) of its lowest segment in the memories that the
 * chip boots from. Whole words of one memory; shorter than 8 bytes only when the segment is.
 */
export interface Flag {
  readonly kind: FlagKind;
  readonly role: Role;
  readonly memory: FlashMemory;
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A release laid over a chip's memory: what a unit must hold, whatever it holds now. */
export interface Layout {
  readonly chip: ChipDescription;
  /** In the order of `Role`. */
  readonly images: readonly PlacedImage[];
  /** Sorted by address. */
  readonly pages: readonly WantedPage[];
  /** In the order in which a role's are cleared: its valid flag (bootloader and application have one), named ones, its end marker. */
  readonly flags: readonly Flag[];
  /** The release's checksum block, or why it does not count; undefined where no image has one. */
  readonly block: PlacedBlock | BlockFault | undefined;
  readonly contents: Contents;
  /** What no operation may touch, and must be proven to be untouched. */
  readonly kept: readonly KeptRegion[];
}

/** Whole pages of one memory. */
export interface PageRange {
  readonly memory: FlashMemory;
  readonly address: number;
  readonly size: number;
}

/** Initial stack pointer and reset vector (ARMv6-M B1.5.3, ARMv7-M B1.5.3). */
const VECTORS_SIZE = 8;
const FLAGGED: readonly Role[] = ['bootloader', 'application'];

/**
 * Lays the images over the chip's flash memories.
 * Throws `image-outside-memory`, `image-writes-lock`, `image-overlap` (two images in one page: neither could be
 * changed without the other) or `image-empty` (nothing but unlocked lock words).
 */
export function layOut(
  chip: ChipDescription,
  images: readonly ReleaseImage[],
  kept: readonly KeptRegion[] = [],
): Layout {
  const ordered = images.toSorted((a, b) => Role.options.indexOf(a.role) - Role.options.indexOf(b.role));
  const placements = ordered.map((source): Placement => ({ source, runs: place(chip, source) }));
  const pages = wantedPages(chip, placements);
  const contents = contentsOf(chip, pages);
  const start = FLAGGED.flatMap((role) => flagOf(chip, role, placements, contents));
  const named = ordered.flatMap((source) => namedFlags(chip, source, contents));
  const valid = [...start, ...named.filter((flag) => !start.some((other) => flagsOverlap(flag, other)))];
  const block = placeBlock(chip, pages, contents);
  const marker = block && 'block' in block ? [markerFlag(block, contents)] : [];
  const flags = [...valid, ...marker.filter((flag) => !valid.some((other) => flagsOverlap(flag, other)))];
  return { chip, images: placements.map((placement) => hashed(placement, flags)), pages, flags, block, contents, kept };
}

/** Two layouts of one chip as one. Their pages must differ: whoever joins them has laid out both together before. */
export function joinLayouts(a: Layout, b: Layout): Layout {
  const { chip } = a;
  const byRole = (image: PlacedImage) => Role.options.indexOf(image.role);
  const pages = [...a.pages, ...b.pages].toSorted((x, y) => x.address - y.address);
  return {
    chip,
    images: [...a.images, ...b.images].toSorted((x, y) => byRole(x) - byRole(y)),
    pages,
    flags: [...a.flags, ...b.flags],
    block: a.block,
    kept: a.kept,
    contents: contentsOf(chip, pages),
  };
}

/** The pages to survey: all that the release touches, contiguous ones in one range. */
export function surveyRanges(layout: Layout): PageRange[] {
  return coalescePages(layout.pages);
}

/** Contiguous pages of one memory as one range; `pages` sorted by address. */
export function coalescePages(pages: readonly Pick<WantedPage, 'memory' | 'address'>[]): PageRange[] {
  const ranges: PageRange[] = [];
  for (const { memory, address } of pages) {
    const last = ranges.at(-1);
    if (last?.memory === memory && last.address + last.size === address) {
      ranges[ranges.length - 1] = { ...last, size: last.size + memory.page };
    } else {
      ranges.push({ memory, address, size: memory.page });
    }
  }
  return ranges;
}

interface Run extends Segment {
  readonly memory: FlashMemory;
}

interface Placement {
  readonly source: ReleaseImage;
  readonly runs: readonly Run[];
}

function place(chip: ChipDescription, { image, file }: ReleaseImage): Run[] {
  const runs = image.segments
    .flatMap((segment) => splitByMemory(chip, segment, file))
    .flatMap((run) =>
      withoutLockWords(chip, run, file).map(({ address, data }): Run => ({ memory: run.memory, address, data })),
    );
  if (runs.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  return runs.toSorted((a, b) => a.address - b.address);
}

function splitByMemory(chip: ChipDescription, segment: Segment, file: string): Run[] {
  const runs: Run[] = [];
  const end = segment.address + segment.data.length;
  let address = segment.address;
  while (address < end) {
    const memory = memoryAt(chip, address);
    if (!memory) {
      throw new FlashlineError('image-outside-memory', {
        where: { file, address },
        params: { address: hexAddress(address), chip: chip.name },
      });
    }
    const upTo = Math.min(end, memory.start + memory.size);
    runs.push({ memory, address, data: segment.data.subarray(address - segment.address, upTo - segment.address) });
    address = upTo;
  }
  return runs;
}

function memoryAt(chip: ChipDescription, address: number): FlashMemory | undefined {
  return flashMemories(chip).find((memory) => address >= memory.start && address < memory.start + memory.size);
}

interface PageUnderWork {
  readonly memory: FlashMemory;
  readonly owner: ReleaseImage;
  readonly bytes: Uint8Array;
  imageBytes: number;
}

function wantedPages(chip: ChipDescription, placements: readonly Placement[]): WantedPage[] {
  const pages = new Map<number, PageUnderWork>();
  for (const { source, runs } of placements) {
    for (const run of runs) fillPages(chip, pages, source, run);
  }
  return [...pages]
    .toSorted(([a], [b]) => a - b)
    .map(([address, { memory, owner, bytes, imageBytes }]) => {
      return { memory, address, role: owner.role, bytes, digest: pageDigest(bytes), imageBytes };
    });
}

function fillPages(chip: ChipDescription, pages: Map<number, PageUnderWork>, owner: ReleaseImage, run: Run): void {
  const { memory } = run;
  const end = run.address + run.data.length;
  let address = run.address;
  while (address < end) {
    const start = address - ((address - memory.start) % memory.page);
    const upTo = Math.min(end, start + memory.page);
    const part = run.data.subarray(address - run.address, upTo - run.address);
    // A page that the image defines whole is the image's own bytes: a large image is not in memory twice.
    const whole = part.length === memory.page;
    let page = pages.get(start);
    if (!page) {
      page = { memory, owner, bytes: whole ? part : backgroundOf(chip, memory, start), imageBytes: 0 };
      pages.set(start, page);
    } else if (page.owner !== owner) {
      throw new FlashlineError('image-overlap', {
        where: { file: owner.file, address: start },
        params: { address: hexAddress(start) },
        cause: `the page also belongs to ${page.owner.file}`,
      });
    }
    if (!whole) page.bytes.set(part, address - start);
    page.imageBytes += upTo - address;
    address = upTo;
  }
}

function flagOf(chip: ChipDescription, role: Role, placements: readonly Placement[], contents: Contents): Flag[] {
  const bootable = bootMemories(chip);
  const ofRole = placements
    .filter(({ source }) => source.role === role)
    .flatMap(({ source, runs }) => runs.filter(({ address, data }) => address + data.length > (source.start ?? 0)))
    .filter((run) => bootable.includes(run.memory))
    .toSorted((a, b) => a.address - b.address);
  const [first] = ofRole;
  if (!first) return [];
  const { memory } = first;
  const runs = ofRole.filter((run) => run.memory === memory);
  const toWord = (address: number) => address - ((address - memory.start) % memory.word);
  const start = toWord(first.address);
  let end = start;
  for (const run of runs) {
    if (toWord(run.address) > end) break;
    end = toWord(run.address + run.data.length + memory.word - 1);
  }
  const wanted = Math.ceil(VECTORS_SIZE / memory.word) * memory.word;
  return [{ kind: 'start', role, memory, address: start, bytes: contents.bytes(start, Math.min(wanted, end - start)) }];
}

/** In whole words of their memories. */
function namedFlags(chip: ChipDescription, { role, flags = [] }: ReleaseImage, contents: Contents): Flag[] {
  return flags.flatMap(({ address, size }): Flag[] => {
    const memory = memoryAt(chip, address);
    if (!memory) return [];
    const from = address - ((address - memory.start) % memory.word);
    const words = Math.ceil((address + size - from) / memory.word);
    return [{ kind: 'named', role, memory, address: from, bytes: contents.bytes(from, words * memory.word) }];
  });
}

function flagsOverlap(a: Flag, b: Flag): boolean {
  return a.address < b.address + b.bytes.length && b.address < a.address + a.bytes.length;
}

function hashed({ source, runs }: Placement, flags: readonly Flag[]): PlacedImage {
  const { role, version, file } = source;
  const own = flags.filter((candidate) => candidate.role === role);
  const segments = runs.map((run) => {
    const sha256 = sha256Hex(run.data);
    const blanked = withFlagsErased(run, own);
    const { memory, address, data } = run;
    return { memory, address, data, sha256, sha256WithoutFlag: blanked ? sha256Hex(blanked) : sha256 };
  });
  const [only] = segments;
  const sha256 = only && segments.length === 1 ? only.sha256 : sha256Hex(concat(runs.map((run) => run.data)));
  return { role, version, file, segments, sha256 };
}

/** The run's bytes with those that belong to flags erased; undefined when none does. */
function withFlagsErased(run: Run, flags: readonly Flag[]): Uint8Array | undefined {
  let blanked: Uint8Array | undefined;
  for (const flag of flags) {
    const from = Math.max(run.address, flag.address) - run.address;
    const to = Math.min(run.address + run.data.length, flag.address + flag.bytes.length) - run.address;
    if (from >= to) continue;
    blanked ??= run.data.slice();
    blanked.fill(flag.memory.erased, from, to);
  }
  return blanked;
}
