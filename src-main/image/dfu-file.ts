import { concat, equalBytes, readU32, writeU32 } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readBin } from './bin.ts';
import type { Image, Segment } from './image.ts';
import { ADDRESS_SPACE, SegmentCollector } from './segments.ts';

/**
 * Files for DFU devices: a suffix that names them and carries a CRC (DFU 1.1, appendix B); in between plain bytes, or
 * ST's DfuSe format with addresses (UM0391).
 */

/** The device that a file is for; 0xFFFF is any. */
export interface FileDevice {
  readonly vendorId: number;
  readonly productId: number;
  /** bcdDevice. */
  readonly release: number;
}

/** `bcdDevice16 idProduct16 idVendor16 bcdDFU16 "UFD" bLength8 dwCRC32`, little endian. */
const SUFFIX_BYTES = 16;
const SIGNATURE = [0x55, 0x46, 0x44];
const DFU_VERSION = 0x0100;
const DFUSE_VERSION = 0x011a;

/** `"DfuSe" version8 size32 targets8`, then targets `"Target" alternate8 named32 name255 size32 elements32`. */
const PREFIX_MAGIC = 'DfuSe';
const PREFIX_BYTES = 11;
const TARGET_MAGIC = 'Target';
const TARGET_BYTES = 274;
const NAME_AT = 11;
const NAME_BYTES = 255;
/** `address32 size32`, then the bytes. */
const ELEMENT_BYTES = 8;

/** Whether the bytes end as a DFU file does; damage is told when it is read. */
export function looksLikeDfu(bytes: Uint8Array): boolean {
  const at = bytes.length - 8;
  return bytes.length >= SUFFIX_BYTES && SIGNATURE.every((byte, index) => bytes[at + index] === byte);
}

/** Throws `image-syntax` with the offset, `image-overlap`, `image-empty`, or `image-needs-address` (plain files). */
export function readDfu(file: string, bytes: Uint8Array, address?: number): Image {
  const { device, body } = withoutSuffix(file, bytes);
  if (!startsWith(body, 0, PREFIX_MAGIC)) return { ...readBin(file, body, address), format: 'dfu', device };
  const segments = readTargets(file, body);
  if (segments.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  return { format: 'dfuse', segments, device };
}

function withoutSuffix(file: string, bytes: Uint8Array): { device: FileDevice; body: Uint8Array } {
  const length = bytes.at(-5) ?? 0;
  if (!looksLikeDfu(bytes) || length < SUFFIX_BYTES || length > bytes.length) {
    throw syntax(file, Math.max(0, bytes.length - SUFFIX_BYTES), 'the suffix that ends a DFU file');
  }
  const crcAt = bytes.length - 4;
  // The CRC is kept without its final inversion (appendix B.3).
  if (readU32(bytes, crcAt) !== ~crc32(bytes.subarray(0, crcAt)) >>> 0) {
    throw syntax(file, crcAt, 'the CRC of the bytes before it: the file is damaged');
  }
  const word = (at: number) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const at = bytes.length - SUFFIX_BYTES;
  const device = { release: word(at), productId: word(at + 2), vendorId: word(at + 4) };
  return { device, body: bytes.subarray(0, bytes.length - length) };
}

function readTargets(file: string, body: Uint8Array): Segment[] {
  if (body.length < PREFIX_BYTES) throw syntax(file, body.length, 'the rest of the DfuSe prefix');
  const size = readU32(body, 6);
  // The length of the whole file (UM0391); some writers leave the suffix out of it.
  const isLength = size === body.length || size === body.length + SUFFIX_BYTES;
  if (body[5] !== 1 || !isLength) throw syntax(file, 5, `DfuSe version 1 with ${body.length} bytes`);
  const collector = new SegmentCollector(file, 'offset', body.length);
  let at = PREFIX_BYTES;
  for (let target = 0; target < (body[10] ?? 0); target++) {
    if (!startsWith(body, at, TARGET_MAGIC) || at + TARGET_BYTES > body.length)
      throw syntax(file, at, 'a DfuSe target');
    const end = at + TARGET_BYTES + readU32(body, at + 266);
    const elements = readU32(body, at + 270);
    at += TARGET_BYTES;
    for (let element = 0; element < elements; element++) at = readElement(file, body, at, collector);
    if (at !== end) throw syntax(file, at, `the end of target ${target}`);
  }
  if (at !== body.length) throw syntax(file, at, 'the end of the DfuSe targets');
  return collector.segments();
}

function readElement(file: string, body: Uint8Array, at: number, collector: SegmentCollector): number {
  if (at + ELEMENT_BYTES > body.length) throw syntax(file, at, 'an element with address and size');
  const [address, size] = [readU32(body, at), readU32(body, at + 4)];
  const end = at + ELEMENT_BYTES + size;
  if (end > body.length) throw syntax(file, at + 4, 'a size that the file has bytes for');
  if (address + size > ADDRESS_SPACE) throw syntax(file, at, 'an element that ends below 4 GiB');
  collector.add(address, body, at + ELEMENT_BYTES, end, at);
  return end;
}

/** A DfuSe file of one target, for alternate setting 0. */
export function writeDfuSe(segments: readonly Segment[], device: FileDevice, targetName: string): Uint8Array {
  const elements = segments.flatMap(({ address, data }) => [wordsOf(address, data.length), data]);
  const size = elements.reduce((sum, { length }) => sum + length, 0);
  const target = new Uint8Array(TARGET_BYTES);
  const encoder = new TextEncoder();
  encoder.encodeInto(TARGET_MAGIC, target);
  writeU32(target, 7, 1);
  encoder.encodeInto(targetName, target.subarray(NAME_AT, NAME_AT + NAME_BYTES - 1));
  writeU32(target, 266, size);
  writeU32(target, 270, segments.length);
  const prefix = new Uint8Array(PREFIX_BYTES);
  encoder.encodeInto(PREFIX_MAGIC, prefix);
  prefix[5] = 1;
  writeU32(prefix, 6, PREFIX_BYTES + TARGET_BYTES + size + SUFFIX_BYTES);
  prefix[10] = 1;
  return withSuffix(concat([prefix, target, ...elements]), device, DFUSE_VERSION);
}

/** Plain bytes for a DFU 1.1 device, with the suffix. */
export function writeDfu(data: Uint8Array, device: FileDevice): Uint8Array {
  return withSuffix(data, device, DFU_VERSION);
}

function withSuffix(body: Uint8Array, { release, productId, vendorId }: FileDevice, version: number): Uint8Array {
  const ids = [release, productId, vendorId, version].flatMap((value) => [value & 0xff, value >>> 8]);
  const bytes = concat([body, Uint8Array.from([...ids, ...SIGNATURE, SUFFIX_BYTES, 0, 0, 0, 0])]);
  const crcAt = bytes.length - 4;
  writeU32(bytes, crcAt, ~crc32(bytes.subarray(0, crcAt)) >>> 0);
  return bytes;
}

function wordsOf(...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, index) => writeU32(bytes, index * 4, word));
  return bytes;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  return equalBytes(bytes.subarray(at, at + text.length), new TextEncoder().encode(text));
}

function syntax(file: string, offset: number, expected: string): FlashlineError {
  return new FlashlineError('image-syntax', { where: { file, offset }, params: { expected } });
}
