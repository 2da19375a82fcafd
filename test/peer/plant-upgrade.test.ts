import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '#main/app/real-clock.ts';
import { MIGRATIONS } from '#plant/database/migrations/index.ts';
import { migrateDatabase } from '#plant/database/open-database.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import { FaultProxy } from '#test/support/fault-proxy.ts';
import { checkPlant } from '#test/support/plant-checker/check.ts';
import { freePort, type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { inviteStation, PlantProcess } from '#test/support/soak/plant-process.ts';
import { SoakStation } from '#test/support/soak/soak-station.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

/** What the next version might add. */
const NEXT = { version: MIGRATIONS.length + 1, sql: 'CREATE TABLE of_the_next_version (id integer PRIMARY KEY)' };

describe.skipIf(!requirePrograms(['postgresql']))('an upgrade as docs/operations.md says', () => {
  const folder = temporaryFolder();
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } });
  });
  afterAll(async () => {
    await postgres.remove();
    folder.remove();
  });

  it('never stops the line: servers go one after the other, behind what shares the calls out', async () => {
    const place = { home: join(folder.path, 'home'), database: await postgres.createDatabase('plant') };
    const servers = [
      new PlantProcess({ ...place, port: await freePort() }),
      new PlantProcess({ ...place, port: await freePort() }),
    ];
    for (const server of servers) await server.start();
    const targets = servers.map(({ url }) => url);
    const balancer = await FaultProxy.listen({ targets, random: Math.random, stallMs: 0 });
    const station = await SoakStation.open({ folder: folder.path, name: 'line 1', seed: 1, units: 50 });
    const upgraded = new AbortController();
    try {
      await station.enrol(balancer.url, await inviteStation(station.name, place));
      const visits: SyncState['phase'][] = [];
      const working = (async () => {
        while (!upgraded.signal.aborted) {
          await station.make(5);
          visits.push((await station.visit()).phase);
          await pause(20);
        }
      })();
      await servers[0]?.stop();
      await servers[0]?.start();
      await servers[1]?.stop();
      await servers[1]?.start();
      // The first server of the next version migrates; the others go on, and stay in the balancer's list.
      await migrateDatabase(place.database, { clock: realClock, migrations: [...MIGRATIONS, NEXT] });
      await expectMetrics(targets[0] ?? '', station.name);
      for (const { url } of servers) expect((await fetch(`${url}/ready`)).status).toBe(200);
      await pause(500);
      upgraded.abort();
      await working;
      expect(visits.length).toBeGreaterThan(5);
      expect(new Set(visits)).toEqual(new Set(['idle']));
      await station.goOffline();
      expect((await checkPlant(place.database, [station.checked])).faults).toEqual([]);
    } finally {
      upgraded.abort();
      await station.close();
      await balancer.close();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

/** All that docs/operations.md has an alert on. */
async function expectMetrics(server: string, station: string): Promise<void> {
  const metrics = await (await fetch(`${server}/metrics`)).text();
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const named = page.match(/flashline_(?:request|records|station|findings)_[a-z_]+/g) ?? [];
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(metrics).toContain(name);
  expect(metrics).toMatch(new RegExp(`flashline_station_seen_seconds\\{station="${station}"\\} 1\\.?\\d+`));
}
