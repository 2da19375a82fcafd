import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import type { Sql } from '../database/database.ts';
import type { Chain } from './chain.ts';
import { arrayLiteral, columns, instantText } from './columns.ts';
import type { ChainPlace, CheckedRecord } from './read-batch.ts';

interface Placed extends CheckedRecord {
  readonly place: ChainPlace;
}

const INSERT = `
  INSERT INTO records (serial, finished_at, hash, chain, sequence, product, process, uid, verdict, station, received_at, facets, body)
  SELECT serial, finished_at, hash, $1, sequence, product, process, uid, verdict, $2, $3, facets::text[], body
  FROM unnest($4::text[], $5::timestamptz[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[],
    $12::text[], string_to_array($13, E'\\n'))
    AS fresh (serial, finished_at, hash, sequence, product, process, uid, verdict, facets, body)
  ON CONFLICT DO NOTHING RETURNING hash`;

/**
 * Puts these places of the chain into the tables; returns the records that were nowhere before. One that another chain
 * brought (a copied log) stays there, and this chain has a link in its place.
 */
export async function insertPlaces(
  sql: Sql,
  chain: Chain,
  places: readonly ChainPlace[],
  { station, now }: { readonly station: string; readonly now: Date },
): Promise<readonly CheckedRecord[]> {
  const placed = places.flatMap((place) => (place.checked === null ? [] : [{ ...place.checked, place }]));
  const inserted = await insertRecords(sql, chain, placed, station, now);
  const links = places.filter(({ checked, hash }) => checked === null || !inserted.has(hash));
  await insertLinks(sql, chain, links);
  return placed.filter(({ place }) => inserted.has(place.hash));
}

async function insertRecords(sql: Sql, { id }: Chain, placed: readonly Placed[], station: string, now: Date) {
  if (placed.length === 0) return new Set<unknown>();
  const keyed = placed.map((each) => ({ each, key: rowKey(each) }));
  const sorted = keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ each }) => each);
  const values = columns(sorted, [
    ({ record }) => record.serial,
    ({ finishedMs }) => instantText(finishedMs),
    ({ record }) => record.hash,
    ({ record }) => record.sequence,
    ({ record }) => record.product.id,
    ({ record }) => record.process ?? DEFAULT_PROCESS,
    ({ record }) => record.uid,
    ({ record }) => record.verdict,
    ({ facets }) => arrayLiteral(facets),
  ]);
  // JSON in one line has no line feed: it need not be put into an array literal and out of it again, quote by quote.
  const bodies = sorted.map(({ body }) => body).join('\n');
  const rows = await sql.query(INSERT, [id, station, now, ...values, bodies], 'records-insert');
  return new Set(rows.map(({ hash }) => hash));
}

/** The same order for all: two stations with one log between them wait for each other, and never both. */
function rowKey({ record, finishedMs }: Placed): string {
  return [record.serial, instantText(finishedMs), record.hash].join('\0');
}

async function insertLinks(sql: Sql, { id }: Chain, places: readonly ChainPlace[]): Promise<void> {
  if (places.length === 0) return;
  const text = `
    INSERT INTO links (chain, sequence, previous_hash, hash)
    SELECT $1, sequence, previous_hash, hash
    FROM unnest($2::bigint[], $3::text[], $4::text[]) AS fresh (sequence, previous_hash, hash)`;
  const values = columns(places, [({ sequence }) => sequence, ({ previousHash }) => previousHash, ({ hash }) => hash]);
  await sql.query(text, [id, ...values], 'links-insert');
}
