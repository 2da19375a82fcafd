import { FlashlineError } from '#shared/model/failure.ts';
import { readBin } from './bin.ts';
import { looksLikeDfu, readDfu } from './dfu-file.ts';
import { ELF_MAGIC, readElf } from './elf.ts';
import { readIntelHex } from './ihex.ts';
import type { Image, ImageFormat } from './image.ts';
import { readSRecords } from './srec.ts';
import { isUf2 } from './uf2-block.ts';
import { readUf2 } from './uf2.ts';

const EXTENSIONS: Readonly<Record<string, ImageFormat>> = {
  hex: 'ihex',
  ihex: 'ihex',
  ihx: 'ihex',
  srec: 'srec',
  s19: 'srec',
  s28: 'srec',
  s37: 'srec',
  mot: 'srec',
  elf: 'elf',
  axf: 'elf',
  out: 'elf',
  uf2: 'uf2',
  bin: 'bin',
  dfu: 'dfu',
};

export interface OpenOptions {
  /** Where a .bin goes, or a .dfu without addresses; other formats carry their addresses, and it is not looked at. */
  readonly address?: number | undefined;
  /** The chip's UF2 families: which of the firmwares in a .uf2 is meant. */
  readonly families?: readonly number[] | undefined;
}

/**
 * Reads an image of any format we know. `fileName` names it in messages and gives the extension.
 * Throws `image-syntax`, `image-overlap`, `image-empty`, `image-needs-address`, `image-family`, or `image-format` (neither
 * content nor extension is known).
 */
export function openImage(fileName: string, bytes: Uint8Array, { address, families }: OpenOptions = {}): Image {
  if (bytes.length === 0)
    throw new FlashlineError('image-empty', { where: { file: fileName }, params: { file: fileName } });
  const format = detectFormat(fileName, bytes, address !== undefined);
  if (!format) throw new FlashlineError('image-format', { where: { file: fileName }, params: { file: fileName } });
  if (format === 'uf2') return readUf2(fileName, bytes, families);
  return READERS[format](fileName, bytes, address);
}

const READERS: Readonly<
  Record<Exclude<ImageFormat, 'uf2'>, (file: string, bytes: Uint8Array, address?: number) => Image>
> = {
  ihex: readIntelHex,
  srec: readSRecords,
  elf: readElf,
  bin: readBin,
  dfu: readDfu,
  dfuse: readDfu,
};

/**
 * Content first, then the extension: tools name files freely. But for .bin: plain bytes may begin with anything, only
 * the magic of ELF or UF2 there cannot be meant (as an initial stack pointer it would point outside every chip's RAM).
 */
function detectFormat(fileName: string, bytes: Uint8Array, hasAddress: boolean): ImageFormat | undefined {
  const extension = /\.([^./\\]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? '';
  const named = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
  if (ELF_MAGIC.every((byte, index) => bytes[index] === byte)) return 'elf';
  // Two magic numbers that were drawn by lot: no plain binary begins with them either.
  if (isUf2(bytes)) return 'uf2';
  if (named === 'bin') return 'bin';
  if (looksLikeDfu(bytes)) return 'dfu';
  return formatOfText(bytes) ?? named ?? (hasAddress ? 'bin' : undefined);
}

function formatOfText(bytes: Uint8Array): ImageFormat | undefined {
  const first = bytes.findIndex((byte) => byte > 0x20);
  const start = String.fromCharCode(...bytes.subarray(first, first + 2));
  if (start.startsWith(':')) return 'ihex';
  return /^S[0-9]/.test(start) ? 'srec' : undefined;
}
