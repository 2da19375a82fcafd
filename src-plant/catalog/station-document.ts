import { z } from 'zod';
import type {
  StationDocument,
  StationOrder,
  StationPool,
  StationRelease,
  StationUser,
} from '#shared/contract/plant/station-api.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';
import { OrderRow, ORDERS_WITH_COUNTS } from './orders.ts';

const ReleaseRow = z
  .object({
    digest: z.string(),
    product: z.string(),
    revision: z.string(),
    version: z.string(),
    sha256: z.string(),
    size: CountColumn,
    published_at: TimeColumn,
  })
  .transform(({ published_at, ...row }): StationRelease => ({ ...row, publishedAt: published_at }));
const PoolRow = z.object({
  id: z.string(),
  kind: z.enum(['serial', 'mac']),
  product: z.string().nullable(),
  block: CountColumn,
});
const UserRow = z.object({ name: z.string(), roles: z.array(PlantRole), badge: z.string().nullable() });

/**
 * All that a station works by, as it stands. Its number is the greater of one more than the last one and the time in
 * milliseconds: it grows also after the database went back to a backup, whose last number is an old one. Whoever takes a
 * number holds it until the document is read, so that a greater number never tells of something older.
 */
export async function buildDocument(sql: Sql, station: string, now: Date, leaseUntil: Date): Promise<StationDocument> {
  const [numbered] = await sql.query(
    'UPDATE document_serial SET serial = greatest(serial + 1, $1::bigint) RETURNING serial',
    [now.getTime()],
    'document-serial',
  );
  return {
    station,
    serial: CountColumn.parse(numbered?.['serial']),
    issuedAt: now.toISOString(),
    leaseUntil: leaseUntil.toISOString(),
    releases: await publishedReleases(sql),
    withdrawn: await withdrawnReleases(sql),
    orders: await openOrders(sql),
    pools: await numberPools(sql),
    users: await people(sql),
  };
}

async function publishedReleases(sql: Sql): Promise<StationRelease[]> {
  const text = `
    SELECT digest, product, revision, version, sha256, size, published_at FROM releases
    WHERE state = 'published' ORDER BY product, published_at DESC, digest`;
  return z.array(ReleaseRow).parse(await sql.query(text));
}

async function withdrawnReleases(sql: Sql): Promise<string[]> {
  const rows = await sql.query("SELECT digest FROM releases WHERE state = 'withdrawn' ORDER BY digest");
  return z
    .array(z.object({ digest: z.string() }))
    .parse(rows)
    .map(({ digest }) => digest);
}

/** Of releases that stations may have: an order for one that was withdrawn waits for a person. */
async function openOrders(sql: Sql): Promise<StationOrder[]> {
  const text = `${ORDERS_WITH_COUNTS} WHERE o.closed_at IS NULL AND r.state = 'published' ORDER BY o.created_at, o.id`;
  const rows = z.array(OrderRow).parse(await sql.query(text));
  return rows.map(({ id, product, release, quantity, passed }) => ({ id, product, release, quantity, passed }));
}

async function numberPools(sql: Sql): Promise<StationPool[]> {
  return z.array(PoolRow).parse(await sql.query('SELECT id, kind, product, block FROM pools ORDER BY id'));
}

/** Whoever can stand at a station: not those who only buy. */
async function people(sql: Sql): Promise<StationUser[]> {
  const text = "SELECT name, roles, badge FROM users WHERE active AND roles <> '{buyer}' ORDER BY name";
  return z.array(UserRow).parse(await sql.query(text));
}
