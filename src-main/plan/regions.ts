import { hexAddress } from '#shared/base/bytes.ts';
import { type ChipDescription, flashHolding, flashMemories } from '#shared/model/chip.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { Segment } from '../image/image.ts';
import type { KeptRegion } from './kept-region.ts';
import type { ReleaseImage } from './layout.ts';

/** What of the recipe is wrong, and where: its part's path. */
export interface RegionFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

export interface Regions {
  /** In the recipe's order; one whose partition is erased whole has the erased bytes behind it as its own. */
  readonly images: readonly ReleaseImage[];
  readonly kept: readonly KeptRegion[];
  readonly faults: readonly RegionFault[];
}

interface Area {
  readonly address: number;
  readonly size: number;
}

interface Named extends Area {
  readonly name: string;
}

type Map = Pick<Recipe, 'partitions' | 'keep' | 'images' | 'unlock'>;

/**
 * Holds the recipe's map against the chip and the images, before anything is touched: partitions, where images begin and end in
 * them, their alignment, and that nothing which is kept lies in a page that is written.
 */
export function placeRegions(recipe: Map, chip: ChipDescription, images: readonly ReleaseImage[]): Regions {
  const partitions = recipe.partitions ?? [];
  const faults = partitions.flatMap((_, index) => partitionFaults(chip, partitions, index));
  faults.push(...recipe.images.flatMap((_, index) => imageFaults(recipe, index, images[index])));
  const filled = images.map((image, index) => withRest(chip, image, restOf(recipe, index)));
  const kept = (recipe.keep ?? []).flatMap((keep, index): KeptRegion[] => {
    const area = 'partition' in keep ? partitions.find(({ name }) => name === keep.partition) : keep;
    const memory = area && flashHolding(chip, area.address, area.size);
    const found = keptFaults({ chip, recipe, images: filled, index, area });
    faults.push(...found);
    return area && memory && found.length === 0
      ? [{ name: area.name, memory, address: area.address, size: area.size }]
      : [];
  });
  if (kept.length > 0 && recipe.unlock === 'mass-erase') {
    const detail = 'a mass erase leaves nothing of what is to be kept: drop one of the two';
    faults.push({ path: ['unlock'], detail });
  }
  return { images: filled, kept, faults };
}

function partitionFaults(chip: ChipDescription, partitions: readonly Named[], index: number): RegionFault[] {
  const partition = partitions[index];
  if (!partition) return [];
  const path = ['partitions', index];
  const { name, address, size } = partition;
  const outside = areaFault(chip, partition);
  if (outside !== undefined) return [{ path, detail: outside }];
  const faults: RegionFault[] = [];
  const memory = flashHolding(chip, address, size);
  for (const at of [address, address + size]) {
    if (memory && (at - memory.start) % memory.page !== 0)
      faults.push({
        path,
        detail: `${hexAddress(at)} is not where a page begins; ${memory.name} is erased by ${memory.page} bytes`,
      });
  }
  const earlier = partitions.slice(0, index);
  if (earlier.some((other) => other.name === name))
    faults.push({ path, detail: `there is already a partition ${name}` });
  const other = earlier.find((each) => overlap(each, partition));
  if (other)
    faults.push({ path, detail: `it overlaps ${other.name} at ${hexAddress(Math.max(address, other.address))}` });
  return faults;
}

/** Whole in one flash memory of the chip, or why not. */
function areaFault(chip: ChipDescription, { address, size }: Area): string | undefined {
  if (flashHolding(chip, address, size)) return undefined;
  const memory = flashMemories(chip).find(({ start, size: all }) => address >= start && address < start + all);
  if (!memory) return `${hexAddress(address)} is in no flash memory of ${chip.name}`;
  return `it ends at ${hexAddress(address + size)}, ${memory.name} of ${chip.name} ends at ${hexAddress(memory.start + memory.size)}`;
}

function imageFaults(recipe: Map, index: number, image: ReleaseImage | undefined): RegionFault[] {
  const listed = recipe.images[index];
  const span = image && spanOf(image.image.segments);
  if (!listed || !span) return [];
  const faults: RegionFault[] = [];
  const report = (key: string, detail: string) => faults.push({ path: ['images', index, key], detail });
  const { align, partition: name, erase } = listed;
  if (align !== undefined && span.address % align !== 0)
    report('align', `the image begins at ${hexAddress(span.address)}, which is not a multiple of ${hexAddress(align)}`);
  if (erase === 'partition' && name === undefined) report('erase', 'name the partition that is erased');
  if (name === undefined) return faults;
  const partition = recipe.partitions?.find((each) => each.name === name);
  if (!partition) {
    report('partition', `there is no partition ${name} in this recipe`);
    return faults;
  }
  const end = partition.address + partition.size;
  const last = span.address + span.size;
  if (span.address < partition.address)
    report(
      'partition',
      `the image begins at ${hexAddress(span.address)}, before ${name} at ${hexAddress(partition.address)}`,
    );
  if (span.address > partition.address)
    report(
      'partition',
      `the image leaves a gap of ${span.address - partition.address} bytes: it begins at ${hexAddress(span.address)}, ${name} at ${hexAddress(partition.address)}`,
    );
  if (last > end)
    report(
      'partition',
      `the image is ${last - end} bytes too large: it ends at ${hexAddress(last)}, ${name} at ${hexAddress(end)}`,
    );
  return faults;
}

interface KeptPlace {
  readonly chip: ChipDescription;
  readonly recipe: Map;
  readonly images: readonly ReleaseImage[];
  readonly index: number;
  readonly area: Named | undefined;
}

function keptFaults({ chip, recipe, images, index, area }: KeptPlace): RegionFault[] {
  const path = ['keep', index];
  const keep = recipe.keep?.[index];
  if (!area)
    return [
      { path, detail: `there is no partition ${keep && 'partition' in keep ? keep.partition : ''} in this recipe` },
    ];
  const outside = areaFault(chip, area);
  if (outside !== undefined) return [{ path, detail: outside }];
  const faults: RegionFault[] = [];
  for (const { role, image } of images) {
    const written = image.segments.flatMap((segment) => pagesOf(chip, segment)).find((pages) => overlap(pages, area));
    if (!written) continue;
    const at = hexAddress(Math.max(written.address, area.address));
    faults.push({
      path,
      detail: `the ${role} writes the page that holds ${at} of it: pages of ${written.page} bytes are erased whole`,
    });
  }
  return faults;
}

/** Whole pages around what of a segment is in flash: what is erased to write it. */
function pagesOf(chip: ChipDescription, segment: Segment): (Area & { readonly page: number })[] {
  const end = segment.address + segment.data.length;
  return flashMemories(chip).flatMap(({ start, size, page }) => {
    const from = Math.max(segment.address, start);
    const to = Math.min(end, start + size);
    if (from >= to) return [];
    const address = from - ((from - start) % page);
    const pages = Math.ceil((to - address) / page);
    return [{ address, size: pages * page, page }];
  });
}

/** The partition that an image has to itself down to its last byte. */
function restOf(recipe: Map, index: number): Named | undefined {
  const listed = recipe.images[index];
  if (listed?.erase !== 'partition') return undefined;
  return recipe.partitions?.find(({ name }) => name === listed.partition);
}

/** The image with what its segments leave of the partition, erased: written, read back and recorded as the rest of it. */
function withRest(chip: ChipDescription, image: ReleaseImage, partition: Named | undefined): ReleaseImage {
  const memory = partition && flashHolding(chip, partition.address, partition.size);
  if (!memory) return image;
  const rest: Segment[] = [];
  let at = partition.address;
  const end = partition.address + partition.size;
  for (const { address, data } of [...image.image.segments, { address: end, data: new Uint8Array() }]) {
    if (address > at) rest.push({ address: at, data: new Uint8Array(address - at).fill(memory.erased) });
    at = Math.max(at, address + data.length);
  }
  const segments = [...image.image.segments, ...rest].toSorted((a, b) => a.address - b.address);
  return { ...image, image: { ...image.image, segments } };
}

function spanOf(segments: readonly Segment[]): Area | undefined {
  const [first] = segments;
  if (!first) return undefined;
  const end = Math.max(...segments.map(({ address, data }) => address + data.length));
  return { address: first.address, size: end - first.address };
}

function overlap(a: Area, b: Area): boolean {
  return a.address < b.address + b.size && b.address < a.address + a.size;
}
