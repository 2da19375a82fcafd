import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { addChecksumBlock, type AddedBlock, type AddressRange, equalRanges } from '../../image/add-checksum-block.ts';
import { writeBin } from '../../image/bin.ts';
import { elfLoads, elfSections } from '../../image/elf.ts';
import { writeIntelHex } from '../../image/ihex.ts';
import type { Image } from '../../image/image.ts';
import { UF2_MOST_WITH_MD5, Uf2Flag } from '../../image/uf2-block.ts';
import { readUf2Groups, writeUf2 } from '../../image/uf2.ts';
import { blockPlace, placeOptions, type PlaceOptions, readFlashImage, usage } from './checksum-block-place.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { numberOf } from './numbers.ts';

interface AddOptions extends CommonOptions, PlaceOptions {
  readonly out: string;
  readonly sections?: string;
  readonly regions?: string;
  readonly equalTo?: string;
  readonly most?: string;
  readonly room?: string;
  readonly markerAt?: string;
  readonly frequent?: boolean;
}

type Opened = Image & { readonly bytes: Uint8Array };

export function checksumBlockAddCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const made = command('add', 'adds a block to an image: HEX, BIN, ELF or UF2, as it was', [
    'checksum-block add firmware.hex --chip nrf51822 --equal-to last-release.hex --out firmware-block.hex',
    'checksum-block add firmware.elf --chip atsamd21g18a --sections .text,.rodata --out firmware-block.elf',
    'checksum-block add app.bin --address 0x2000 --at 0x20B4 --page 256 --regions 0x2100-0x20000,0x20000-0x25000 --out app-block.bin',
  ])
    .argument('<file>', 'Intel HEX, .bin, ELF or UF2; the block’s place must be reserved in it')
    .requiredOption('--out <file>', 'the image with its block, of the same format');
  return placeOptions(made)
    .option('--sections <names>', 'regions are these sections of an ELF file (all loaded ones where nothing is named)')
    .option('--regions <ranges>', 'regions are these ranges: 0x2100-0x20000,...; the end is not part of one')
    .option('--equal-to <image>', 'regions are what this image has in common with that one, and what is left')
    .option('--most <count>', 'regions, at most; the longest are taken')
    .option('--room <bytes>', 'bytes reserved for the block, where the image does not show it')
    .option(
      '--marker-at <address>',
      'where the end marker goes (default: behind the program, or its last word in an ELF file)',
    )
    .option('--frequent', 'asks the boot loader to make frequent flashing easy')
    .action(async (file: string, options: AddOptions) => {
      await add(file, options, context);
      end(0);
    });
}

async function add(file: string, options: AddOptions, context: CliContext): Promise<void> {
  const place = await blockPlace(options, context);
  const image = await readFlashImage(file, place);
  const write = writerOf(file, image);
  const optional = (option: string, text: string | undefined) =>
    text === undefined ? undefined : numberOf(option, text);
  const other = options.equalTo === undefined ? undefined : await readFlashImage(options.equalTo, place);
  const added = addChecksumBlock({
    segments: image.segments,
    position: place.position,
    memory: place.memory,
    frequent: options.frequent === true,
    markerAt: optional('--marker-at', options.markerAt),
    mostRegions: optional('--most', options.most),
    room: optional('--room', options.room),
    mayGrow: image.format !== 'elf',
    regions: rangesOf(file, image, options, other && equalRanges(image.segments, other.segments, place.memory.page)),
  });
  const content = write(added);
  try {
    await writeFile(options.out, content);
  } catch (cause) {
    throw new FlashlineError('file-unreadable', { where: { file: options.out }, params: { file: options.out }, cause });
  }
  const { markerAt, marker, page, regions } = added.block;
  if (options.json) {
    context.print(
      JSON.stringify({ type: 'checksum-block.added', file: options.out, position: place.position, ...added.block }),
    );
    return;
  }
  context.print(
    `${options.out}: a checksum block at ${hexAddress(place.position)}, end marker ${hexAddress(marker)} at ${hexAddress(markerAt)}`,
  );
  for (const { address, size, checksum } of regions)
    context.print(
      `  ${hexAddress(address)} - ${hexAddress(address + size - 1)}  ${size / page} pages, checksum ${hexAddress(checksum)}`,
    );
  if (regions.length === 0)
    context.say('No region: there is no whole page, or no room for more than the block’s head.');
}

function rangesOf(
  file: string,
  image: Opened,
  options: AddOptions,
  equal: readonly AddressRange[] | undefined,
): readonly AddressRange[] {
  const named = [options.sections, options.regions, equal].filter((way) => way !== undefined);
  if (named.length > 1) throw usage('regions come from one of --sections, --regions and --equal-to');
  const everything = image.segments.map(({ address, data }) => ({ address, size: data.length }));
  if (equal) return [...equal, ...everything];
  if (options.regions !== undefined) return options.regions.split(',').map(rangeOf);
  if (image.format !== 'elf') {
    if (options.sections !== undefined) throw usage('--sections is for ELF files; name --regions instead');
    return everything;
  }
  const sections = elfSections(file, image.bytes);
  if (options.sections === undefined) return sections.length > 0 ? sections : everything;
  return options.sections.split(',').map((name) => {
    const section = sections.find((each) => each.name === name);
    if (section) return section;
    throw usage(
      `there is no loaded section ${name}; there are ${sections.map((each) => each.name).join(', ') || 'none'}`,
    );
  });
}

function rangeOf(text: string): AddressRange {
  const [from = '', to, ...more] = text.split('-');
  const [address, end] = [numberOf('--regions', from), numberOf('--regions', to ?? '')];
  if (more.length > 0 || end <= address)
    throw usage('--regions are ranges such as 0x2100-0x20000, their ends behind their starts');
  return { address, size: end - address };
}

/** How a file of this format is written again. Throws `usage` where it could not be what it was. */
function writerOf(file: string, image: Opened): (added: AddedBlock) => Uint8Array {
  const { format, bytes, entry } = image;
  if (format === 'ihex') return ({ segments }) => writeIntelHex(segments, entry);
  if (format === 'elf') return ({ changes }) => patchedElf(file, bytes, changes);
  if (format === 'uf2') {
    const [group, ...others] = readUf2Groups(file, bytes);
    const plain = group?.blocks.every(({ flags }) => (flags & ~(Uf2Flag.familyId | Uf2Flag.md5)) === 0) === true;
    if (others.length > 0 || !plain)
      throw usage('only UF2 files of one family, without tags and files can be written again');
    const md5 = group.blocks.some((block) => block.md5 !== undefined);
    const most = Math.max(...group.blocks.map((block) => block.payload.length));
    const payload = md5 ? Math.min(most, UF2_MOST_WITH_MD5) : most;
    const family = group.family;
    return ({ segments }) => writeUf2(segments, { payload, md5, ...(family === undefined ? {} : { family }) });
  }
  if (format !== 'bin') throw usage(`a block is added to HEX, BIN, ELF and UF2, not to ${format}`);
  return ({ segments }) => {
    if (segments.length > 1)
      throw usage('block or end marker lie apart from the program: a .bin cannot hold them, write a .hex');
    return writeBin(segments, 0xff);
  };
}

function patchedElf(file: string, bytes: Uint8Array, changes: AddedBlock['changes']): Uint8Array {
  const out = bytes.slice();
  const loads = elfLoads(file, bytes);
  for (const { address, data } of changes) {
    const load = loads.find((each) => address >= each.address && address + data.length <= each.address + each.size);
    if (!load) throw usage(`no segment of the file has all of ${data.length} bytes at ${hexAddress(address)}`);
    out.set(data, load.offset + address - load.address);
  }
  return out;
}
