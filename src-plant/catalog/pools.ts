import { z } from 'zod';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Database, Sql } from '../database/database.ts';
import { type Act, inScope } from './act.ts';
import { type NumberRange, rangeForm } from './number-range.ts';

const PoolRow = z.object({
  id: z.string(),
  kind: z.enum(['serial', 'mac']),
  product: z.string().nullable(),
  prefix: z.string(),
  digits: z.number(),
  first: CountColumn,
  last: CountColumn,
  block: CountColumn,
  left_over: CountColumn,
});

const POOLS = `
  SELECT p.id, p.kind, p.product, p.prefix, p.digits, p.first, p.last, p.block,
         (p.last - p.next + 1 + coalesce((SELECT sum(r.last - r.first + 1) FROM returned_numbers r WHERE r.pool = p.id), 0))::bigint
           AS left_over
  FROM pools p`;

const LeaseRow = z.object({
  pool: z.string(),
  lease: z.string(),
  station: z.string(),
  first: CountColumn,
  last: CountColumn,
  next: CountColumn,
  until: TimeColumn,
  over: z.boolean(),
});

/** Those that run or were never given back come first; of the rest the newest tell enough. */
const LEASES_SHOWN = 200;
const LEASES = `
  SELECT pool, id AS lease, station, first, last, next, until, over_at IS NOT NULL AS over FROM (
    SELECT l.*, row_number() OVER (PARTITION BY pool ORDER BY over_at IS NOT NULL, issued_at DESC, id) AS place
    FROM leases l WHERE $1::text IS NULL OR pool = $1
  ) newest
  WHERE place <= ${LEASES_SHOWN} ORDER BY pool, place`;

/**
 * By name. A lease that is past its `until` and not `over` is void: what the station had not taken of it, `next` to `last`,
 * may have been used all the same, and is never handed out again unless that station gives it back.
 */
export async function listPools(sql: Sql, scope: readonly string[] | null): Promise<PlantPool[]> {
  return poolsWhere(sql, null, scope);
}

async function poolsWhere(sql: Sql, id: string | null, scope: readonly string[] | null): Promise<PlantPool[]> {
  const text = `${POOLS} WHERE ($1::text IS NULL OR p.id = $1) AND ${inScope('p.product', '$2')} ORDER BY p.id LIMIT 1000`;
  const pools = z.array(PoolRow).parse(await sql.query(text, [id, scope]));
  const leases = z.array(LeaseRow).parse(await sql.query(LEASES, [id]));
  return pools.map((pool) => plantPool(pool, leases));
}

function plantPool(pool: z.infer<typeof PoolRow>, leases: readonly z.infer<typeof LeaseRow>[]): PlantPool {
  const { id, kind, product, prefix, digits, first, last, block, left_over: left } = pool;
  const own = leases.filter((lease) => lease.pool === id);
  return { id, kind, product, prefix, digits, first, last, left, block, leases: own.map(poolLease) };
}

function poolLease({ lease, station, first, last, next, until, over }: z.infer<typeof LeaseRow>) {
  return { lease, station, first, last, next, until, over };
}

export interface NewPool extends NumberRange {
  readonly id: string;
  readonly product: string | null;
  readonly block: number;
}

/** Rejects with `bad-request`, or with `state-conflict` where another pool has the id or one of the numbers. */
export async function createPool(database: Database, pool: NewPool, act: Act): Promise<PlantPool> {
  const form = rangeForm(pool);
  const { id, kind, product, prefix, digits, first, last, block } = pool;
  const { who, now, scope } = act;
  if (scope !== null && (product === null || !scope.includes(product)))
    throw new FlashlineError('not-found', { params: { what: `product ${product ?? '*'}` } });
  return database.transaction(async (sql) => {
    // Two pools at once see each other; leases of other pools wait these few milliseconds.
    await sql.query('LOCK TABLE pools IN SHARE ROW EXCLUSIVE MODE');
    const bounds = [form.base, form.places, String(form.low), String(form.high)];
    const [other] = await sql.query(
      `SELECT id FROM pools WHERE id = $1 OR (kind = $2 AND base = $3 AND places = $4
         AND low <= $6::numeric AND high >= $5::numeric) ORDER BY id = $1 DESC LIMIT 1`,
      [id, kind, ...bounds],
    );
    if (other !== undefined) throw taken(id, String(other['id']));
    await sql.query(
      `INSERT INTO pools (id, kind, product, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6, $9, $10, $11::numeric, $12::numeric, $13, $14)`,
      [id, kind, product, prefix, digits, first, last, block, ...bounds, who, now],
    );
    const detail = { kind, prefix, first: String(first), last: String(last), ...(product === null ? {} : { product }) };
    await audit(sql, { at: now, who, action: 'pool.create', object: id, detail });
    const [made] = await poolsWhere(sql, id, scope);
    if (made === undefined) throw new Error('a pool that was just made is not there');
    return made;
  });
}

function taken(id: string, other: string): FlashlineError {
  const detail = other === id ? `there is a pool ${id} already` : `pool ${other} has some of these numbers`;
  return new FlashlineError('state-conflict', { params: { detail } });
}
