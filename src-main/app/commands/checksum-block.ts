import { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import { type BlockFault, type ChecksumBlock, regionAgrees } from '#shared/model/checksum-block.ts';
import { checksumOf } from '../../image/add-checksum-block.ts';
import type { Segment } from '../../image/image.ts';
import { bytesAt } from '../../image/splice.ts';
import { checksumBlockAddCommand } from './checksum-block-add.ts';
import {
  blockIn,
  blockPlace,
  type BlockPlace,
  placeOptions,
  type PlaceOptions,
  readFlashImage,
} from './checksum-block-place.ts';
import { checksumBlockPlanCommand } from './checksum-block-plan.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';

type ShowOptions = CommonOptions & PlaceOptions;

export function checksumBlockCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('checksum-block'), [
    'checksum-block show firmware.hex --chip nrf51822',
    'checksum-block plan --device read-back.hex --image new.hex --chip nrf51822',
    'checksum-block add firmware.elf --chip atsamd21g18a --sections .text,.rodata --out firmware-block.elf',
  ])
    .description('checksum blocks: what lets a flasher skip what has not changed')
    .addCommand(showCommand(context, end))
    .addCommand(checksumBlockAddCommand(context, end))
    .addCommand(checksumBlockPlanCommand(context, end));
}

function showCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const made = command('show', 'shows the block of an image, or says why there is none that counts', [
    'checksum-block show firmware.hex --chip nrf51822',
    'checksum-block show firmware.bin --address 0x2000 --at 0x20B4 --page 256 --json',
  ]).argument('<file>', 'any image that inspect reads');
  return placeOptions(made).action(async (file: string, options: ShowOptions) => {
    const place = await blockPlace(options, context);
    const { segments } = await readFlashImage(file, place);
    const found = blockIn(segments, place);
    if (options.json)
      context.print(JSON.stringify({ type: 'checksum-block', file, ...shownBlock(found, segments, place) }));
    else for (const line of blockLines(file, found, segments, place)) context.print(line);
    end('fault' in found ? 2 : 0);
  });
}

export function shownBlock(found: ChecksumBlock | BlockFault, segments: readonly Segment[], { position }: BlockPlace) {
  if ('fault' in found) return { position, valid: false, ...found };
  return {
    position,
    valid: true,
    ...found,
    regions: found.regions.map((region) => ({ ...region, ...ownOf(segments, region) })),
  };
}

/** A block's checksums are its program's own affair; where they are the first bytes of a SHA-256, that is said. */
function ownOf(segments: readonly Segment[], region: ChecksumBlock['regions'][number]) {
  const isDefined = bytesAt(segments, region.address, region.size) !== undefined;
  return { sha256: isDefined && region.checksum !== 0 && checksumOf(segments, region) === region.checksum };
}

export function blockLines(
  file: string,
  found: ChecksumBlock | BlockFault,
  segments: readonly Segment[],
  place: BlockPlace,
): string[] {
  const at = hexAddress(place.position);
  if ('fault' in found) return [`${file}: no checksum block that counts at ${at} (${found.fault}): ${found.detail}`];
  const { page, markerAt, marker, regions, frequent } = found;
  return [
    `${file}: checksum block at ${at}, pages of ${page} bytes${frequent ? ', flashed frequently' : ''}`,
    `  end marker ${hexAddress(marker)} at ${hexAddress(markerAt)}: it stands`,
    ...regions.map((region, index) => {
      const { address, size, checksum } = region;
      const pages = `${String(size / page).padStart(6)} pages`;
      const kind = regionAgrees(region, found)
        ? ownOf(segments, region).sha256
          ? 'SHA-256 of these bytes'
          : 'of its own kind'
        : 'none: always written';
      return `  region ${index}  ${hexAddress(address)} - ${hexAddress(address + size - 1)} ${pages}  checksum ${hexAddress(checksum)}, ${kind}`;
    }),
  ];
}
