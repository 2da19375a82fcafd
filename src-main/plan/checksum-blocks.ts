import { blockSize, type ChecksumBlock, regionAgrees } from '#shared/model/checksum-block.ts';
import type { Layout, WantedPage } from './layout.ts';
import type { PlacedBlock } from './placed-block.ts';

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
