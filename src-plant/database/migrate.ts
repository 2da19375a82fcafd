import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Database, Sql } from './database.ts';
import { APP_ROLE, type Migration, OWNER_ROLE } from './migration.ts';
import { MIGRATIONS } from './migrations/index.ts';

/** Any number that nothing else takes for an advisory lock in this database. */
const LOCK = 4_715_201;

/**
 * The two roles exist and whoever is signed in may act as them. Roles belong to the whole cluster, so another database's
 * server may make them at the same moment. On a prepared cluster, all of this is there already and nothing is done.
 */
const ROLES = `
  DO $$
  DECLARE wanted text;
  BEGIN
    FOREACH wanted IN ARRAY ARRAY['${OWNER_ROLE}', '${APP_ROLE}'] LOOP
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        BEGIN
          EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(session_user, wanted, 'MEMBER') THEN
          EXECUTE format('GRANT %I TO %I', wanted, session_user);
        END IF;
      END IF;
    END LOOP;
    IF NOT has_schema_privilege('${OWNER_ROLE}', 'public', 'CREATE') THEN
      GRANT USAGE, CREATE ON SCHEMA public TO ${OWNER_ROLE};
    END IF;
    IF has_schema_privilege('${APP_ROLE}', 'public', 'CREATE') THEN
      REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
  END $$;
`;

const TABLE = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL
  );
  GRANT SELECT ON schema_migrations TO ${APP_ROLE};
`;

const Applied = z.array(z.object({ version: z.number(), sha256: z.string() }));

/**
 * Brings the database to the newest shape, one transaction a migration; server processes that start at once take turns. Throws
 * `plant-schema` on a database that is newer, or whose migrations were others.
 */
export async function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  await database.transaction(async (sql) => {
    await takeTurn(sql);
    await sql.query(ROLES);
    await sql.query(`SET LOCAL ROLE ${OWNER_ROLE}`);
    await sql.query(TABLE);
  });
  for (const migration of migrations) await database.transaction((sql) => apply(sql, migration, migrations));
  await requireSchema(database, migrations);
}

async function apply(sql: Sql, migration: Migration, all: readonly Migration[]): Promise<void> {
  await takeTurn(sql);
  const applied = await readApplied(sql);
  checkSame(applied, all);
  if (applied.some(({ version }) => version === migration.version)) return;
  await sql.query(`SET LOCAL ROLE ${OWNER_ROLE}`);
  await sql.query(migration.sql);
  const note = 'INSERT INTO schema_migrations (version, sha256, applied_at) VALUES ($1, $2, now())';
  await sql.query(note, [migration.version, checksum(migration)]);
}

async function takeTurn(sql: Sql): Promise<void> {
  await sql.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
}

/** Throws `plant-schema` unless the database has exactly this shape. */
export async function requireSchema(sql: Sql, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const applied = await readApplied(sql);
  checkSame(applied, migrations);
  checkAll(applied, migrations);
}

/**
 * For a server that runs already: one of a newer version may have migrated in the meantime, which only adds, and this one
 * serves until its turn comes. Throws `plant-schema` where something that it needs is not there.
 */
export async function requireSchemaOrNewer(sql: Sql, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const applied = await readApplied(sql);
  checkSame(
    applied.filter(({ version }) => version <= migrations.length),
    migrations,
  );
  checkAll(applied, migrations);
}

async function readApplied(sql: Sql): Promise<z.infer<typeof Applied>> {
  const [found] = await sql.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there");
  if (found?.['there'] !== true) return [];
  return Applied.parse(await sql.query('SELECT version, sha256 FROM schema_migrations ORDER BY version'));
}

function checkSame(applied: z.infer<typeof Applied>, migrations: readonly Migration[]): void {
  for (const { version, sha256 } of applied) {
    const ours = migrations.find((each) => each.version === version);
    if (ours === undefined)
      throw schemaFailure(`the database has version ${version}, this server knows up to ${migrations.length}`);
    if (checksum(ours) !== sha256) throw schemaFailure(`its migration ${version} is not the one of this server`);
  }
}

function checkAll(applied: z.infer<typeof Applied>, migrations: readonly Migration[]): void {
  if (applied.length < migrations.length)
    throw schemaFailure(`the database has version ${applied.length}, this server needs ${migrations.length}`);
}

function checksum({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}

function schemaFailure(detail: string): FlashlineError {
  return new FlashlineError('plant-schema', { params: { detail } });
}
