import type { Finding } from '#shared/contract/plant/web-messages.ts';
import type { Sql } from '../database/database.ts';
import { columns } from './columns.ts';

/** Something that a person must look at. Found again it is the same one, by `identity`, also once it was settled. */
export interface Found extends Pick<Finding, 'kind' | 'product' | 'serial' | 'station' | 'detail'> {
  readonly identity: string;
}

export async function keepFindings(sql: Sql, found: readonly Found[], now: Date): Promise<void> {
  if (found.length === 0) return;
  const sorted = [...found].sort((a, b) => (a.identity < b.identity ? -1 : 1));
  const text = `
    INSERT INTO findings (kind, product, serial, station, detail, identity, found_at)
    SELECT kind, product, serial, station, detail::jsonb, identity, $7
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
      AS found (kind, product, serial, station, detail, identity)
    ON CONFLICT (identity) DO NOTHING`;
  const values = columns(sorted, [
    (each) => each.kind,
    (each) => each.product,
    (each) => each.serial,
    (each) => each.station,
    (each) => JSON.stringify(each.detail),
    (each) => each.identity,
  ]);
  await sql.query(text, [...values, now], 'findings-keep');
}
