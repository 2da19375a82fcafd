import { z } from 'zod';
import type { PlantOrder } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import { type Database, DatabaseError, type Sql } from '../database/database.ts';
import { type Act, inScope } from './act.ts';

/**
 * How far an order is comes from the roll-ups of its release's step, by the order of each unit's first attempt: a unit counts
 * once, repaired or not, and no record is read.
 */
export const ORDERS_WITH_COUNTS = `
  SELECT o.id, o.product, o.release, o.quantity, o.created_by, o.created_at, o.closed_at IS NULL AS open,
         done.attempted, done.passed
  FROM orders o JOIN releases r ON r.digest = o.release
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(y.attempted), 0)::bigint AS attempted,
           coalesce(sum(y.passed_first + y.passed_later), 0)::bigint AS passed
    FROM yield_hours y
    WHERE y.work_order = o.id AND y.work_order <> '' AND y.product = o.product AND y.process = r.process
  ) done`;

export const OrderRow = z.object({
  id: z.string(),
  product: z.string(),
  release: z.string(),
  quantity: CountColumn,
  created_by: z.string(),
  created_at: TimeColumn,
  open: z.boolean(),
  attempted: CountColumn,
  passed: CountColumn,
});

/** Newest first. */
export async function listOrders(sql: Sql, scope: readonly string[] | null): Promise<PlantOrder[]> {
  const text = `${ORDERS_WITH_COUNTS} WHERE ${inScope('o.product', '$1')} ORDER BY o.created_at DESC, o.id LIMIT 1000`;
  return z
    .array(OrderRow)
    .parse(await sql.query(text, [scope]))
    .map(plantOrder);
}

export interface NewOrder {
  readonly id: string;
  readonly release: string;
  readonly quantity: number;
}

/** Rejects with `not-found` for a release that is not published, `state-conflict` for an id that there is already. */
export async function createOrder(database: Database, order: NewOrder, act: Act): Promise<PlantOrder> {
  const { id, release, quantity } = order;
  const { who, now, scope } = act;
  return database.transaction(async (sql) => {
    const made = await sql
      .query(
        `INSERT INTO orders (id, product, release, quantity, created_by, created_at)
         SELECT $1, product, digest, $3, $4, $5 FROM releases
         WHERE digest = $2 AND state = 'published' AND ${inScope('product', '$6')}
         RETURNING id`,
        [id, release, quantity, who, now, scope],
      )
      .catch((thrown: unknown) => {
        throw isTaken(thrown) ? conflict(`there is an order ${id} already`) : thrown;
      });
    if (made.length === 0)
      throw new FlashlineError('not-found', { params: { what: `a published release ${release}` } });
    const detail = { release, quantity: String(quantity) };
    await audit(sql, { at: now, who, action: 'order.create', object: id, detail });
    return orderOf(sql, id, scope);
  });
}

/** Rejects with `not-found`, or `state-conflict` for one that is closed. */
export async function closeOrder(database: Database, id: string, { who, now, scope }: Act): Promise<PlantOrder> {
  return database.transaction(async (sql) => {
    const closed = await sql.query(
      `UPDATE orders SET closed_by = $2, closed_at = $3
       WHERE id = $1 AND closed_at IS NULL AND ${inScope('product', '$4')} RETURNING id`,
      [id, who, now, scope],
    );
    const order = await orderOf(sql, id, scope);
    if (closed.length === 0) throw conflict(`order ${id} is closed`);
    const detail = { passed: String(order.passed), quantity: String(order.quantity) };
    await audit(sql, { at: now, who, action: 'order.close', object: id, detail });
    return order;
  });
}

async function orderOf(sql: Sql, id: string, scope: readonly string[] | null): Promise<PlantOrder> {
  const rows = await sql.query(`${ORDERS_WITH_COUNTS} WHERE o.id = $1 AND ${inScope('o.product', '$2')}`, [id, scope]);
  const [row] = z.array(OrderRow).parse(rows);
  if (row === undefined) throw new FlashlineError('not-found', { params: { what: `order ${id}` } });
  return plantOrder(row);
}

function plantOrder(row: z.infer<typeof OrderRow>): PlantOrder {
  const { id, product, release, quantity, passed, attempted, open, created_by, created_at } = row;
  const state = open ? 'open' : 'closed';
  return { id, product, release, quantity, passed, attempted, state, createdBy: created_by, createdAt: created_at };
}

function conflict(detail: string): FlashlineError {
  return new FlashlineError('state-conflict', { params: { detail } });
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof DatabaseError && thrown.code === '23505';
}
