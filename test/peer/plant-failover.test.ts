import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '#main/app/real-clock.ts';
import type { Database } from '#plant/database/database.ts';
import { migrateDatabase, openDatabase } from '#plant/database/open-database.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { LineStation } from '#test/support/line-station.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { keyringOf } from '#test/support/plant/plant-in-memory.ts';
import { checkPlant } from '#test/support/plant-checker/check.ts';
import { freePort, type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { followRecipe, recipeSettings } from '#test/support/recipes.ts';
import { inviteStation, plantCommand, PlantProcess } from '#test/support/soak/plant-process.ts';
import { SoakStation } from '#test/support/soak/soak-station.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

const POOL = `
  INSERT INTO pools (id, kind, product, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
    VALUES ('boards', 'serial', 'hello', 'A', 8, 1, 99999999, 20, 1, 'A', 8, 1, 99999999, 'x', now())`;

/** A machine that does much else takes its time. */
const PATIENT = { timeout: 30_000 };

describe.skipIf(!requirePrograms(['postgresql']))('a replica takes over as docs/operations.md says', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let primary: Postgres;
  let replica: Postgres;
  let stations: LineStation[];
  let database: Database;
  let ingest: Ingest;
  /** Both clusters in one, as the plant's servers are given it. */
  let url: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    primary = await startPostgres({ settings: recipeSettings('primary', {}) });
    await followRecipe('roles', primary);
    await migrateDatabase(primary.urlOf('plant', 'flashline_migrate'), { clock: realClock });
    replica = await startReplica(primary, 'replica');
    const hosts = `127.0.0.1:${primary.port},127.0.0.1:${replica.port}`;
    url = `postgresql://flashline_server@${hosts}/plant?target_session_attrs=read-write`;
    database = await openDatabase({ url }, { clock: realClock });
    const signer = await newSigner();
    const keyring = keyringOf(signer);
    ingest = createIngest({ database, keyring });
    const open = (name: string, seed: number) => LineStation.open({ folder: folder.path, name, seed, units: 60 });
    stations = await Promise.all(['line 1', 'line 2'].map(open));
  });
  afterEach(async () => {
    await database.close();
    await Promise.all(stations.map((station) => station.close()));
    await Promise.all([primary.remove(), replica.remove()]);
    folder.remove();
  });

  async function work(hour: number): Promise<void> {
    for (const station of stations) await station.make(60, Date.UTC(2026, 1, 28, hour), 50_000);
    await Promise.all(stations.map((station) => station.send(ingest)));
  }

  async function checked(cluster: Postgres) {
    const { faults } = await checkPlant(
      cluster.urlOf('plant'),
      stations.map((station) => station.checked),
    );
    return faults;
  }

  async function failOver(): Promise<void> {
    await primary.kill9();
    await followRecipe('promote', replica);
    await expect.poll(() => replica.psql('SELECT pg_is_in_recovery()'), PATIENT).toBe('f');
  }

  it('without synchronous commit: what it never had was acknowledged, and comes again from the stations', async () => {
    const place = { home: join(folder.path, 'home'), database: url };
    const server = new PlantProcess({ ...place, port: await freePort() });
    const open = (name: string, seed: number) => SoakStation.open({ folder: folder.path, name, seed, units: 60 });
    const lines = await Promise.all(['line 3', 'line 4'].map(open));
    const allMake = async (records: number) => {
      for (const line of lines) {
        await line.make(records);
        await line.settle(PATIENT.timeout);
        for (let number = 0; number < 15; number++) await line.takeNumber('boards');
      }
    };
    try {
      await server.start();
      await primary.psql(POOL, 'plant');
      for (const line of lines) await line.enrol(server.url, await inviteStation(line.name, place));
      await allMake(60);
      await expect.poll(() => inStep(primary), PATIENT).toBe(true);
      await replica.stop('fast');
      // Acknowledged, and numbers leased, by a primary that nobody follows any more.
      await allMake(60);
      await Promise.all(lines.map((line) => line.goOffline()));
      await primary.kill9();
      await replica.start();
      await followRecipe('promote', replica);
      await expect.poll(() => replica.psql('SELECT pg_is_in_recovery()'), PATIENT).toBe('f');
      const lost = await checkPlant(
        replica.urlOf('plant'),
        lines.map((line) => line.checked),
      );
      expect(lost.faults.filter(({ kind }) => kind === 'lost').length).toBeGreaterThan(100);

      await plantCommand(['recovered'], place);
      for (const line of lines) await line.settle(PATIENT.timeout);
      await allMake(20);
      await Promise.all(lines.map((line) => line.goOffline()));
      const { faults } = await checkPlant(
        replica.urlOf('plant'),
        lines.map((line) => line.checked),
      );
      expect(faults).toEqual([]);
      const taken = lines.flatMap((line) => line.taken);
      expect(taken.length).toBeGreaterThan(60);
      expect(new Set(taken).size).toBe(taken.length);
    } finally {
      await Promise.all(lines.map((line) => line.close()));
      await server.stop();
    }
  });

  it('with synchronous commit: whatever was acknowledged is there when the primary dies in the middle', async () => {
    const told = await followRecipe('synchronous', primary, { NAME: 'replica' });
    expect(told).toContain('replica|streaming');
    await expect.poll(() => primary.psql('SELECT sync_state FROM pg_stat_replication'), PATIENT).toBe('sync');
    await work(6);
    for (const station of stations) await station.make(200, Date.UTC(2026, 1, 28, 9), 5000);
    const sending = stations.map((station) =>
      station.send(ingest).then(
        () => station.name,
        () => null,
      ),
    );
    await expect.poll(() => count(primary), { ...PATIENT, interval: 5 }).toBeGreaterThan(120);
    await failOver();
    await Promise.all(sending);
    for (const station of stations) expect(await acknowledgedIsThere(station)).toBe(true);
    await Promise.all(stations.map((station) => sendUntilTaken(station)));
    expect(await checked(replica)).toEqual([]);

    // The old primary comes back as the replica of the new one, by the same recipe.
    const back = await startReplica(replica, 'old_primary');
    try {
      await expect.poll(() => inStep(replica), PATIENT).toBe(true);
      expect(await checked(back)).toEqual([]);
    } finally {
      await back.remove();
    }
  });

  /** The first tries may still find the dead one. */
  async function sendUntilTaken(station: LineStation): Promise<number> {
    let sent = -1;
    await expect
      .poll(async () => (sent = await station.send(ingest).catch(() => -1)), PATIENT)
      .toBeGreaterThanOrEqual(0);
    return sent;
  }

  async function acknowledgedIsThere(station: LineStation): Promise<boolean> {
    const has = await replica.psql(`SELECT max(sequence) FROM chains WHERE station = '${station.name}'`, 'plant');
    return Number(has) >= station.acknowledged;
  }
});

function startReplica(primary: Postgres, name: string): Promise<Postgres> {
  const fill = (data: string) => followRecipe('replica', primary, { PRIMARY: '127.0.0.1', NAME: name, DATA: data });
  return startPostgres({ fill, settings: recipeSettings('primary', {}) });
}

async function inStep(primary: Postgres): Promise<boolean> {
  return (await primary.psql('SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication')) === 't';
}

async function count(cluster: Postgres): Promise<number> {
  return Number(await cluster.psql('SELECT count(*) FROM records', 'plant'));
}
