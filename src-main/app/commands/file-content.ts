import { toHex } from '#shared/base/bytes.ts';
import { type NvsContent, looksLikeNvs, readNvs } from '../../image/nvs/nvs-reader.ts';
import type { NvsEntry } from '../../image/nvs/nvs-format.ts';
import { partitionSubtypeName, partitionTypeName } from '../../image/partition-names.ts';
import {
  isPartitionTable,
  type Partition,
  type PartitionTable,
  readPartitionTable,
} from '../../image/partition-table.ts';

/** What a plain binary is, where it says so itself. */
export type FileContent =
  | { readonly is: 'nvs'; readonly nvs: NvsContent }
  | { readonly is: 'partitions'; readonly table: PartitionTable };

export function readContent(bytes: Uint8Array): FileContent | undefined {
  if (looksLikeNvs(bytes)) return { is: 'nvs', nvs: readNvs(bytes) };
  return isPartitionTable(bytes) ? { is: 'partitions', table: readPartitionTable(bytes) } : undefined;
}

/** 64-bit numbers as text: JSON has none. */
export function jsonContent(content: FileContent): object {
  if (content.is === 'partitions') return { partitions: content.table };
  const { nvs } = content;
  const entries = nvs.entries.map((entry) => {
    const { namespace, key, type } = entry;
    return { namespace, key, type, value: valueText(entry) };
  });
  return { nvs: { ...nvs, entries } };
}

export function contentLines(content: FileContent): string[] {
  return content.is === 'nvs' ? nvsLines(content.nvs) : partitionLines(content.table);
}

export function nvsLines({ pages, entries, problems }: NvsContent): string[] {
  return [
    `  NVS partition, version ${pages[0]?.version ?? '?'}: ${pages.length} pages in use`,
    ...pages.map(({ sequence, state, used }) => `    page ${sequence}: ${state}, ${used} of 126 entries`),
    ...entries.map(
      (entry) => `    ${`${entry.namespace}/${entry.key}`.padEnd(32)} ${entry.type.padEnd(6)} ${valueText(entry)}`,
    ),
    ...problems.map((problem) => `    problem: ${problem}`),
  ];
}

function valueText(entry: NvsEntry): string {
  return entry.type === 'blob' ? toHex(entry.value) : String(entry.value);
}

export function partitionLines({ partitions, md5, fault }: PartitionTable): string[] {
  return [
    `  partition table: ${partitions.length} partitions, MD5 ${md5}`,
    ...partitions.map(partitionLine),
    ...(fault === undefined ? [] : [`    problem: ${fault}`]),
  ];
}

function partitionLine({ label, type, subtype, offset, size, encrypted, readOnly }: Partition): string {
  const hex = (value: number) => `0x${value.toString(16)}`.padEnd(10);
  const kind = `${partitionTypeName(type)} ${partitionSubtypeName(type, subtype)}`.padEnd(16);
  const flags = [...(encrypted ? ['encrypted'] : []), ...(readOnly ? ['readonly'] : [])].join(' ');
  return `    ${label.padEnd(16)} ${kind} ${hex(offset)} ${hex(size)} ${flags}`.trimEnd();
}
