import { concat, fromHex, readU32, toHex, writeU32 } from '#shared/base/bytes.ts';
import { md5Hex } from '#shared/base/digest.ts';

/**
 * ESP-IDF's table of what lies where in the flash (Partition Tables): rows of 32 bytes, an end of FF.
 *
 * | byte | 0-1   | 2                      | 3       | 4-7    | 8-11 | 12-27       | 28-31                            |
 * |------|-------|------------------------|---------|--------|------|-------------|----------------------------------|
 * |      | AA 50 | type: 0 an application | subtype | offset | size | label, zero | flags: 1 encrypted, 2 read only  |
 *
 * A row that begins with EB EB holds, from byte 16, the MD5 of the rows before it.
 */
export interface Partition {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly size: number;
  readonly encrypted: boolean;
  readonly readOnly: boolean;
}

/** Of a sector the last 1 KiB is kept for a signature. */
export const TABLE_BYTES = 0xc00;
export const APPLICATION = 0;
export const LABEL_BYTES = 16;
const ROW = 32;
/** One row is the MD5's. */
export const MOST_PARTITIONS = TABLE_BYTES / ROW - 1;
export const SECTOR = 0x1000;
/** What an application is mapped by. */
const APPLICATION_ALIGN = 0x10000;
const ENCRYPTED = 1;
const READ_ONLY = 2;

/** What a partition of this type begins at a multiple of. */
export function alignmentOf(type: number): number {
  return type === APPLICATION ? APPLICATION_ALIGN : SECTOR;
}

export function isPartitionTable(bytes: Uint8Array): boolean {
  return bytes[0] === 0xaa && bytes[1] === 0x50;
}

export interface PartitionTable {
  readonly partitions: readonly Partition[];
  readonly md5: 'right' | 'wrong' | 'none';
  /** What is wrong with it, in words; undefined for one that a boot loader takes. */
  readonly fault?: string;
}

/** `at`: where the table itself stands, where that is known. Throws nothing. */
export function readPartitionTable(bytes: Uint8Array, at?: number): PartitionTable {
  const partitions: Partition[] = [];
  for (let row = 0; row + ROW <= Math.min(bytes.length, TABLE_BYTES); row += ROW) {
    const entry = bytes.subarray(row, row + ROW);
    if (entry[0] === 0xeb && entry[1] === 0xeb) {
      if (toHex(entry.subarray(16)) !== md5Hex(bytes.subarray(0, row)))
        return { partitions, md5: 'wrong', fault: 'its MD5 is not that of its rows' };
      return { partitions, md5: 'right', ...faultOf(partitions, at) };
    }
    if (entry.every((byte) => byte === 0xff)) return { partitions, md5: 'none', ...faultOf(partitions, at) };
    if (!isPartitionTable(entry)) return { partitions, md5: 'none', fault: `row ${row / ROW + 1} is none` };
    partitions.push(partitionOf(entry));
  }
  return { partitions, md5: 'none', fault: 'it has no end' };
}

function partitionOf(entry: Uint8Array): Partition {
  const text = entry.subarray(12, 28);
  const end = text.indexOf(0);
  const flags = readU32(entry, 28);
  return {
    label: new TextDecoder().decode(end < 0 ? text : text.subarray(0, end)),
    type: entry[2] ?? 0,
    subtype: entry[3] ?? 0,
    offset: readU32(entry, 4),
    size: readU32(entry, 8),
    encrypted: (flags & ENCRYPTED) !== 0,
    readOnly: (flags & READ_ONLY) !== 0,
  };
}

function faultOf(partitions: readonly Partition[], at: number | undefined): { readonly fault?: string } {
  const sorted = partitions.toSorted((a, b) => a.offset - b.offset);
  for (const [index, { label, type, offset, size }] of sorted.entries()) {
    const align = alignmentOf(type);
    if (offset % align !== 0) return { fault: `“${label}” does not begin at a multiple of ${align / 1024} KiB` };
    if (size === 0) return { fault: `“${label}” has no size` };
    const before = sorted[index - 1];
    if (before && before.offset + before.size > offset) return { fault: `“${before.label}” reaches into “${label}”` };
    if (at !== undefined && offset < at + SECTOR && offset + size > at)
      return { fault: `“${label}” lies on the table itself` };
  }
  return partitions.length === 0 ? { fault: 'it has no rows' } : {};
}

/** The table with its MD5 row, as it stands in flash. RangeError for what a table cannot hold; who reads CSV has checked. */
export function writePartitionTable(partitions: readonly Partition[]): Uint8Array {
  if (partitions.length > MOST_PARTITIONS) throw new RangeError(`more than ${MOST_PARTITIONS} partitions`);
  const rows = concat(partitions.map(rowOf));
  const table = new Uint8Array(TABLE_BYTES).fill(0xff);
  table.set(rows);
  table.set([0xeb, 0xeb], rows.length);
  table.set(fromHex(md5Hex(rows)), rows.length + 16);
  return table;
}

function rowOf({ label, type, subtype, offset, size, encrypted, readOnly }: Partition): Uint8Array {
  const text = new TextEncoder().encode(label);
  if (text.length > LABEL_BYTES) throw new RangeError(`the label ${label} is too long`);
  const row = new Uint8Array(ROW);
  row.set([0xaa, 0x50, type, subtype]);
  writeU32(row, 4, offset);
  writeU32(row, 8, size);
  row.set(text, 12);
  writeU32(row, 28, (encrypted ? ENCRYPTED : 0) | (readOnly ? READ_ONLY : 0));
  return row;
}
