import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { migrate } from '#plant/database/migrate.ts';
import { MIGRATIONS } from '#plant/database/migrations/index.ts';
import { migrateDatabase, openDatabase } from '#plant/database/open-database.ts';
import { openPostgres } from '#plant/database/postgres.ts';
import { realClock } from '#main/app/real-clock.ts';
import { newSigner, PlantChain } from '#test/support/plant-chain.ts';
import { plantModel, readPlantState } from '#test/support/plant-model.ts';
import { ingestSuite } from '#test/support/plant-suites/ingest.ts';
import { ingestGapsSuite } from '#test/support/plant-suites/ingest-gaps.ts';
import { ingestOrderSuite } from '#test/support/plant-suites/ingest-order.ts';
import { type SuitePlant, suitePlant } from '#test/support/plant-suites/suite-plant.ts';
import { yieldReportSuite } from '#test/support/plant-suites/yield-report.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';

const NOW = new Date('2026-11-03T00:00:00Z');
const clock = realClock;

describe.skipIf(!requirePrograms(['postgresql']))('the plant on PostgreSQL', () => {
  let cluster: Postgres;
  beforeAll(async () => {
    // Nothing here takes the power away; the soak keeps fsync on.
    cluster = await startPostgres({ settings: { fsync: 'off' } });
  });
  afterAll(() => cluster.remove());

  describe('as on PGlite', () => {
    let plant: SuitePlant;
    beforeAll(async () => {
      const url = await cluster.createDatabase('suite');
      const database = await openDatabase({ url }, { clock });
      plant = await suitePlant(database, (sql) => cluster.psql(sql, 'suite'));
    });
    afterAll(() => plant.database.close());

    ingestSuite(() => plant);
    ingestGapsSuite(() => plant);
    ingestOrderSuite(() => plant);
    yieldReportSuite(() => plant);
  });

  describe('roles and versions', () => {
    test('servers that start at once migrate once; psql sees each version, and who may do what', async () => {
      const url = await cluster.createDatabase('roles');
      const databases = await Promise.all([1, 2, 3].map(() => openDatabase({ url }, { clock })));
      await Promise.all(databases.map((database) => database.close()));
      const versions = MIGRATIONS.map(({ version }) => String(version)).join('\n');
      expect(await cluster.psql('SELECT version FROM schema_migrations ORDER BY version', 'roles')).toBe(versions);
      const owners = `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'`;
      expect(await cluster.psql(owners, 'roles')).toBe('flashline_owner');
      const rights = `
        SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM information_schema.table_privileges
        WHERE grantee = 'flashline_app' AND table_name = `;
      expect(await cluster.psql(`${rights} 'records'`, 'roles')).toBe('INSERT SELECT');
      expect(await cluster.psql(`${rights} 'links'`, 'roles')).toBe('INSERT SELECT');
      expect(await cluster.psql(`${rights} 'audit_log'`, 'roles')).toBe('INSERT SELECT');
    });

    test('with accounts apart, the server’s own can neither migrate nor change a record', async () => {
      await cluster.psql('CREATE DATABASE apart');
      await openThenClose(cluster.urlOf('apart'));
      await cluster.psql('CREATE ROLE plant_server LOGIN IN ROLE flashline_app; CREATE ROLE stranger LOGIN');
      const url = cluster.urlOf('apart', 'plant_server');
      const database = await openDatabase({ url }, { clock });
      try {
        await expect(database.query('DELETE FROM records')).rejects.toMatchObject({ code: '42501' });
        await expect(database.query('SET ROLE flashline_owner')).rejects.toMatchObject({ code: '42501' });
        await expect(database.query('CREATE TABLE t (a int)')).rejects.toMatchObject({ code: '42501' });
        await expect(migrate(database, [...MIGRATIONS])).rejects.toMatchObject({ code: '42501' });
      } finally {
        await database.close();
      }
      const newer = [...MIGRATIONS, { version: MIGRATIONS.length + 1, sql: 'SELECT 1' }];
      await expect(openDatabase({ url }, { clock, migrations: newer })).rejects.toMatchObject({
        failure: { code: 'plant-schema' },
      });
      await expect(openDatabase({ url: cluster.urlOf('apart', 'stranger') }, { clock })).rejects.toBeInstanceOf(Error);
    });

    test('a database that is newer, or other, is left alone', async () => {
      const url = await cluster.createDatabase('newer');
      await openThenClose(url);
      const older = MIGRATIONS.slice(0, 1);
      await expect(openDatabase({ url }, { clock, migrations: older })).rejects.toMatchObject({
        failure: { code: 'plant-schema' },
      });
      const other = MIGRATIONS.map((each) => (each.version === 1 ? { ...each, sql: `${each.sql} ` } : each));
      await expect(migrateDatabase(url, { clock, migrations: other })).rejects.toMatchObject({
        failure: { code: 'plant-schema' },
      });
    });

    test('a migration that fails leaves nothing of itself', async () => {
      const url = await cluster.createDatabase('torn');
      const torn = { version: MIGRATIONS.length + 1, sql: 'CREATE TABLE half (a int); SELECT 1 / 0' };
      await expect(migrateDatabase(url, { clock, migrations: [...MIGRATIONS, torn] })).rejects.toMatchObject({
        code: '22012',
      });
      expect(await cluster.psql("SELECT to_regclass('half') IS NULL", 'torn')).toBe('t');
      await openThenClose(url);
    });
  });

  describe('when things break', () => {
    let url: string;
    let database: Database;
    beforeAll(async () => {
      url = await cluster.createDatabase('faults');
      database = await openDatabase({ url }, { clock });
    });
    afterAll(() => database.close());

    test('PostgreSQL is restarted under load: every failure says so, and in the end nothing is missing or twice', async () => {
      const plant = await suitePlant(database, (sql) => cluster.psql(sql, 'faults'));
      await plant.empty();
      const chains = await Promise.all(
        [1, 2, 3].map(async (line) => new PlantChain(`line-${line}`, await newSigner())),
      );
      for (const [line, chain] of chains.entries())
        for (let unit = 0; unit < 400; unit++) chain.add({ serial: `${line}-${unit}`, uid: `${line}:${unit}` });
      const codes = new Set<unknown>();
      const deliver = async (chain: PlantChain, first: number) => {
        for (;;) {
          try {
            return await plant.ingest.take(
              { station: chain.station, publicKey: chain.signer.publicKey },
              await chain.batch(first, first + 9),
              NOW,
            );
          } catch (thrown) {
            codes.add(thrown instanceof Error && 'failure' in thrown ? thrown.failure : thrown);
            await pause(50);
          }
        }
      };
      const delivered = Promise.all(
        chains.map(async (chain) => {
          for (let first = 1; first <= 400; first += 10) await deliver(chain, first);
        }),
      );
      await pause(150);
      await cluster.restart('immediate');
      await pause(150);
      await cluster.restart('fast');
      await delivered;
      expect([...codes]).not.toEqual([]);
      for (const code of codes) expect(code).toMatchObject({ code: 'plant-database' });
      expect(await readPlantState(database)).toEqual(plantModel(chains.flatMap(({ records }) => records)));
      expect(await cluster.psql('SELECT count(*), count(DISTINCT hash) FROM records', 'faults')).toBe('1200|1200');
    });

    test('a transaction that lost a deadlock, or a race, is tried again', async () => {
      await cluster.psql(
        'CREATE TABLE pair (id int PRIMARY KEY, n int); GRANT ALL ON pair TO flashline_app; INSERT INTO pair VALUES (1, 0), (2, 0)',
        'faults',
      );
      let tries = 0;
      const add = (first: number, second: number) =>
        database.transaction(async (sql) => {
          tries += 1;
          await sql.query('UPDATE pair SET n = n + 1 WHERE id = $1', [first]);
          await pause(200);
          await sql.query('UPDATE pair SET n = n + 1 WHERE id = $1', [second]);
        });
      await Promise.all([add(1, 2), add(2, 1)]);
      expect(await database.query('SELECT n FROM pair ORDER BY id')).toEqual([{ n: 2 }, { n: 2 }]);
      expect(tries).toBe(3);
    });

    test('a statement, and a wait for a connection, end at their deadlines', async () => {
      const hasty = openPostgres({ url, clock, connections: 1, connectMs: 300, statementMs: 400 });
      try {
        const slow = hasty.query('SELECT pg_sleep(30)');
        await expect(hasty.query('SELECT 1')).rejects.toMatchObject({ failure: { code: 'plant-database' } });
        await expect(slow).rejects.toMatchObject({ failure: { code: 'plant-database' } });
        expect(await hasty.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      } finally {
        await hasty.close();
      }
    });

    test('an error that was swallowed inside a transaction does not pass for a commit', async () => {
      const swallowed = database.transaction(async (sql) => {
        await sql.query('SELECT 1 / 0').catch(() => undefined);
        return 'done';
      });
      await expect(swallowed).rejects.toMatchObject({ code: '25P02' });
    });

    test('a server killed in the middle of a commit leaves all of a batch or nothing', async () => {
      await cluster.psql(
        'TRUNCATE chains, records, links, units, marks, yield_hours, yield_days, run_hours, run_days, findings',
        'faults',
      );
      const seen = new Set<number>();
      for (let round = 0; round < 6; round++) {
        const child = spawn(
          process.execPath,
          [join(import.meta.dirname, '../support/plant-ingester.ts'), url, String(round)],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
        await once(child.stdout, 'data');
        await pause(20 + 35 * round);
        child.kill('SIGKILL');
        await once(child, 'exit');
        const [row] = await database.query('SELECT coalesce(max(sequence), 0) AS n FROM chains WHERE station = $1', [
          `line-${round}`,
        ]);
        seen.add(Number(row?.['n']));
      }
      const broken = `
        SELECT c.station FROM chains c
        WHERE c.sequence % 50 <> 0
           OR c.sequence <> (SELECT count(*) FROM records r WHERE r.chain = c.id)
           OR c.sequence <> (SELECT sum(runs) FROM units u WHERE u.last_station = c.station)
           OR c.sequence <> (SELECT sum(attempted) FROM yield_hours y WHERE y.station = c.station)
           OR c.sequence <> (SELECT sum(runs) FROM run_days d WHERE d.station = c.station)`;
      expect(await cluster.psql(broken, 'faults')).toBe('');
      // Some died with work done: else this proved nothing.
      expect(Math.max(...seen)).toBeGreaterThan(0);
    });
  });

  async function openThenClose(url: string): Promise<void> {
    const database = await openDatabase({ url }, { clock });
    await database.close();
  }
});
