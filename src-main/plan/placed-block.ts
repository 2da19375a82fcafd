import { type ChipDescription, flashHolding, type FlashMemory } from '#shared/model/chip.ts';
import {
  type BlockFault,
  type ChecksumBlock,
  markerFault,
  MOST_BLOCK_BYTES,
  parseChecksumBlock,
} from '#shared/model/checksum-block.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { Contents } from './contents.ts';

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

type Pages = readonly { readonly memory: FlashMemory; readonly address: number; readonly role: Role }[];

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
export function markerFlag({ role, block, flash }: PlacedBlock, contents: Contents) {
  const { markerAt } = block;
  const address = markerAt - ((markerAt - flash.start) % flash.word);
  const size = Math.max(flash.word, 4);
  return { kind: 'marker' as const, role, memory: flash, address, bytes: contents.bytes(address, size) };
}

function pageAt(pages: Pages, address: number): Pages[number] | undefined {
  return pages.find((page) => address >= page.address && address < page.address + page.memory.page);
}
