import { z } from 'zod';
import type { Sql } from '../database/database.ts';
import type { Chain } from './chain.ts';
import { columns } from './columns.ts';
import type { Found } from './findings.ts';
import type { ChainPlace } from './read-batch.ts';

const GapRow = z.object({ first: z.number(), last: z.number(), previous_hash: z.string(), hash: z.string() });
type GapRow = z.infer<typeof GapRow>;

interface Whose {
  readonly station: string;
  readonly genesis: string;
  readonly now: Date;
}

/** What of the batch comes after all that the plant has; of a gap that begins before the chain's end, the part behind it. */
export function placesBehind({ sequence: end, hash }: Chain, places: readonly ChainPlace[]): readonly ChainPlace[] {
  return places
    .filter(({ sequence }) => sequence > end)
    .map((place) => (place.first > end ? place : behind(place, end, hash)));
}

function behind(gap: ChainPlace, end: number, hash: string): ChainPlace {
  return { ...gap, first: end + 1, previousHash: hash };
}

/**
 * Gaps told before whose every place this batch has: those places come too, and the finding is settled. A batch that has some of
 * a gap's places is repeated and changes nothing: where in the gap they belong, nobody could prove.
 */
export async function fillGaps(
  sql: Sql,
  chain: Chain,
  places: readonly ChainPlace[],
  whose: Whose,
): Promise<readonly ChainPlace[]> {
  const [first, last] = [places[0]?.first ?? 1, places.at(-1)?.sequence ?? 0];
  if (first > chain.sequence) return [];
  const text = `
    SELECT first, last, previous_hash, hash FROM chain_gaps
    WHERE chain = $1 AND first >= $2 AND last <= $3 AND filled_at IS NULL`;
  const told = z.array(GapRow).parse(await sql.query(text, [chain.id, first, last], 'gaps-find'));
  const within = (gap: GapRow) => places.filter((place) => place.sequence >= gap.first && place.first <= gap.last);
  const filled = told.filter((gap) => within(gap).every(({ isGap }) => !isGap));
  if (filled.length === 0) return [];
  const update = 'UPDATE chain_gaps SET filled_at = $2 WHERE chain = $1 AND first = ANY($3::bigint[])';
  await sql.query(update, [chain.id, whose.now, filled.map((gap) => gap.first)], 'gaps-fill');
  const settle = `
    UPDATE findings SET settled_at = $1, settled_by = $2 WHERE identity = ANY($3::text[]) AND settled_at IS NULL`;
  await sql.query(settle, [whose.now, whose.station, filled.map((gap) => identityOf(gap, whose))], 'gaps-settle');
  return filled.flatMap(within);
}

/** Returns what somebody must look at. */
export async function keepGaps(
  sql: Sql,
  { id }: Chain,
  places: readonly ChainPlace[],
  whose: Whose,
): Promise<readonly Found[]> {
  const gaps = places.filter(({ isGap }) => isGap);
  if (gaps.length === 0) return [];
  const insert = `
    INSERT INTO chain_gaps (chain, first, last, previous_hash, hash, told_at)
    SELECT $1, first, last, previous_hash, hash, $2
    FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) AS told (first, last, previous_hash, hash)`;
  const values = columns(gaps, [
    ({ first }) => first,
    ({ sequence }) => sequence,
    ({ previousHash }) => previousHash,
    ({ hash }) => hash,
  ]);
  await sql.query(insert, [id, whose.now, ...values], 'gaps-insert');
  const { station, genesis } = whose;
  const known = await knownElsewhere(sql, id, station, gaps);
  const lost = gaps.filter(({ hash }) => !known.has(hash));
  return lost.map(({ first, sequence: last, hash }) => {
    const detail = { chain: genesis, first: String(first), last: String(last) };
    const identity = identityOf({ first, last, hash }, whose);
    return { kind: 'records-lost', product: null, serial: null, station, detail, identity };
  });
}

/**
 * By their last hashes: gaps that another chain of this station's has. Its log was worked with after it had gone back, and goes on
 * under a name of its own; what stands before is at the plant under the old one, and all of it, as each hash says what it follows.
 */
async function knownElsewhere(
  sql: Sql,
  chain: number,
  station: string,
  gaps: readonly ChainPlace[],
): Promise<ReadonlySet<unknown>> {
  const text = `
    SELECT told.hash
    FROM unnest($3::bigint[], $4::text[]) AS told (last, hash)
    JOIN chains c ON c.station = $2 AND c.id <> $1
    WHERE EXISTS (SELECT 1 FROM records r WHERE r.chain = c.id AND r.sequence = told.last AND r.hash = told.hash)
      OR EXISTS (SELECT 1 FROM links l WHERE l.chain = c.id AND l.sequence = told.last AND l.hash = told.hash)`;
  const values = columns(gaps, [({ sequence }) => sequence, ({ hash }) => hash]);
  const rows = await sql.query(text, [chain, station, ...values], 'gaps-elsewhere');
  return new Set(rows.map(({ hash }) => hash));
}

function identityOf(
  { first, last, hash }: Pick<GapRow, 'first' | 'last' | 'hash'>,
  { station, genesis }: Whose,
): string {
  return ['records-lost', station, genesis, first, last, hash].join('\n');
}
