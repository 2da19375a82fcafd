import { z } from 'zod';
import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { type NumberLease, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn } from '../database/columns.ts';
import type { Database, Sql } from '../database/database.ts';
import { highestUsed } from './used-numbers.ts';

const DAY_MS = 86_400_000;

export const PoolRow = z.object({
  kind: z.enum(['serial', 'mac']),
  prefix: z.string(),
  digits: z.number(),
  last: CountColumn,
  block: CountColumn,
  next: CountColumn,
});
export type PoolRow = z.infer<typeof PoolRow>;
const RangeRow = z.object({ first: CountColumn, last: CountColumn });
type Range = z.infer<typeof RangeRow>;

export interface Leasing {
  readonly database: Database;
  readonly signer: Signer;
  readonly random: RandomBytes;
  /** How long a block may be taken from. */
  readonly days: number;
}

export interface WantedLease {
  readonly station: string;
  readonly pool: string;
  readonly key: string;
  readonly now: Date;
}

/**
 * A block of numbers that no other lease has, signed; by the same key the same lease again. Whoever leases holds the pool's
 * row until the block is on the disk, so two servers take turns. Rejects with `not-found` and `numbers-used-up`.
 */
export async function leaseNumbers(leasing: Leasing, wanted: WantedLease): Promise<string> {
  const { station, pool: id, key, now } = wanted;
  return leasing.database.transaction(async (sql) => {
    const pool = await lockPool(sql, id);
    if (pool === null) throw new FlashlineError('not-found', { params: { what: `pool ${id}` } });
    const same = 'SELECT jws FROM leases WHERE station = $1 AND pool = $2 AND key = $3';
    const [earlier] = await sql.query(same, [station, id, key]);
    if (earlier !== undefined) return z.string().parse(earlier['jws']);
    const range = (await takeReturned(sql, id, pool.block)) ?? (await takeFresh(sql, id, pool));
    const lease: NumberLease = {
      lease: toHex(leasing.random(16)),
      station,
      pool: id,
      kind: pool.kind,
      prefix: pool.prefix,
      digits: pool.digits,
      ...range,
      issuedAt: now.toISOString(),
      until: new Date(now.getTime() + leasing.days * DAY_MS).toISOString(),
    };
    const jws = await leasing.signer.sign(lease, STATEMENTS.numberLease);
    await sql.query(
      `INSERT INTO leases (id, pool, station, key, first, last, next, issued_at, until, jws)
       VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8, $9)`,
      [lease.lease, id, station, key, range.first, range.last, now, new Date(lease.until), jws],
    );
    const detail = { lease: lease.lease, first: String(range.first), last: String(range.last) };
    await audit(sql, { at: now, who: station, action: 'station.lease', object: id, detail });
    return jws;
  });
}

async function lockPool(sql: Sql, id: string): Promise<PoolRow | null> {
  const text = 'SELECT kind, prefix, digits, last, block, next FROM pools WHERE id = $1 FOR UPDATE';
  const [row] = await sql.query(text, [id]);
  return row === undefined ? null : PoolRow.parse(row);
}

/** Lowest first. A rest longer than a block is cut, and its end stays. */
async function takeReturned(sql: Sql, pool: string, block: number): Promise<Range | null> {
  const lowest = 'SELECT first, last FROM returned_numbers WHERE pool = $1 ORDER BY first LIMIT 1';
  const [row] = z.array(RangeRow).parse(await sql.query(lowest, [pool]));
  if (row === undefined) return null;
  const last = Math.min(row.last, row.first + block - 1);
  await sql.query('DELETE FROM returned_numbers WHERE pool = $1 AND first = $2', [pool, row.first]);
  if (last < row.last) await giveBack(sql, pool, { first: last + 1, last: row.last });
  return { first: row.first, last };
}

async function takeFresh(sql: Sql, id: string, { next, last, block }: PoolRow): Promise<Range> {
  if (next > last) throw new FlashlineError('numbers-used-up', { params: { pool: id } });
  const range = { first: next, last: Math.min(last, next + block - 1) };
  await sql.query('UPDATE pools SET next = $2 WHERE id = $1', [id, range.last + 1]);
  return range;
}

async function giveBack(sql: Sql, pool: string, { first, last }: Range): Promise<void> {
  await sql.query('INSERT INTO returned_numbers (pool, first, last) VALUES ($1, $2, $3)', [pool, first, last]);
}

export interface ReturnedLease {
  readonly station: string;
  readonly lease: string;
  /** The first number that the station did not take. */
  readonly next: number;
  /** It takes no more of them. */
  readonly over: boolean;
  readonly now: Date;
}

const LeaseRow = z.object({
  pool: z.string(),
  first: CountColumn,
  last: CountColumn,
  next: CountColumn,
  closed: z.boolean(),
});
type LeaseRow = z.infer<typeof LeaseRow>;
const LEASE =
  'SELECT pool, first, last, next, over_at IS NOT NULL AS closed FROM leases WHERE id = $1 AND station = $2';

/**
 * How far a block was taken. Only what its own station gives back goes to others, because only that station knows what it
 * has used: of a station that never comes back the rest of its block stays void, however long ago its lease ended. A
 * station whose log was restored from a backup may have forgotten units; so nothing is given on below the highest number
 * that any record has. Rejects with `not-found`, `bad-request`, and `state-conflict` when more was taken than given back.
 */
export async function returnLease(database: Database, returned: ReturnedLease): Promise<void> {
  const { station, lease: id, over, now } = returned;
  await database.transaction(async (sql) => {
    const { pool, poolId } = await lockPoolOf(sql, returned);
    const lease = await leaseOf(sql, returned, ' FOR UPDATE');
    checkNext(lease, returned);
    if (lease.closed) return;
    const reported = Math.max(lease.next, returned.next);
    if (!over) {
      await sql.query('UPDATE leases SET next = $2 WHERE id = $1', [id, reported]);
      return;
    }
    const used = await highestUsed(sql, pool, { first: reported, last: lease.last });
    const next = used === null ? reported : used + 1;
    await sql.query('UPDATE leases SET next = $2, over_at = $3 WHERE id = $1', [id, next, now]);
    if (next <= lease.last) await giveBack(sql, poolId, { first: next, last: lease.last });
    const detail = { pool: poolId, next: String(next), last: String(lease.last) };
    await audit(sql, { at: now, who: station, action: 'station.return-lease', object: id, detail });
  });
}

/** The pool before the lease, as leaseNumbers does: nobody waits in a circle. */
async function lockPoolOf(
  sql: Sql,
  returned: ReturnedLease,
): Promise<{ readonly pool: PoolRow; readonly poolId: string }> {
  const { pool: poolId } = await leaseOf(sql, returned, '');
  const pool = await lockPool(sql, poolId);
  if (pool === null) throw new Error('a lease of a pool that is not there');
  return { pool, poolId };
}

async function leaseOf(sql: Sql, { lease, station }: ReturnedLease, lock: '' | ' FOR UPDATE'): Promise<LeaseRow> {
  const [row] = z.array(LeaseRow).parse(await sql.query(LEASE + lock, [lease, station]));
  if (row === undefined) throw new FlashlineError('not-found', { params: { what: `lease ${lease}` } });
  return row;
}

function checkNext(lease: LeaseRow, { next }: ReturnedLease): void {
  if (next < lease.first || next > lease.last + 1) {
    const detail = `next must be from ${lease.first} to ${lease.last + 1}`;
    throw new FlashlineError('bad-request', { params: { detail } });
  }
  if (!lease.closed || next <= lease.next) return;
  const detail = `the numbers from ${lease.next} on were given back, and may be another station’s by now`;
  throw new FlashlineError('state-conflict', { params: { detail } });
}
