import type { Command } from 'commander';
import {
  type BlockFault,
  type BlockMemory,
  type ChecksumBlock,
  markerFault,
  MOST_BLOCK_BYTES,
  parseChecksumBlock,
} from '#shared/model/checksum-block.ts';
import { type ChipDescription, flashHolding } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Image, Segment } from '../../image/image.ts';
import { openImage } from '../../image/open-image.ts';
import { bytesAt } from '../../image/splice.ts';
import { chipsOf } from '../compose-chips.ts';
import { chipSources, type CliContext } from './command.ts';
import { numberOf } from './numbers.ts';
import { readInput } from './files.ts';

export interface PlaceOptions {
  readonly chip?: string;
  readonly at?: string;
  readonly page?: string;
  readonly address?: string;
}

/** Where a block stands, and the flash that it speaks of. */
export interface BlockPlace {
  readonly position: number;
  readonly memory: BlockMemory & { readonly erased: number };
  readonly chip: ChipDescription | undefined;
  /** Where a .bin goes. */
  readonly address: number | undefined;
}

export function placeOptions(command: Command): Command {
  return command
    .option('--chip <chip>', 'the chip whose description says where the block stands (flashline chips list)')
    .option('--at <address>', 'where the block stands, for other chips')
    .option('--page <size>', 'with --at: the size of a page of the flash')
    .option('--address <address>', 'where a .bin goes');
}

/** Throws `usage`, or `chip-unknown`. */
export async function blockPlace(options: PlaceOptions, context: CliContext): Promise<BlockPlace> {
  const { chip: id, at, page, address: bin } = options;
  const address = bin === undefined ? undefined : numberOf('--address', bin);
  if (id === undefined) {
    if (at === undefined || page === undefined) throw usage('name the chip (--chip), or the place (--at and --page)');
    const size = numberOf('--page', page);
    if (size < 8 || (size & (size - 1)) !== 0) throw usage('--page is a power of two from 8 on');
    const memory = { start: 0, size: 2 ** 32, page: size, erased: 0xff };
    return { position: numberOf('--at', at), memory, chip: undefined, address };
  }
  const chip = (await chipsOf(chipSources(context))).get(id);
  const position = at === undefined ? chip.checksumBlock?.position : numberOf('--at', at);
  const memory = chip.boot && flashHolding(chip, chip.boot.vectors, 1);
  if (position === undefined || !memory)
    throw usage(`the description of ${chip.name} says nothing of checksum blocks: name the place with --at`);
  return { position, memory, chip: { ...chip, checksumBlock: { position } }, address };
}

/** Throws what `openImage` throws, `file-missing` or `file-unreadable`. */
export async function readFlashImage(
  file: string,
  { chip, address }: BlockPlace,
): Promise<Image & { bytes: Uint8Array }> {
  const bytes = await readInput(file);
  return { ...openImage(file, bytes, { address, families: chip?.uf2?.families }), bytes };
}

/** A block that counts, and the chip that has it there. */
export interface KnownBlock {
  readonly chip: string;
  readonly place: BlockPlace;
  readonly block: ChecksumBlock;
}

/**
 * The blocks at the places where the chips known here have theirs; nowhere else, for the magic also stands in code. `segments`: those
 * that go into such a chip.
 */
export async function knownBlocks(
  context: CliContext,
  segments: (chip: ChipDescription) => readonly Segment[],
): Promise<KnownBlock[]> {
  const { chips } = await chipsOf(chipSources(context));
  return chips.flatMap((chip) => {
    const memory = chip.boot && flashHolding(chip, chip.boot.vectors, 1);
    if (!chip.checksumBlock || !memory) return [];
    const place = { position: chip.checksumBlock.position, memory, chip, address: undefined };
    const block = blockIn(segments(chip), place);
    return 'fault' in block ? [] : [{ chip: chip.id, place, block }];
  });
}

export function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}

/** The block of these bytes, or why it does not count. */
export function blockIn(segments: readonly Segment[], { position, memory }: BlockPlace): ChecksumBlock | BlockFault {
  const holder = segments.find(({ address, data }) => position >= address && position < address + data.length);
  const from = holder ? position - holder.address : 0;
  const block = parseChecksumBlock(holder?.data.subarray(from, from + MOST_BLOCK_BYTES) ?? new Uint8Array(), memory);
  if ('fault' in block) return block;
  return markerFault(block, bytesAt(segments, block.markerAt, 4)) ?? block;
}
