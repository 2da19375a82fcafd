import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NETWORK_FAULTS } from '#test/support/fault-proxy.ts';
import { checkPlant } from '#test/support/plant-checker/check.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { SmallDisk } from '#test/support/small-disk.ts';
import { inviteStation } from '#test/support/soak/plant-process.ts';
import { Soak, soakTable } from '#test/support/soak/soak.ts';
import { SoakStation } from '#test/support/soak/soak-station.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] === '1';
/** On a machine that does little else; each kind of trouble has its turn however long it takes. */
const SECONDS = NIGHTLY ? 1800 : 70;
const STATIONS = 6;
/** Of the station that was offline before it all began. */
const BACKLOG = NIGHTLY ? 20_000 : 1500;
const DISK_MB = NIGHTLY ? 4000 : 800;
const SEED = Number(process.env['FLASHLINE_SEED'] ?? randomInt(1_000_000));

const STORM = [
  ...NETWORK_FAULTS,
  'clock jump',
  'server killed -9 in mid-transaction',
  'PostgreSQL restarted',
  'PostgreSQL killed -9',
  'station offline',
  ...(SmallDisk.possible ? ['disk full, batches refused'] : []),
];

const POOL = `
  INSERT INTO pools (id, kind, product, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
    VALUES ('boards', 'serial', 'hello', 'A', 8, 1, 99999999, 20, 1, 'A', 8, 1, 99999999, 'x', now())`;

describe.skipIf(!requirePrograms(['postgresql']))(`a line and its plant in a storm (FLASHLINE_SEED=${SEED})`, () => {
  const folder = temporaryFolder();
  const home = join(folder.path, 'home');
  const disk = SmallDisk.possible ? SmallDisk.mount(DISK_MB) : null;
  let postgres: Postgres;
  let stations: SoakStation[] = [];
  let soak: Soak | null = null;

  beforeAll(async () => {
    // A small write-ahead log, so that the disk is full when tables fill it.
    const settings = { max_wal_size: '64MB', min_wal_size: '32MB', shared_buffers: '64MB' };
    postgres = await startPostgres({ settings, ...(disk === null ? {} : { under: disk.path }) });
    const open = (_: unknown, seed: number) =>
      SoakStation.open({ folder: folder.path, name: `line ${seed + 1}`, seed: SEED + seed, units: 3000 });
    stations = await Promise.all(Array.from({ length: STATIONS }, open));
  });
  afterAll(async () => {
    await soak?.stop();
    await Promise.all(stations.map((station) => station.close()));
    await postgres.remove();
    await disk?.unmount();
    folder.remove();
  });

  it('agrees record for record once all is well again', { timeout: (SECONDS * 2 + 400) * 1000 }, async () => {
    const database = await postgres.createDatabase('plant');
    soak = new Soak({ seconds: SECONDS, stations, postgres, disk, database, home, seed: SEED });
    const url = await soak.start();
    await postgres.psql(POOL, 'plant');
    await stations[0]?.make(BACKLOG);
    for (const station of stations) await station.enrol(url, await inviteStation(station.name, { database, home }));
    const report = await soak.run().catch((error: unknown) => {
      throw new Error(`the plant did not heal: ${soak?.said}`, { cause: error });
    });
    await Promise.all(stations.map((station) => station.goOffline()));
    process.stdout.write(`\n${soakTable(report)}\n`);

    // The storm was one.
    for (const kind of STORM) expect([...report.faults.keys()].filter((each) => each.startsWith(kind))).not.toEqual([]);
    const checked = stations.map((station) => station.checked);
    const { faults, records } = await checkPlant(postgres.urlOf('plant'), checked);
    expect(faults.slice(0, 10)).toEqual([]);
    expect(records).toBeGreaterThan(report.records * 0.9);
    expect(report.repeated).toBeGreaterThan(0);
    const taken = stations.flatMap((station) => station.taken);
    expect(taken.length).toBeGreaterThan(0);
    expect(new Set(taken).size).toBe(taken.length);
  });
});
