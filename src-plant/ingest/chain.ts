import { z } from 'zod';
import type { PublicKey } from '#shared/base/signer.ts';
import { ChainHead, type RecordBatch, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { Sql } from '../database/database.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { broken, type ChainPlace } from './read-batch.ts';

/** How far the plant has a chain; `id` names it in the tables. */
export interface Chain {
  readonly id: number;
  readonly sequence: number;
  readonly hash: string;
}

const ChainRow = z.object({ id: z.number(), sequence: z.number(), hash: z.string() });
const PlaceRow = z.object({ sequence: z.number(), hash: z.string() });

const FIND = 'SELECT id, sequence, hash FROM chains WHERE station = $1 AND genesis = $2';

export async function findChain(sql: Sql, station: string, genesis: string): Promise<Chain | null> {
  const [row] = await sql.query(FIND, [station, genesis], 'chain-find');
  return row === undefined ? null : ChainRow.parse(row);
}

/** Its row is this transaction's until the end: one batch of a chain after the other. Null where there is none. */
export async function lockChain(sql: Sql, station: string, genesis: string): Promise<Chain | null> {
  const [row] = await sql.query(`${FIND} FOR UPDATE`, [station, genesis], 'chain-lock');
  return row === undefined ? null : ChainRow.parse(row);
}

export async function openChain(sql: Sql, station: string, genesis: string, now: Date): Promise<Chain> {
  const insert = `
    INSERT INTO chains (station, genesis, sequence, hash, created_at, updated_at) VALUES ($1, $2, 0, $3, $4, $4)
    ON CONFLICT DO NOTHING`;
  await sql.query(insert, [station, genesis, GENESIS_HASH, now], 'chain-open');
  const chain = await lockChain(sql, station, genesis);
  if (chain === null) throw new Error('a chain that was just opened is not there');
  return chain;
}

/** `signed` is what a head of the station's proves now; null where this batch proves nothing new. */
export async function advanceChain(sql: Sql, chain: Chain, last: ChainHead, signed: SignedHead | null, now: Date) {
  const update = `
    UPDATE chains SET sequence = $2, hash = $3, updated_at = $4,
      head = CASE WHEN $5::bigint > signed THEN $6 ELSE head END, signed = greatest(signed, $5::bigint)
    WHERE id = $1`;
  const values = [chain.id, last.sequence, last.hash, now, signed?.sequence ?? 0, signed?.jws ?? null];
  await sql.query(update, values, 'chain-advance');
}

export interface SignedHead extends ChainHead {
  readonly jws: string;
}

/**
 * What the station signed, where it can be held against this batch; null where it says something of a place that is not in
 * it. Throws `chain-broken` for a signature that is not the station's, or that vouches for another record.
 */
export async function readHead(
  keyring: Keyring,
  key: PublicKey,
  { chain, head }: RecordBatch,
  places: readonly ChainPlace[],
): Promise<SignedHead | null> {
  if (head === null) return null;
  const last = places.at(-1)?.sequence ?? 0;
  const read = ChainHead.safeParse(await keyring.verify(head, STATEMENTS.chainHead, key));
  if (!read.success) throw broken(last, 'the head of the chain is not signed by this station');
  if (read.data.chain !== chain) throw broken(last, `the signed head is of chain ${read.data.chain}`);
  const signed = places.find(({ sequence }) => sequence === read.data.sequence);
  if (signed === undefined) return null;
  if (signed.hash !== read.data.hash)
    throw broken(signed.sequence, `the station signed ${read.data.hash} at this place, and sent ${signed.hash}`);
  return { ...read.data, jws: head };
}

export interface Fork {
  readonly sequence: number;
  readonly kept: string;
  readonly refused: string;
}

/**
 * The first place where the batch tells another story than the plant has; null where it follows, or repeats. Inside a gap that
 * was told before there is nothing to compare: only its edges are known.
 */
export async function findFork(sql: Sql, chain: Chain, places: readonly ChainPlace[]): Promise<Fork | null> {
  const before = (places[0]?.first ?? 1) - 1;
  const kept = before < chain.sequence ? await placesOf(sql, chain, before, chain.sequence, places) : [];
  const known = new Map<number, string>([...kept, [0, GENESIS_HASH], [chain.sequence, chain.hash]]);
  for (const { first, sequence, hash, previousHash } of places)
    for (const [place, told] of [
      [sequence, hash],
      [first - 1, previousHash],
    ] as const) {
      const there = known.get(place);
      if (there !== undefined && there !== told) return { sequence: place, kept: there, refused: told };
    }
  return null;
}

/** Hashes by place, from `first` to where the batch ends or the plant's chain does; of a gap its last. */
async function placesOf(sql: Sql, { id }: Chain, first: number, end: number, places: readonly ChainPlace[]) {
  const last = Math.min(end, places.at(-1)?.sequence ?? first);
  const text = `
    SELECT sequence, hash FROM records WHERE chain = $1 AND sequence BETWEEN $2 AND $3
    UNION ALL SELECT sequence, hash FROM links WHERE chain = $1 AND sequence BETWEEN $2 AND $3
    UNION ALL SELECT last, hash FROM chain_gaps WHERE chain = $1 AND last BETWEEN $2 AND $3 AND filled_at IS NULL`;
  const rows = z.array(PlaceRow).parse(await sql.query(text, [id, first, last], 'chain-places'));
  return rows.map(({ sequence, hash }) => [sequence, hash] as const);
}
