import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { NumberLease, StationDocument, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { openDatabase } from '#plant/database/open-database.ts';
import { realClock } from '#main/app/real-clock.ts';
import { asPerson, asStation, EMPTY, NOW, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { checkLeases } from '#test/support/plant-checker/leases.ts';
import { PlantRows } from '#test/support/plant-checker/plant-rows.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';

const ada = asPerson('ada', ['process-engineer']);
const engineers = ['eve', 'bob', 'zoe', 'kim'].map((name) => asPerson(name, ['quality']));
const STATIONS = ['line-1', 'line-2', 'line-3', 'line-4', 'line-5', 'line-6'];

describe.skipIf(!requirePrograms(['postgresql']))('what two servers do to one PostgreSQL at once', () => {
  let cluster: Postgres;
  let servers: readonly [PlantInMemory, PlantInMemory];
  beforeAll(async () => {
    cluster = await startPostgres({ settings: { fsync: 'off' } });
    const url = await cluster.createDatabase('plant');
    const one = await openPlant(await openDatabase({ url }, { clock: realClock }));
    // The second server is another pool with the same keys.
    const two = await openPlant(await openDatabase({ url }, { clock: realClock }), one.keyring);
    servers = [one, two];
    for (const station of STATIONS) await one.enrol(station);
  });
  afterAll(async () => {
    for (const { database } of servers) await database.close();
    await cluster.remove();
  });

  const either = (n: number) => servers[n % 2] ?? servers[0];
  const createPool = (n: number, id: string, first: number, last: number) =>
    either(n).calls['pool.create'](
      { ...EMPTY, body: { id, kind: 'serial', product: null, prefix: 'HB', digits: 6, first, last, block: 7 } },
      ada,
    );
  const publish = async (version: string): Promise<string> => {
    const { calls } = servers[0];
    const { digest } = await calls['release.upload']({ ...EMPTY, body: await releaseZip({ version }) }, ada);
    const settled = await Promise.allSettled(
      engineers.map((engineer, n) => either(n).calls['release.approve']({ ...EMPTY, params: { digest } }, engineer)),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await calls['release.publish']({ ...EMPTY, params: { digest } }, ada);
    return digest;
  };

  test('a number is in one hand only, whoever leases, asks again and gives back', async () => {
    await createPool(0, 'p', 1, 1500);
    const taken: number[] = [];
    const work = STATIONS.flatMap((station) =>
      Array.from({ length: 24 }, async (_, n) => {
        const key = `key-${String(n >> 1).padStart(5, '0')}`;
        const given = { ...EMPTY, body: { pool: 'p', key } };
        const answer = await either(n).calls['station.lease'](given, asStation(station));
        const lease = NumberLease.parse(await servers[0].keyring.verify(answer.lease, STATEMENTS.numberLease));
        if (n % 2 === 0) return { ...lease, key };
        // What others gave back may be a block of one.
        const body = { next: Math.min(lease.first + (lease.first % 8), lease.last + 1), over: true };
        await either(n + 1).calls['station.return-lease'](
          { ...EMPTY, params: { lease: lease.lease }, body },
          asStation(station),
        );
        for (let number = lease.first; number < body.next; number++) taken.push(number);
        return { ...lease, key };
      }),
    );
    const leases = await Promise.all(work);
    const byKey = Map.groupBy(leases, ({ station, key }) => `${station} ${key}`);
    for (const [, same] of byKey) expect(new Set(same.map(({ lease }) => lease)).size).toBe(1);
    expect(byKey.size).toBe(STATIONS.length * 12);
    expect(new Set(taken).size).toBe(taken.length);
    const rows = await PlantRows.open(cluster.urlOf('plant'));
    try {
      expect(await checkLeases(rows)).toEqual([]);
    } finally {
      await rows.close();
    }
    const [sum] = z.array(z.object({ all: z.coerce.number() })).parse(
      await servers[0].database.query(`
          SELECT (SELECT last - next + 1 FROM pools WHERE id = 'p') + (SELECT sum(next - first) FROM leases WHERE pool = 'p')
            + (SELECT coalesce(sum(last - first + 1), 0) FROM returned_numbers WHERE pool = 'p') AS all`),
    );
    expect(sum?.all).toBe(1500);
  });

  test('of pools that overlap one is made', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => createPool(n, `q${n}`, 10_000 + n * 5, 10_050 + n * 5)),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a release is approved once, and the same package is one release', async () => {
    await publish('1.0.0');
    const body = await releaseZip({ version: '1.0.1' });
    const uploads = engineers.map((engineer, n) => either(n).calls['release.upload']({ ...EMPTY, body }, engineer));
    const uploaded = await Promise.all(uploads);
    expect(new Set(uploaded.map(({ uploadedBy }) => uploadedBy)).size).toBe(1);
    const acts = await cluster.psql(
      `SELECT count(*) FROM audit_log WHERE action = 'release.upload' AND object = '${uploaded[0]?.digest}'`,
      'plant',
    );
    expect(acts).toBe('1');
  });

  test('a document with a greater number never knows less', async () => {
    const release = await publish('2.0.0');
    const report = { appVersion: '1', pending: 0, oldestAt: null, skewMs: null, release: null };
    const documents: StationDocument[] = [];
    const visit = async (n: number) => {
      const { document } = await either(n).calls['station.report'](
        { ...EMPTY, body: report },
        asStation(STATIONS[n % STATIONS.length] ?? '', new Date(NOW.getTime() - n * 1000)),
      );
      documents.push(StationDocument.parse(await servers[0].keyring.verify(document, STATEMENTS.stationDocument)));
    };
    const orders = async () => {
      for (let n = 0; n < 20; n++)
        await either(n).calls['order.create']({ ...EMPTY, body: { id: `WO-${n}`, release, quantity: 1 } }, ada);
    };
    const visitors = Array.from({ length: 6 }, async (_, visitor) => {
      for (let n = 0; n < 12; n++) await visit(visitor + n * 6);
    });
    await Promise.all([orders(), ...visitors]);
    const inOrder = documents.toSorted((a, b) => a.serial - b.serial);
    expect(new Set(inOrder.map(({ serial }) => serial)).size).toBe(72);
    const known = inOrder.map((document) => document.orders.length);
    expect(known).toEqual(known.toSorted((a, b) => a - b));
  });
});
