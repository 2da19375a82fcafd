import type { Clock } from '#shared/base/clock.ts';
import type { Database, Sql } from './database.ts';
import { migrate, requireSchema } from './migrate.ts';
import { APP_ROLE, type Migration, OWNER_ROLE } from './migration.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { openPGlite, type PGlitePlace } from './pglite.ts';
import { openPostgres } from './postgres.ts';

/** A PostgreSQL by its URL, or PGlite. */
export type DatabasePlace = { readonly url: string } | PGlitePlace;

export interface OpenOptions {
  readonly clock: Clock;
  readonly migrations?: readonly Migration[];
  /** Of a PostgreSQL pool, at most. */
  readonly connections?: number;
}

/** A migration of a full table takes its time; what hangs is still let go. */
const MIGRATION_MS = 3_600_000;

/**
 * The plant's database, ready for the server, which works in it as APP_ROLE whoever signed in. Where that one may act as
 * OWNER_ROLE too (PGlite, a plant with one account) the database is migrated first; where not, it must have been
 * migrated (`flashline plant migrate`), else `plant-schema`.
 */
export async function openDatabase(place: DatabasePlace, options: OpenOptions): Promise<Database> {
  if ('folder' in place) return openEmbedded(place, options);
  await prepare(place.url, options);
  const { clock, connections } = options;
  return openPostgres({ url: place.url, clock, role: APP_ROLE, ...(connections === undefined ? {} : { connections }) });
}

/** By an account that may act as OWNER_ROLE, or make it. */
export async function migrateDatabase(url: string, { clock, migrations = MIGRATIONS }: OpenOptions): Promise<void> {
  const database = openPostgres({ url, clock, connections: 1, statementMs: MIGRATION_MS });
  try {
    await migrate(database, migrations);
  } finally {
    await database.close();
  }
}

async function openEmbedded(place: PGlitePlace, { migrations = MIGRATIONS }: OpenOptions): Promise<Database> {
  const database = await openPGlite(place);
  try {
    await migrate(database, migrations);
    await database.query(`SET ROLE ${APP_ROLE}`);
    return database;
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

async function prepare(url: string, options: OpenOptions): Promise<void> {
  const database = openPostgres({ url, clock: options.clock, connections: 1 });
  try {
    if (!(await mayMigrate(database))) return await requireSchema(database, options.migrations);
  } finally {
    await database.close();
  }
  await migrateDatabase(url, options);
}

/** On a fresh cluster there is no such role yet; then it counts whether it can be made. */
async function mayMigrate(sql: Sql): Promise<boolean> {
  const text = `
    SELECT coalesce(
      (SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1),
      (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user)) AS may`;
  const [row] = await sql.query(text, [OWNER_ROLE]);
  return row?.['may'] === true;
}
