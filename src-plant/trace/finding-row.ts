import { z } from 'zod';
import { Finding } from '#shared/contract/plant/web-messages.ts';
import { CountColumn, TimeColumn, TimeOrNull } from '../database/columns.ts';

export const FINDING_COLUMNS = 'id, kind, product, serial, station, detail, found_at, settled_at, settled_by, note';

const Columns = z.object({
  id: CountColumn,
  kind: Finding.shape.kind,
  product: z.string().nullable(),
  serial: z.string().nullable(),
  station: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
  found_at: TimeColumn,
  settled_at: TimeOrNull,
  settled_by: z.string().nullable(),
  note: z.string().nullable(),
});
type Columns = z.infer<typeof Columns>;

/** PostgreSQL's own way to write an instant into JSON. */
const JsonTime = z.iso.datetime({ offset: true }).transform((at) => new Date(at).toISOString());

/** A row of `findings` as the contract has it; what whoever settled it wrote stands with the details. */
export const FindingRow = Columns.transform(findingOf);
/** The same row inside of JSON. */
export const FindingJson = Columns.extend({ found_at: JsonTime, settled_at: JsonTime.nullable() }).transform(findingOf);

function findingOf({ detail, found_at, settled_at, settled_by, note, ...row }: Columns): Finding {
  const words = Object.entries(detail).map(([key, value]) => [key, wordOf(value)]);
  return {
    ...row,
    detail: { ...Object.fromEntries(words), ...(note === null ? {} : { note }) },
    foundAt: found_at,
    settledAt: settled_at,
    settledBy: settled_by,
  };
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
