import type { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { describeImage, type ImageDescription } from '../../image/describe-image.ts';
import { describeUf2 } from '../../image/describe-uf2.ts';
import { type EspImage, readEspImage } from '../../image/esp-image.ts';
import type { Segment } from '../../image/image.ts';
import { isMcuboot } from '../../image/mcuboot.ts';
import { openImage } from '../../image/open-image.ts';
import { isUf2 } from '../../image/uf2-block.ts';
import { blockLines, shownBlock } from './checksum-block.ts';
import { knownBlocks } from './checksum-block-place.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { numberOf } from './numbers.ts';
import { signatureLines, type SignatureView, viewSignatures } from './signature-lines.ts';
import { contentLines, type FileContent, jsonContent, readContent } from './file-content.ts';
import { readInput } from './files.ts';

export function inspectCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command(
    'inspect',
    'shows an image: format, segments, digests; of a UF2 file blocks, families and tags; of an Espressif image its header; checksum blocks; NVS, partition tables, signatures',
    ['inspect hello.hex', 'inspect firmware.bin --address 0x8000 --json', 'inspect current.uf2'],
  )
    .argument('<file>', 'Intel HEX, Motorola S-record, ELF32, UF2, .dfu or .bin')
    .option('--address <address>', 'where a .bin goes, or a .dfu without addresses')
    .action(async (file: string, options: CommonOptions & { address?: string }) => {
      const bytes = await readInput(file);
      const address = options.address === undefined ? undefined : numberOf('--address', options.address);
      if (isUf2(bytes)) {
        await showUf2(context, file, bytes, options.json === true);
        end(0);
        return;
      }
      // It says itself where its parts run; where it lies in the flash is not asked.
      const esp = readEspImage(bytes);
      const content = readContent(bytes);
      const isPlaced = esp !== undefined || content !== undefined || isMcuboot(bytes);
      const image = openImage(file, bytes, { address: isPlaced ? (address ?? 0) : address });
      const description = describeImage(image);
      const signatures = viewSignatures(image.segments[0]?.data ?? new Uint8Array());
      // Without addresses it cannot stand where a chip has it.
      const blocks = isPlaced ? NO_BLOCKS : await blocksOf(context, () => image.segments);
      if (options.json) {
        const all = { ...description, ...more(esp, content, signatures), ...blocks.json };
        context.print(JSON.stringify({ type: 'image', file, ...all }));
      } else {
        const { format, entry, device, size, sha256, segments } = description;
        context.print(`${file}: ${format}, ${size} bytes${entry === null ? '' : `, entry ${hexAddress(entry)}`}`);
        context.print(`  sha256 ${sha256}`);
        if (device !== null) context.print(`  for the USB device ${device}`);
        printSegments(context, segments);
        if (esp) printEsp(context, esp);
        for (const line of content ? contentLines(content) : []) context.print(line);
        for (const line of signatures ? signatureLines(signatures) : []) context.print(line);
        for (const line of blocks.lines) context.print(line);
      }
      end(0);
    });
}

function more(
  esp: EspImage | undefined,
  content: FileContent | undefined,
  signatures: SignatureView | undefined,
): object {
  return { ...(esp ? { esp } : {}), ...(content ? jsonContent(content) : {}), ...(signatures ? { signatures } : {}) };
}

const NO_BLOCKS = { lines: [] as readonly string[], json: {} };

/** The checksum blocks that count, at the places where the chips known here have theirs. */
async function blocksOf(context: CliContext, segments: (chip: ChipDescription) => readonly Segment[]) {
  const known = await knownBlocks(context, segments);
  if (known.length === 0) return NO_BLOCKS;
  const shown = known.map(({ chip, place, block }) => {
    const own = place.chip ? segments(place.chip) : [];
    return { json: { chip, ...shownBlock(block, own, place) }, lines: blockLines(chip, block, own, place) };
  });
  return {
    lines: shown.flatMap(({ lines }) => lines.map((line) => `  ${line}`)),
    json: { checksumBlocks: shown.map(({ json }) => json) },
  };
}

/** What a UF2 file holds for the chip; nothing where it holds firmware of other families alone. */
function uf2Segments(file: string, bytes: Uint8Array, { uf2 }: ChipDescription): readonly Segment[] {
  if (!uf2) return [];
  try {
    return openImage(file, bytes, { families: uf2.families }).segments;
  } catch (error) {
    if (error instanceof FlashlineError) return [];
    throw error;
  }
}

function printSegments(context: CliContext, segments: ImageDescription['segments']): void {
  for (const { address, size, sha256 } of segments) {
    const last = address + size - 1;
    context.print(`  ${hexAddress(address)} - ${hexAddress(last)}  ${String(size).padStart(8)} bytes  ${sha256}`);
  }
}

function printEsp(
  context: CliContext,
  { chip, chipId, entry, flashSize, flashMode, revisions, segments, checksum, digest, size }: EspImage,
): void {
  const flash = flashSize === null ? '' : `, flash of ${flashSize} (${flashMode ?? 'unknown mode'})`;
  context.print(
    `  Espressif image for ${chip ?? `chip id ${chipId}`}: ${size} bytes, entry ${hexAddress(entry)}${flash}`,
  );
  const text = (revision: number) => `${Math.floor(revision / 100)}.${revision % 100}`;
  const newest = revisions.max === null ? 'or newer' : `to ${text(revisions.max)}`;
  context.print(`    chip revision ${text(revisions.min)} ${newest}`);
  context.print(`    checksum ${checksum}, SHA-256 ${digest}`);
  for (const segment of segments) context.print(`    runs at ${hexAddress(segment.address)}  ${segment.size} bytes`);
}

/** A UF2 file may hold several firmwares: each is shown by its family. */
async function showUf2(context: CliContext, file: string, bytes: Uint8Array, json: boolean): Promise<void> {
  const description = describeUf2(file, bytes);
  const blocks = await blocksOf(context, (chip) => uf2Segments(file, bytes, chip));
  if (json) {
    context.print(JSON.stringify({ type: 'image', file, ...description, ...blocks.json }));
    return;
  }
  context.print(`${file}: uf2, ${description.blocks} blocks`);
  for (const { family, blocks, skipped, tags, files, problem, segments } of description.families) {
    context.print(
      `  family ${family ?? 'none'}, ${blocks} blocks${skipped > 0 ? `, ${skipped} not for the flash` : ''}`,
    );
    for (const { name, value } of tags) context.print(`    ${name}: ${value}`);
    for (const { name, size } of files) context.print(`    file ${name}: ${size} bytes`);
    if (problem !== null) context.print(`    not usable: ${problem}`);
    printSegments(context, segments);
  }
  for (const line of blocks.lines) context.print(line);
}
