import { readU32, toHex } from '#shared/base/bytes.ts';
import { md5Hex } from '#shared/base/digest.ts';

/**
 * ESP-IDF's table of what lies where in the flash (Partition Tables): rows of 32 bytes, an end of FF.
 *
 * | byte | 0-1   | 2                      | 3       | 4-7    | 8-11 | 12-27       | 28-31               |
 * |------|-------|------------------------|---------|--------|------|-------------|---------------------|
 * |      | AA 50 | type: 0 an application | subtype | offset | size | label, zero | flags: 1 enciphered |
 *
 * A row that begins with EB EB holds, from byte 16, the MD5 of the rows before it.
 */
export interface Partition {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly size: number;
}

/** Of a sector the last 1 KiB is kept for a signature. */
export const TABLE_BYTES = 0xc00;
export const APPLICATION = 0;
const ROW = 32;
const SECTOR = 0x1000;
/** What an application is mapped by. */
const APPLICATION_ALIGN = 0x10000;

export function isPartitionTable(bytes: Uint8Array): boolean {
  return bytes[0] === 0xaa && bytes[1] === 0x50;
}

export interface PartitionTable {
  readonly partitions: readonly Partition[];
  /** What is wrong with it, in words; undefined for one that a boot loader takes. */
  readonly fault?: string;
}

/** `at`: where the table itself stands. Throws nothing. */
export function readPartitionTable(bytes: Uint8Array, at: number): PartitionTable {
  const partitions: Partition[] = [];
  for (let row = 0; row + ROW <= Math.min(bytes.length, TABLE_BYTES); row += ROW) {
    const entry = bytes.subarray(row, row + ROW);
    if (entry[0] === 0xeb && entry[1] === 0xeb) {
      if (toHex(entry.subarray(16)) !== md5Hex(bytes.subarray(0, row)))
        return { partitions, fault: 'its MD5 is not that of its rows' };
      return { partitions, ...faultOf(partitions, at) };
    }
    if (entry.every((byte) => byte === 0xff)) return { partitions, ...faultOf(partitions, at) };
    if (!isPartitionTable(entry)) return { partitions, fault: `row ${row / ROW + 1} is none` };
    partitions.push(partitionOf(entry));
  }
  return { partitions, fault: 'it has no end' };
}

function partitionOf(entry: Uint8Array): Partition {
  const text = entry.subarray(12, 28);
  const end = text.indexOf(0);
  return {
    label: String.fromCharCode(...(end < 0 ? text : text.subarray(0, end))),
    type: entry[2] ?? 0,
    subtype: entry[3] ?? 0,
    offset: readU32(entry, 4),
    size: readU32(entry, 8),
  };
}

function faultOf(partitions: readonly Partition[], at: number): { readonly fault?: string } {
  const sorted = partitions.toSorted((a, b) => a.offset - b.offset);
  for (const [index, { label, type, offset, size }] of sorted.entries()) {
    const align = type === APPLICATION ? APPLICATION_ALIGN : SECTOR;
    if (offset % align !== 0) return { fault: `“${label}” does not begin at a multiple of ${align / 1024} KiB` };
    if (size === 0) return { fault: `“${label}” has no size` };
    const before = sorted[index - 1];
    if (before && before.offset + before.size > offset) return { fault: `“${before.label}” reaches into “${label}”` };
    if (offset < at + SECTOR && offset + size > at) return { fault: `“${label}” lies on the table itself` };
  }
  return partitions.length === 0 ? { fault: 'it has no rows' } : {};
}
