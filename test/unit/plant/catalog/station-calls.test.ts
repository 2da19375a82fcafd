import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StationDocument, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { asPerson, asStation, EMPTY, NOW, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
  await plant.enrol('line-1');
});
afterAll(() => plant.close());

const ada = asPerson('ada', ['process-engineer']);
const eve = asPerson('eve', ['admin']);
const REPORT = { appVersion: '1.2.3', pending: 7, oldestAt: '2028-02-29T11:00:00.000Z', skewMs: -40, release: null };

async function visit(now = NOW, over: Partial<typeof REPORT> = {}): Promise<StationDocument> {
  const given = { ...EMPTY, body: { ...REPORT, ...over } };
  const { document, now: at } = await plant.calls['station.report'](given, asStation('line-1', now));
  expect(at).toBe(now.toISOString());
  return StationDocument.parse(await plant.keyring.verify(document, STATEMENTS.stationDocument));
}

async function published(version: string): Promise<string> {
  const body = await releaseZip({ version });
  const { digest } = await plant.calls['release.upload']({ ...EMPTY, body }, ada);
  await plant.calls['release.approve']({ ...EMPTY, params: { digest } }, eve);
  await plant.calls['release.publish']({ ...EMPTY, params: { digest } }, eve);
  return digest;
}

describe('the station document', () => {
  test('has what stations may use now, and what they must not', async () => {
    const [kept, doomed] = [await published('1.0.0'), await published('1.1.0')];
    const unpublished = await plant.calls['release.upload'](
      { ...EMPTY, body: await releaseZip({ version: '9.0.0' }) },
      ada,
    );
    for (const [id, release] of [
      ['WO-1', kept],
      ['WO-2', doomed],
      ['WO-3', kept],
    ] as const)
      await plant.calls['order.create']({ ...EMPTY, body: { id, release, quantity: 5 } }, ada);
    await plant.calls['order.close']({ ...EMPTY, params: { name: 'WO-3' } }, ada);
    await plant.calls['release.withdraw']({ ...EMPTY, params: { digest: doomed }, body: { reason: 'r' } }, ada);
    await plant.calls['pool.create'](
      {
        ...EMPTY,
        body: { id: 'p', kind: 'serial', product: 'x', prefix: 'A', digits: 3, first: 0, last: 9, block: 5 },
      },
      ada,
    );
    await plant.database.query(`
      INSERT INTO users (name, roles, products, badge, active, created_at) VALUES
        ('bo', '{operator,rework}', '{}', '${'b'.repeat(64)}', true, now()),
        ('buyer', '{buyer}', '{x}', NULL, true, now()),
        ('gone', '{operator}', '{}', '${'c'.repeat(64)}', false, now())`);
    const document = await visit();
    expect(document.releases.map(({ digest }) => digest)).toEqual([kept]);
    expect(document.withdrawn).toEqual([doomed]);
    expect(JSON.stringify(document)).not.toContain(unpublished.digest);
    expect(document.orders).toEqual([{ id: 'WO-1', product: 'hello-nrf52', release: kept, quantity: 5, passed: 0 }]);
    expect(document.pools).toEqual([{ id: 'p', kind: 'serial', product: 'x', block: 5 }]);
    expect(document.users).toEqual([{ name: 'bo', roles: ['operator', 'rework'], badge: 'b'.repeat(64) }]);
    expect(document).toMatchObject({
      station: 'line-1',
      issuedAt: NOW.toISOString(),
      leaseUntil: '2028-03-07T12:00:00.000Z',
    });
  });

  test('always has a greater number, also after the database forgot its last one or a clock went back', async () => {
    const first = await visit();
    const second = await visit(new Date(NOW.getTime() - 3_600_000));
    const third = await visit();
    await plant.database.query('UPDATE document_serial SET serial = 5');
    const restored = await visit(new Date(NOW.getTime() + 1000));
    const together = await Promise.all([visit(), visit(), visit()]);
    const serials = [first, second, third, restored].map(({ serial }) => serial);
    expect(serials).toEqual(serials.toSorted((a, b) => a - b));
    expect(new Set([...serials, ...together.map(({ serial }) => serial)]).size).toBe(7);
  });

  test('is not for a station that was shut out', async () => {
    await plant.enrol('stolen');
    await plant.database.query("UPDATE stations SET revoked_at = now() WHERE name = 'stolen'");
    const call = () => plant.calls['station.report']({ ...EMPTY, body: REPORT }, asStation('stolen'));
    expect(await failureOf(call)).toMatchObject({ code: 'station-revoked', params: { station: 'stolen' } });
  });
});

describe('a station’s report', () => {
  test('is kept as it was told last', async () => {
    await visit();
    const [row] = await plant.database.query("SELECT * FROM stations WHERE name = 'line-1'");
    expect(row).toMatchObject({
      last_seen_at: NOW,
      app_version: '1.2.3',
      pending: 7,
      oldest_at: new Date(REPORT.oldestAt),
      skew_ms: -40,
      lease_until: new Date('2028-03-07T12:00:00.000Z'),
    });
  });

  test('of a clock that is off is a finding, once a day', async () => {
    await visit(NOW, { skewMs: 300_000 });
    const findings = () => plant.calls['finding.list']({ ...EMPTY, query: { open: 'true' } }, eve);
    expect(await findings()).toEqual([]);
    await visit(NOW, { skewMs: -300_001 });
    await visit(NOW, { skewMs: 900_000 });
    expect(await findings()).toMatchObject([{ kind: 'clock-skew', station: 'line-1', detail: { skewMs: '-300001' } }]);
    await visit(new Date('2028-03-01T00:00:00Z'), { skewMs: 900_000 });
    const [newest, older] = await findings();
    expect(newest?.foundAt).toBe('2028-03-01T00:00:00.000Z');
    const settle = (id = 0, by = eve) =>
      plant.calls['finding.settle']({ ...EMPTY, params: { id }, body: { note: '<b>battery</b>' } }, by);
    expect(await settle(older?.id)).toMatchObject({ settledBy: 'eve', detail: { note: '<b>battery</b>' } });
    expect(await failureOf(() => settle(older?.id, ada))).toMatchObject({ code: 'state-conflict' });
    expect(await failureOf(() => settle(999_999))).toMatchObject({ code: 'not-found' });
    expect(await findings()).toEqual([newest]);
    expect(await plant.calls['finding.list']({ ...EMPTY, query: { open: 'false' } }, eve)).toHaveLength(1);
  });
});

describe('admission', () => {
  const ask = (over: Partial<Parameters<typeof given>[0]> = {}) =>
    plant.calls['station.admission'](given({ ...over }), asStation('line-2'));
  const given = (over: {
    product?: string;
    serial?: string;
    uid?: string | null;
    process?: string;
    after?: string | null;
    macs?: string[];
  }) => ({ ...EMPTY, body: { product: 'board', serial: 'S1', uid: null, process: 'flash', after: null, ...over } });
  const board = { id: 'board', revision: 'A', name: 'Board' };
  const at = (second: number) => ({
    product: board,
    finishedAt: new Date(Date.UTC(2028, 1, 29, 8, 0, second)).toISOString(),
  });

  test('knows who passed, here or elsewhere, by serial and by hardware id, step by step', async () => {
    const line = await plant.enrol('admits');
    await plant.send(line, [
      { ...at(1), serial: 'S1', uid: 'u1' },
      { ...at(2), serial: 'S2', uid: 'u2', ...FAILED },
      { ...at(3), serial: 'S1', uid: 'u1', process: 'test' },
      { ...at(4), serial: 'S1', uid: 'u1', verdict: 'ERROR' },
      { ...at(5), serial: 'S3', uid: null },
    ]);
    const s1 = { serial: 'S1', uid: 'u1', station: 'admits', finishedAt: '2028-02-29T08:00:01.000Z' };
    expect(await ask()).toEqual({ passed: s1, route: null });
    expect(await ask({ product: 'other' })).toEqual({ passed: null, route: null });
    expect(await ask({ product: 'other', serial: 'X', uid: 'u1' })).toEqual({ passed: s1, route: null });
    expect(await ask({ serial: 'S2', uid: 'u2' })).toEqual({ passed: null, route: null });
    expect(await ask({ process: 'pack' })).toEqual({ passed: null, route: null });
    expect((await ask({ process: 'test' })).passed?.finishedAt).toBe('2028-02-29T08:00:03.000Z');
    expect((await ask({ serial: 'S3' })).passed).toMatchObject({ serial: 'S3', uid: null });
  });

  test('knows whose an address is: of the first unit that passed with it, and of no unit that failed', async () => {
    const line = await plant.enrol('addresses');
    const mac = '02:00:5e:00:53:01';
    await plant.send(line, [
      { ...at(1), serial: 'M1', uid: 'm1', macs: ['02:00:5e:00:53:09'], ...FAILED },
      { ...at(2), serial: 'M2', uid: 'm2', macs: [mac] },
    ]);
    const macs = ['02:00:5e:00:53:09', mac];
    expect(await ask({ serial: 'M3', macs })).toEqual({
      passed: null,
      route: null,
      macs: [{ mac, serial: 'M2', product: 'board' }],
    });
    expect((await ask({ serial: 'M2', macs })).macs).toEqual([]);
    expect(await ask({ serial: 'M3', after: 'flash', macs: [mac] })).toMatchObject({ route: false, macs: [{ mac }] });
  });

  test('checks the route: passed the step before, and not failed it since', async () => {
    expect((await ask({ process: 'pack', after: 'flash' })).route).toBe(true);
    expect((await ask({ process: 'pack', after: 'burn-in' })).route).toBe(false);
    expect((await ask({ serial: 'S2', after: 'flash' })).route).toBe(false);
    const line = await plant.enrol('retests');
    await plant.send(line, [{ ...at(9), serial: 'S1', uid: 'u1', ...FAILED }]);
    expect((await ask({ process: 'pack', after: 'flash' })).route).toBe(false);
    await plant.send(line, [{ ...at(10), serial: 'S1', uid: 'u1' }]);
    expect((await ask({ process: 'pack', after: 'flash' })).route).toBe(true);
  });
});
