import { z } from 'zod';
import { type BatchItem, MAX_BATCH_BYTES } from '#shared/contract/plant/station-api.ts';
import type { Sql } from '../database/database.ts';
import type { Chain } from './chain.ts';

const OwnRow = z.object({
  sequence: z.number(),
  previous_hash: z.string(),
  hash: z.string(),
  body: z.string().nullable(),
  /** Of a gap; null for a record and for a link. */
  first: z.number().nullable(),
});
const Body = z.record(z.string(), z.unknown());

/**
 * A record of this chain that another chain of the same log brought first stands there: by its place and hash it is found. Order
 * within `either`: a record goes before its link. A gap stands at its last place.
 */
const READ = `
  SELECT DISTINCT ON (sequence) sequence, previous_hash, hash, body, first
  FROM (
    SELECT sequence, '' AS previous_hash, hash, body, NULL::bigint AS first FROM records
    WHERE chain = $1 AND sequence > $3 AND sequence <= $3 + $4
    UNION ALL
    SELECT l.sequence, l.previous_hash, l.hash, r.body, NULL
    FROM links l
    LEFT JOIN chains c ON c.genesis = $2 AND c.id <> $1
    LEFT JOIN records r ON r.chain = c.id AND r.sequence = l.sequence AND r.hash = l.hash
    WHERE l.chain = $1 AND l.sequence > $3 AND l.sequence <= $3 + $4
    UNION ALL
    SELECT last, previous_hash, hash, NULL, first FROM chain_gaps
    WHERE chain = $1 AND last > $3 AND first <= $3 + $4 AND filled_at IS NULL
  ) AS either
  ORDER BY sequence, body IS NULL`;

/** Up to `limit` items, fewer where they would be too many bytes. */
export async function readOwnRecords(
  sql: Sql,
  chain: Chain,
  genesis: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<{ items: BatchItem[]; next: number | null }> {
  const rows = z.array(OwnRow).parse(await sql.query(READ, [chain.id, genesis, after, limit], 'own-records'));
  const items: BatchItem[] = [];
  let bytes = 0;
  let last = after;
  for (const row of rows) {
    bytes += row.body?.length ?? row.hash.length;
    if (items.length > 0 && bytes > MAX_BATCH_BYTES) break;
    items.push(itemOf(row));
    last = row.sequence;
  }
  return { items, next: items.length > 0 && last < chain.sequence ? last : null };
}

function itemOf({ sequence, previous_hash: previousHash, hash, body, first }: z.infer<typeof OwnRow>): BatchItem {
  if (body !== null) return { record: Body.parse(JSON.parse(body)) };
  if (first !== null) return { gap: { first, last: sequence, previousHash, hash } };
  return { link: { sequence, previousHash, hash } };
}
