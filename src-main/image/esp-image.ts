import { equalBytes, fromHex, readU32 } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';

/**
 * An image for an Espressif ROM or boot loader (ESP-IDF, App Image Format), inside of whatever file format:
 *
 * | byte | 0  | 1        | 2    | 3                      | 4-7   | 12-13   | 23                  | 24-                             |
 * |------|----|----------|------|------------------------|-------|---------|---------------------|---------------------------------|
 * |      | E9 | segments | mode | size (4 high bits), rate | entry | chip id | 1: SHA-256 follows | address, length, data a segment |
 *
 * Byte 14: oldest revision that it runs on, as tools before ESP-IDF 4.4.3 wrote it; 15-16 and 17-18: oldest and newest, hundreds
 * being major. Zeros fill up to 15 modulo 16, then the checksum: all segments' bytes and 0xEF in an exclusive or. Behind it the SHA-256 of all before.
 */
export interface EspImage {
  readonly chipId: number;
  /** The chip's name, where we know the id. */
  readonly chip: string | null;
  readonly entry: number;
  readonly flashSize: string | null;
  /** Of the SPI flash: bytes, null where the header's code says nothing; lines (`qio`, ...); the code of its clock. */
  readonly flashBytes: number | null;
  readonly flashMode: string | null;
  readonly flashClock: number;
  /** Chip revisions that it runs on, hundreds being major; null: any newer one. */
  readonly revisions: { readonly min: number; readonly max: number | null };
  readonly segments: readonly { readonly address: number; readonly size: number }[];
  readonly checksum: 'right' | 'wrong';
  readonly digest: 'right' | 'wrong' | 'none';
  /** From its first byte to its last, digest included; files may hold more behind it (a signature, padding). */
  readonly size: number;
}

const MAGIC = 0xe9;
const HEADER = 24;
const MOST_SEGMENTS = 16;
const DIGEST = 32;

const CHIPS: Readonly<Record<number, string>> = {
  0: 'ESP32',
  2: 'ESP32-S2',
  5: 'ESP32-C3',
  9: 'ESP32-S3',
  12: 'ESP32-C2',
  13: 'ESP32-C6',
  16: 'ESP32-H2',
  18: 'ESP32-P4',
};
const MODES = ['qio', 'qout', 'dio', 'dout', 'fast read', 'slow read'];
const ESP32_C3 = 5;
const MIB = 1024 * 1024;
const SIZES = ['1 MiB', '2 MiB', '4 MiB', '8 MiB', '16 MiB', '32 MiB', '64 MiB', '128 MiB'];

/** Undefined for what is no such image, or one that ends before its segments do. Throws nothing. */
export function readEspImage(bytes: Uint8Array): EspImage | undefined {
  const count = bytes[1] ?? 0;
  if (bytes.length < HEADER || bytes[0] !== MAGIC || count === 0 || count > MOST_SEGMENTS) return undefined;
  const segments: { address: number; size: number }[] = [];
  let at = HEADER;
  let sum = 0xef;
  for (let left = count; left > 0; left--) {
    if (at + 8 > bytes.length) return undefined;
    const size = readU32(bytes, at + 4);
    segments.push({ address: readU32(bytes, at), size });
    at += 8;
    if (size > bytes.length - at) return undefined;
    for (const byte of bytes.subarray(at, at + size)) sum ^= byte;
    at += size;
  }
  const end = at + 16 - (at % 16);
  if (end > bytes.length) return undefined;
  const chipId = (bytes[12] ?? 0) | ((bytes[13] ?? 0) << 8);
  const digest = digestOf(bytes, end);
  return {
    chipId,
    chip: CHIPS[chipId] ?? null,
    entry: readU32(bytes, 4),
    flashSize: SIZES[(bytes[3] ?? 0) >> 4] ?? null,
    flashBytes: sizeOf((bytes[3] ?? 0) >> 4),
    flashMode: MODES[bytes[2] ?? 0xff] ?? null,
    flashClock: (bytes[3] ?? 0) & 0xf,
    revisions: revisionsOf(bytes, chipId),
    segments,
    checksum: bytes[end - 1] === sum ? 'right' : 'wrong',
    digest,
    size: digest === 'none' ? end : Math.min(end + DIGEST, bytes.length),
  };
}

function digestOf(bytes: Uint8Array, end: number): EspImage['digest'] {
  if (bytes[23] !== 1) return 'none';
  const found = bytes.subarray(end, end + DIGEST);
  return equalBytes(found, fromHex(sha256Hex(bytes.subarray(0, end)))) ? 'right' : 'wrong';
}

function sizeOf(code: number): number | null {
  return code < SIZES.length ? MIB * 2 ** code : null;
}

/** The two words count where the newest was set, if only to `any`; before, byte 14 was the major one, on ESP32-C3 the minor one. */
function revisionsOf(bytes: Uint8Array, chipId: number): EspImage['revisions'] {
  const half = (at: number) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const max = half(17);
  if (max !== 0) return { min: half(15), max: max === 0xffff ? null : max };
  const old = bytes[14] ?? 0;
  return { min: Math.max(half(15), chipId === ESP32_C3 ? old : old * 100), max: null };
}
