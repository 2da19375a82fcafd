import { type ChipDescription, flashHolding, type FlashMemory } from '#shared/model/chip.ts';
import {
  type BlockFault,
  blockSize,
  type ChecksumBlock,
  markerFault,
  MOST_BLOCK_BYTES,
  parseChecksumBlock,
  regionAgrees,
} from '#shared/model/checksum-block.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { Contents } from './contents.ts';
import type { Flag, Layout, WantedPage } from './layout.ts';

/** A release's checksum block: it vouches for the image that it stands in, and for that one only. */
export interface PlacedBlock {
  readonly role: Role;
  /** Where it stands. */
  readonly address: number;
  readonly memory: FlashMemory;
  /** The flash whose pages its regions count. */
  readonly flash: FlashMemory;
  readonly block: ChecksumBlock;
}

type Pages = readonly Pick<WantedPage, 'memory' | 'address' | 'role'>[];

/** The block that the chip's description says where to find; undefined where it says nothing. Nobody looks anywhere else. */
export function placeBlock(
  chip: ChipDescription,
  pages: Pages,
  contents: Contents,
): PlacedBlock | BlockFault | undefined {
  const position = chip.checksumBlock?.position;
  const flash = chip.boot && flashHolding(chip, chip.boot.vectors, 1);
  const holder = position === undefined ? undefined : pageAt(pages, position);
  if (position === undefined || !holder || !flash) return undefined;
  const { memory, role } = holder;
  const room = Math.min(MOST_BLOCK_BYTES, memory.start + memory.size - position);
  const block = parseChecksumBlock(contents.bytes(position, room), flash);
  if ('fault' in block) return block;
  const marker = pageAt(pages, block.markerAt);
  const stands = markerFault(block, marker && contents.bytes(block.markerAt, 4));
  if (stands) return stands;
  // Written last, so torn last: only for its own image can that be said.
  if (marker?.role !== role) return { fault: 'marker-missing', detail: 'the end marker belongs to another image' };
  return { role, address: position, memory, flash, block };
}

/** The end marker as a flag of its image: cleared first, set last. */
export function markerFlag({ role, block, flash }: PlacedBlock, contents: Contents): Flag {
  const { markerAt } = block;
  const address = markerAt - ((markerAt - flash.start) % flash.word);
  const size = Math.max(flash.word, 4);
  return { role, memory: flash, address, bytes: contents.bytes(address, size) };
}

/** What two blocks say of the pages of the image's role. */
export interface BlockVerdict {
  /** Start, length and checksum of their region agree. */
  readonly unchanged: readonly WantedPage[];
  /** In a region of the image's that the unit does not have like this: may be anything. */
  readonly changed: readonly WantedPage[];
  /** In no region of the image's: always written. */
  readonly uncovered: readonly WantedPage[];
  /** They hold the block, a marker or the valid flag, which a torn run changes first: looked at, whatever is said of them. */
  readonly own: readonly WantedPage[];
}

export function compareBlocks(layout: Layout, placed: PlacedBlock, unit: ChecksumBlock): BlockVerdict {
  const { role, address, block } = placed;
  const verdict = {
    unchanged: [] as WantedPage[],
    changed: [] as WantedPage[],
    uncovered: [] as WantedPage[],
    own: [] as WantedPage[],
  };
  const blockEnd = address + blockSize(Math.max(block.regions.length, unit.regions.length));
  const flags = layout.flags.filter((flag) => flag.role === role);
  const isOwn = (page: WantedPage) => {
    const end = page.address + page.memory.page;
    const holds = (at: number, size: number) => page.address < at + size && at < end;
    return (
      (page.address < blockEnd && address < end) ||
      holds(unit.markerAt, 4) ||
      flags.some((flag) => holds(flag.address, flag.bytes.length))
    );
  };
  const agreed = block.regions.filter((region) => regionAgrees(region, unit));
  for (const page of layout.pages) {
    if (page.role !== role) continue;
    const inside = (region: ChecksumBlock['regions'][number]) =>
      page.address >= region.address && page.address + page.memory.page <= region.address + region.size;
    if (isOwn(page)) verdict.own.push(page);
    else if (agreed.some(inside)) verdict.unchanged.push(page);
    else if (block.regions.some(inside)) verdict.changed.push(page);
    else verdict.uncovered.push(page);
  }
  return verdict;
}

/** Where the unit's marker stands, in whose page; undefined where it can neither be cleared nor is going to be written. */
export function markerPlace(
  layout: Layout,
  placed: PlacedBlock,
  unit: ChecksumBlock,
): { readonly page: number } | undefined {
  const { flash } = placed;
  const page = unit.markerAt - ((unit.markerAt - flash.start) % flash.page);
  const wanted = layout.pages.find(({ address }) => address === page);
  if (wanted) return wanted.role === placed.role ? { page } : undefined;
  return flash.zeroable && !layout.chip.locks.some(({ address }) => address >= page && address < page + flash.page)
    ? { page }
    : undefined;
}

function pageAt(pages: Pages, address: number): Pages[number] | undefined {
  return pages.find((page) => address >= page.address && address < page.address + page.memory.page);
}
