import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import { type EspImage, readEspImage } from '../image/esp-image.ts';
import {
  APPLICATION,
  isPartitionTable,
  type Partition,
  readPartitionTable,
  TABLE_BYTES,
} from '../image/partition-table.ts';
import type { Layout, PlacedImage } from '../plan/layout.ts';

/** What a boot loader or an application of ours must be, before anybody plugs in a unit. */
interface Startable {
  readonly image: PlacedImage;
  readonly address: number;
  readonly esp: EspImage;
}

/**
 * Whether an Espressif chip would start what the release puts into its flash: images whole and made for this chip, settings of
 * the flash that there are, a partition table that a boot loader takes, and an application that fits where the table has it.
 * Throws `image-format-esp`, `image-wrong-chip`, `image-damaged`, `image-flash-settings`, `partition-table` or
 * `partition-too-small`. What a unit must be for it, is seen once it is there (programmer/esp/guard.ts).
 */
export function checkEspRelease(layout: Layout, esp: EspUart): void {
  const startable = layout.images.flatMap((image) => startableOf(image, layout, esp));
  const loader = startable.find(({ image }) => image.role === 'bootloader');
  if (loader) checkFlashSettings(loader, esp);
  const table = tableOf(layout);
  if (!table) return;
  const limit = loader?.esp.flashBytes ?? Infinity;
  const beyond = table.partitions.find(({ offset, size }) => offset + size > limit);
  const fault =
    table.fault ??
    (beyond && `“${beyond.label}” ends beyond the ${limit / 1024} KiB of flash that the boot loader is set to`);
  if (fault !== undefined) {
    throw new FlashlineError('partition-table', {
      where: { file: table.image.file, address: table.address },
      params: { address: hexAddress(table.address), detail: fault },
    });
  }
  for (const image of layout.images) checkFit(image, table.partitions);
}

function startableOf(image: PlacedImage, { chip }: Layout, esp: EspUart): Startable[] {
  const [first] = image.segments;
  if (!first || (image.role !== 'bootloader' && image.role !== 'application')) return [];
  // A table alone may be called a boot loader's.
  if (image.role === 'bootloader' && first.address !== chip.boot?.vectors) return [];
  const where = { file: image.file, address: first.address };
  const found = readEspImage(first.data);
  if (!found) throw new FlashlineError('image-format-esp', { where, params: { file: image.file, chip: chip.name } });
  if (found.chipId !== esp.chipId) {
    const params = { file: image.file, found: found.chip ?? `chip id ${found.chipId}`, expected: chip.name };
    throw new FlashlineError('image-wrong-chip', { where, params });
  }
  if (found.checksum === 'wrong') {
    throw new FlashlineError('image-damaged', { where, params: { file: image.file, detail: 'its checksum is wrong' } });
  }
  if (found.digest === 'wrong') {
    const detail = 'the SHA-256 at its end is not that of its content';
    throw new FlashlineError('image-damaged', { where, params: { file: image.file, detail } });
  }
  return [{ image, address: first.address, esp: found }];
}

function checkFlashSettings({ image, address, esp: found }: Startable, esp: EspUart): void {
  const detail =
    found.flashMode === null
      ? 'the mode is none that there is'
      : !esp.flashClocks.includes(found.flashClock)
        ? `the clock’s code ${found.flashClock} is none of this chip’s`
        : found.flashBytes === null
          ? 'the size is none that there is'
          : undefined;
  if (detail === undefined) return;
  throw new FlashlineError('image-flash-settings', {
    where: { file: image.file, address },
    params: { file: image.file, detail },
  });
}

interface FoundTable {
  readonly image: PlacedImage;
  readonly address: number;
  readonly partitions: readonly Partition[];
  readonly fault?: string;
}

/** The first sector of the release that begins as a table does. */
function tableOf(layout: Layout): FoundTable | undefined {
  const page = layout.pages.find(({ bytes }) => isPartitionTable(bytes));
  if (!page) return undefined;
  const { address } = page;
  const image = layout.images.find(({ role }) => role === page.role);
  if (!image) return undefined;
  return { image, address, ...readPartitionTable(layout.contents.bytes(address, TABLE_BYTES), address) };
}

/** An application is started from where its partition begins; others may stand anywhere, but if in a partition, then whole. */
function checkFit({ role, file, segments }: PlacedImage, partitions: readonly Partition[]): void {
  if (role === 'bootloader') return;
  for (const { address, data } of segments) {
    const where = { file, address };
    const partition = partitions.find(({ offset, size }) => address >= offset && address < offset + size);
    const starts = partition?.type === APPLICATION && partition.offset === address;
    if (role === 'application' && !starts && address === segments[0]?.address) {
      const detail = `no application is at ${hexAddress(address)}, where ${file} goes`;
      throw new FlashlineError('partition-table', { where, params: { address: hexAddress(address), detail } });
    }
    const room = partition ? partition.offset + partition.size - address : Infinity;
    if (partition && data.length > room) {
      const params = {
        file,
        partition: partition.label,
        found: `${Math.floor(room / 1024)} KiB`,
        needed: `${Math.ceil(data.length / 1024)} KiB`,
      };
      throw new FlashlineError('partition-too-small', { where, params });
    }
  }
}
