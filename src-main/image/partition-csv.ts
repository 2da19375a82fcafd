import { FlashlineError } from '#shared/model/failure.ts';
import { PARTITION_SUBTYPES, PARTITION_TYPES, partitionSubtypeName, partitionTypeName } from './partition-names.ts';
import { alignmentOf, APPLICATION, LABEL_BYTES, MOST_PARTITIONS, type Partition, SECTOR } from './partition-table.ts';

/** Where the table stands, which is where the first partition may begin: one sector behind it. */
export interface PartitionCsvOptions {
  readonly tableOffset: number;
}

type Fail = (expected: string) => FlashlineError;

/** Espressif's CSV: name, type, subtype, offset, size, flags; an empty offset is the next possible. Throws `image-syntax`. */
export function readPartitionCsv(file: string, text: string, { tableOffset }: PartitionCsvOptions): Partition[] {
  const partitions: Partition[] = [];
  let next = tableOffset + SECTOR;
  for (const [index, row] of text
    .replace(/^\uFEFF/u, '')
    .split(/\r\n|\n|\r/u)
    .entries()) {
    if (row.trim() === '' || row.trim().startsWith('#')) continue;
    const fail: Fail = (expected) => syntax(file, index + 1, expected);
    const partition = partitionOf(
      row.split(',').map((cell) => cell.trim()),
      next,
      fail,
    );
    if (partition.offset < next) throw fail(`an offset from 0x${next.toString(16)} on, where what stands before ends`);
    if (partitions.some(({ label }) => label === partition.label))
      throw fail(`a name that is not ${partition.label} once more`);
    if (partitions.length === MOST_PARTITIONS) throw fail(`no more than ${MOST_PARTITIONS} partitions`);
    partitions.push(partition);
    next = partition.offset + partition.size;
  }
  return partitions;
}

function partitionOf(cells: readonly string[], next: number, fail: Fail): Partition {
  const [label = '', typeText = '', subtypeText = '', offsetText = '', sizeText = '', flagText = ''] = cells;
  const nameBytes = new TextEncoder().encode(label).length;
  if (nameBytes === 0 || nameBytes > LABEL_BYTES) throw fail(`a name of 1 to ${LABEL_BYTES} bytes`);
  const type = byteOf(typeText, PARTITION_TYPES, fail);
  const subtype = subtypeOf(type, subtypeText, fail);
  const alignment = alignmentOf(type);
  const offset = offsetText === '' ? Math.ceil(next / alignment) * alignment : numberOf(offsetText, fail);
  if (offset % alignment !== 0) throw fail(`an offset of whole 0x${alignment.toString(16)}`);
  const given = numberOf(sizeText, fail);
  // Up to there.
  const size = given < 0 ? -given - offset : given;
  if (size <= 0 || offset + size > 2 ** 32) throw fail('a size that ends within 4 GiB');
  const flags = flagText.split(':').filter(Boolean);
  const unknown = flags.find((flag) => flag !== 'encrypted' && flag !== 'readonly');
  if (unknown !== undefined) throw fail(`the flags encrypted and readonly instead of ${unknown}`);
  return {
    label,
    type,
    subtype,
    offset,
    size,
    encrypted: flags.includes('encrypted'),
    readOnly: flags.includes('readonly'),
  };
}

function subtypeOf(type: number, text: string, fail: Fail): number {
  if (text !== '') return byteOf(text, PARTITION_SUBTYPES[type] ?? {}, fail);
  if (type === APPLICATION) throw fail('a subtype of an app partition');
  return PARTITION_SUBTYPES[1]?.['undefined'] ?? 0;
}

function byteOf(text: string, names: Readonly<Record<string, number>>, fail: Fail): number {
  const lower = text.toLowerCase();
  const named = Object.hasOwn(names, lower) ? names[lower] : undefined;
  if (named !== undefined) return named;
  const value = /^(?:0x[0-9a-f]+|[0-9]+)$/iu.test(text) ? Number(text) : -1;
  if (value >= 0 && value <= 0xff) return value;
  throw fail(`one of ${Object.keys(names).join(', ')}, or a number up to 0xff, instead of ${JSON.stringify(text)}`);
}

/** With K and M, as in the published tables. */
function numberOf(text: string, fail: Fail): number {
  const [, sign, digits, unit = ''] = /^(-?)(0x[0-9a-f]+|[0-9]+)([km]?)$/iu.exec(text) ?? [];
  if (digits === undefined) throw fail(`a number such as 0x9000, 24K or 1M instead of ${JSON.stringify(text)}`);
  const factor = { '': 1, k: 1024, m: 1024 * 1024 }[unit.toLowerCase()] ?? 1;
  return Number(digits) * factor * (sign === '-' ? -1 : 1);
}

function syntax(file: string, line: number, expected: string): FlashlineError {
  return new FlashlineError('image-syntax', { where: { file, line }, params: { expected } });
}

/** The same table as CSV again, every offset written out. */
export function partitionCsv(partitions: readonly Partition[]): string {
  const rows = partitions.map(({ label, type, subtype, offset, size, encrypted, readOnly }) => {
    const flags = [...(encrypted ? ['encrypted'] : []), ...(readOnly ? ['readonly'] : [])].join(':');
    const hex = (value: number) => `0x${value.toString(16)}`;
    return [label, partitionTypeName(type), partitionSubtypeName(type, subtype), hex(offset), hex(size), flags].join(
      ',',
    );
  });
  return ['# Name,Type,SubType,Offset,Size,Flags', ...rows, ''].join('\n');
}
