import type { IoContext } from '#shared/base/clock.ts';
import { markerFault, MOST_BLOCK_BYTES, parseChecksumBlock } from '#shared/model/checksum-block.ts';
import { compareBlocks, markerPlace } from '../plan/checksum-blocks.ts';
import type { PlacedBlock } from '../plan/placed-block.ts';
import type { Layout, WantedPage } from '../plan/layout.ts';
import type { PageState } from '../plan/page-state.ts';
import type { FlashDevice } from './flash-device.ts';

/** What checksum blocks tell without a look at the pages themselves, and the pages that are still to be looked at. */
export interface BlockSurvey {
  readonly states: readonly PageState[];
  readonly rest: readonly WantedPage[];
  /** Where the unit's end marker stands; undefined where its block does not count. */
  readonly marker: { readonly page: number; readonly address: number } | undefined;
}

/**
 * Compares the unit's checksum block with the release's. It counts only while its end marker stands, and only where that can
 * be cleared before anything changes; else every page is looked at.
 */
export async function surveyByBlock(layout: Layout, device: FlashDevice, io: IoContext): Promise<BlockSurvey> {
  const nothing = { states: [], rest: layout.pages, marker: undefined };
  const placed = layout.block;
  if (!placed || !('block' in placed)) return nothing;
  const unit = await unitBlock(placed, device, io);
  const place = unit && markerPlace(layout, placed, unit);
  if (!unit || !place) return nothing;
  const { unchanged, uncovered } = compareBlocks(layout, placed, unit);
  const told = new Set([...unchanged, ...uncovered]);
  const states = [
    ...unchanged.map(({ address, digest }): PageState => ({ address, blank: false, digest, by: 'block' })),
    ...uncovered.map(({ address }): PageState => ({ address, blank: false, by: 'uncovered' })),
  ];
  return {
    states,
    rest: layout.pages.filter((page) => !told.has(page)),
    marker: { page: place.page, address: unit.markerAt },
  };
}

/** The states with the unit's end marker in its page's. */
export function withMarker(states: readonly PageState[], marker: BlockSurvey['marker']): PageState[] {
  if (!marker) return [...states];
  const holder = states.find(({ address }) => address === marker.page) ?? { address: marker.page, blank: false };
  return [...states.filter((state) => state !== holder), { ...holder, marker: marker.address }];
}

async function unitBlock({ address, memory, flash }: PlacedBlock, device: FlashDevice, io: IoContext) {
  const room = Math.min(MOST_BLOCK_BYTES, memory.start + memory.size - address);
  const block = parseChecksumBlock(await device.read(address, room, io), flash);
  if ('fault' in block) return undefined;
  const fault = markerFault(block, await device.read(block.markerAt, 4, io));
  return fault ? undefined : block;
}
