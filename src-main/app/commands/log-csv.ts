import type { UnitRecord } from '#shared/model/unit-record.ts';

/** What a record is in one line of a table, in this order. */
const COLUMNS: Readonly<Record<string, (record: UnitRecord) => string | number | null | undefined>> = {
  sequence: (record) => record.sequence,
  finishedAt: (record) => record.finishedAt,
  product: (record) => record.product.id,
  revision: (record) => record.product.revision,
  serial: (record) => record.serial,
  uid: (record) => record.uid,
  chip: (record) => record.chip,
  release: (record) => record.release,
  verdict: (record) => record.verdict,
  code: (record) => record.failure?.code,
  blame: (record) => record.failure?.blame,
  station: (record) => record.station,
  slot: (record) => record.slot,
  operator: (record) => record.operator,
  startedAt: (record) => record.startedAt,
  bytesWritten: (record) => record.bytesWritten,
  process: (record) => record.process,
  order: (record) => record.order,
  batch: (record) => record.batch,
  macs: (record) => record.macs?.join(' '),
  images: (record) => record.images.map(({ sha256 }) => sha256.expected).join(' '),
  hash: (record) => record.hash,
};

export const CSV_HEAD = Object.keys(COLUMNS).join(',');

export function csvLine(record: UnitRecord): string {
  return Object.values(COLUMNS)
    .map((column) => csvCell(String(column(record) ?? '')))
    .join(',');
}

/** RFC 4180, and no cell that a spreadsheet would run as a formula. */
export function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
