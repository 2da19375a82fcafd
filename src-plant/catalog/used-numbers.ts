import { z } from 'zod';
import { CountColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';

interface Numbered {
  readonly kind: 'serial' | 'mac';
  readonly prefix: string;
  readonly digits: number;
}

/** Each number as records have it, looked up one by one in an index. */
const SERIALS = `
  SELECT max(n) AS highest FROM generate_series($1::bigint, $2::bigint) n
  WHERE EXISTS (SELECT FROM units u WHERE u.serial = $3::text || lpad(n::text, $4::integer, '0'))`;
const MACS = `
  SELECT max(n) AS highest FROM generate_series($1::bigint, $2::bigint) n
  WHERE EXISTS (
    SELECT FROM marks m WHERE m.mark = 'mac:' || regexp_replace(lpad(to_hex(n), 12, '0'), '(..)(?=.)', '\\1:', 'g'))`;

/** The highest of these numbers that some record has; null for none. */
export async function highestUsed(
  sql: Sql,
  { kind, prefix, digits }: Numbered,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<number | null> {
  if (first > last) return null;
  const rows = await (kind === 'mac'
    ? sql.query(MACS, [first, last])
    : sql.query(SERIALS, [first, last, prefix, digits]));
  return z.object({ highest: CountColumn.nullable() }).parse(rows[0]).highest;
}
