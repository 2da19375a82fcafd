import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import { leaseNumbers } from '#plant/catalog/leases.ts';
import { recover } from '#plant/catalog/recovery.ts';
import type { Database } from '#plant/database/database.ts';
import { migrateDatabase, openDatabase } from '#plant/database/open-database.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { LineStation } from '#test/support/line-station.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { keyringOf } from '#test/support/plant/plant-in-memory.ts';
import { checkPlant } from '#test/support/plant-checker/check.ts';
import { type Postgres, type PostgresFolder, postgresFolder, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { followRecipe, recipeSettings } from '#test/support/recipes.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

const Lease = z.object({ first: z.number(), last: z.number() });
const POOL = `
  INSERT INTO pools (id, kind, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
    VALUES ('boards', 'serial', 'A', 6, 1, 999999, 50, 1, 'A', 6, 1, 999999, 'x', now())`;

describe.skipIf(!requirePrograms(['postgresql']))('backup and restore as docs/operations.md says', () => {
  const stationsFolder = temporaryFolder();
  let shelf: PostgresFolder;
  let first: Postgres;
  let restored: Postgres | null = null;
  let stations: LineStation[];
  const [archive, backup] = [() => join(shelf.path, 'archive'), () => join(shelf.path, 'backup')];

  beforeAll(async () => {
    shelf = postgresFolder();
    first = await startPostgres({ settings: recipeSettings('archiving', { ARCHIVE: archive() }) });
    await followRecipe('shelves', first, { ARCHIVE: archive(), BACKUP: backup() });
    await followRecipe('roles', first);
    await migrateDatabase(first.urlOf('plant', 'flashline_migrate'), { clock: realClock });
    const open = (name: string, at: number) =>
      LineStation.open({ folder: stationsFolder.path, name, seed: at, units: 80 });
    stations = await Promise.all(['line 1', 'line 2', 'line 3'].map(open));
  });
  afterAll(async () => {
    await Promise.all((stations ?? []).map((station) => station.close()));
    await first?.remove();
    await restored?.remove();
    await shelf.remove();
    stationsFolder.remove();
  });

  interface Plant {
    readonly database: Database;
    readonly ingest: Ingest;
    lease(station: string, key: string): Promise<z.infer<typeof Lease>>;
  }

  async function open(cluster: Postgres): Promise<Plant> {
    const database = await openDatabase({ url: cluster.urlOf('plant', 'flashline_server') }, { clock: realClock });
    const signer = await newSigner();
    const keyring = keyringOf(signer);
    const leasing = { database, signer, random: realRandom, days: 1 };
    return {
      database,
      ingest: createIngest({ database, keyring }),
      lease: async (station, key) => {
        const jws = await leaseNumbers(leasing, { station, pool: 'boards', key, now: new Date() });
        return Lease.parse(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()));
      },
    };
  }

  /** A shift: everybody makes and sends. */
  async function work(plant: Plant, hour: number): Promise<void> {
    for (const station of stations) await station.make(60, Date.UTC(2026, 9, 31, hour), 50_000);
    await Promise.all(stations.map((station) => station.send(plant.ingest)));
  }

  it('brings back the moment before a mistake; stations bring the rest, and no number is leased twice', async () => {
    await first.psql(POOL, 'plant');
    const plant = await open(first);
    await work(plant, 6);
    await followRecipe('base-backup', first, { BACKUP: backup() });
    await work(plant, 7);
    const kept = await plant.lease('line 1', 'before the moment');
    const moment = await first.psql('SELECT clock_timestamp()');
    await work(plant, 8);
    const forgotten = await plant.lease('line 2', 'after the moment');
    await plant.database.close();
    await first.psql(
      "DELETE FROM records WHERE station = 'line 1'; DELETE FROM units WHERE product = 'hello'",
      'plant',
    );
    await first.psql('SELECT pg_switch_wal()');
    await expect.poll(() => archivedAll(first), { timeout: 40_000 }).toBe(true);

    const base = join(backup(), readdirSync(backup())[0] ?? '');
    const variables = { ARCHIVE: archive(), BASE: base, MOMENT: moment };
    restored = await startPostgres({
      fill: (data) => followRecipe('restore', first, { ...variables, RESTORED: data }),
    });
    await expect.poll(() => restored?.psql('SELECT pg_is_in_recovery()'), { timeout: 40_000 }).toBe('f');

    const again = await open(restored);
    try {
      const before = await checkPlant(restored.urlOf('plant'), checked());
      // Two shifts of three are there, and whole; what is wrong is only that the third is missing.
      expect(new Set(before.faults.map(({ kind }) => kind))).not.toContain('changed');
      expect(before.faults.filter(({ kind }) => kind === 'lost').length).toBeGreaterThan(100);
      await recover(again.database, { who: 'command line', now: new Date(), blocks: 10 });
      const sent = await Promise.all(stations.map((station) => station.send(again.ingest)));
      expect(sent).toEqual([60, 60, 60]);
      const after = await checkPlant(restored.urlOf('plant'), checked());
      expect(after.faults).toEqual([]);
      const next = await again.lease('line 3', 'after the restore');
      expect(next.first).toBeGreaterThan(Math.max(kept.last, forgotten.last));
    } finally {
      await again.database.close();
    }
  });

  function checked() {
    return stations.map((station) => station.checked);
  }
});

async function archivedAll(cluster: Postgres): Promise<boolean> {
  const text = `SELECT last_archived_wal >= pg_walfile_name(pg_switch_wal()) OR NOT EXISTS (
    SELECT FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') FROM pg_stat_archiver`;
  return (await cluster.psql(text)) === 't';
}
