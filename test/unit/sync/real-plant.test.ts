import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import type { LogDatabase } from '#main/log/log-database.ts';
import { fetchRelease } from '#main/sync/releases.ts';
import { StationRules } from '#main/sync/station-rules.ts';
import type { Sync } from '#main/sync/sync.ts';
import { type Plant, startPlant } from '#plant/plant.ts';
import { createPlantClient, type PlantClient } from '#renderer/client/plant-client.ts';
import type { Clock } from '#shared/base/clock.ts';
import { migratedDatabase } from '#test/support/plant/migrated-database.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { makeSyncRig, NEVER, type SyncRig } from './rig.ts';

const PASSWORD = 'correct horse battery';
const PRODUCT = 'hello-nrf52';
let plant: Plant;
let folder: string;
let mia: PlantClient;
let otto: PlantClient;
let rig: SyncRig;
let sync: Sync;
let stations = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-real-plant-'));
  plant = await startPlant({
    folder,
    database: null,
    inMemory: await migratedDatabase(),
    host: '127.0.0.1',
    port: 0,
    name: 'Ulm',
    version: '0.0.0-test',
    keyFile: null,
    tls: null,
    pages: null,
    clock: realClock,
    random: realRandom,
    describe: ({ code }) => ({ message: code, remedy: '' }),
    log: () => undefined,
    limits: { anonymous: 100_000, session: 100_000 },
    passwordCost: { memory: 1024, passes: 1 },
  });
  mia = await person('mia', ['process-engineer'], null);
  otto = await person('otto', ['quality', 'supervisor'], null);
  await person('wei', ['operator'], 'BADGE-0815');
  await mia.call('pool.create', {
    body: { id: 'serials', kind: 'serial', product: PRODUCT, prefix: 'HB', digits: 6, first: 1, last: 1000, block: 10 },
  });
}, 120_000);
afterAll(async () => {
  await plant.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  rig = await makeSyncRig();
  sync = await rig.open({ product: PRODUCT });
  stations += 1;
  const { code } = await plant.desk.call('station.invite', { name: `line-${stations}` });
  await sync.enrol({ url: plant.url, code }, NEVER);
});
afterEach(() => rig.close());

type Role = 'process-engineer' | 'quality' | 'supervisor' | 'operator';
async function person(name: string, roles: Role[], badge: string | null): Promise<PlantClient> {
  await plant.desk.call('user.create', { name, roles, products: [], password: PASSWORD, badge });
  let cookie = '';
  const client = createPlantClient(async (input, init) => {
    const headers = { ...Object.fromEntries(new Headers(init?.headers)), cookie, origin: plant.url };
    const answer = await fetch(input, { ...init, headers });
    cookie = answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
    return answer;
  }, plant.url);
  await client.call('session.open', { body: { name, password: PASSWORD } });
  return client;
}

/** This plant may be slow, but is never silent: what a station does without an answer is another test's. */
const patientClock: Clock = { ...realClock, sleep: (ms, signal) => realClock.sleep(Math.max(ms, 60_000), signal) };

function rulesOf(station: SyncRig, of: Sync): Promise<StationRules> {
  return StationRules.open({
    sync: of,
    store: station.store,
    clock: patientClock,
    random: realRandom,
    fromPlant: true,
    changed: () => undefined,
  });
}

/** As a salvage leaves it. */
function lose(database: LogDatabase, first: number, last: number): void {
  database.sqlite.exec('PRAGMA foreign_keys = OFF; DROP TRIGGER IF EXISTS records_kept');
  database.run('INSERT INTO gaps SELECT ?, sequence, hash FROM records WHERE sequence = ?', first, last);
  for (const table of ['outbox', 'acknowledgements', 'facets', 'records'])
    database.run(`DELETE FROM ${table} WHERE sequence BETWEEN ? AND ?`, first, last);
  database.run('DELETE FROM units WHERE first_sequence BETWEEN ? AND ?', first, last);
  database.sqlite.exec('PRAGMA foreign_keys = ON');
}

const product = { id: PRODUCT, revision: 'B', name: 'Hello board' };

describe('with the real plant', () => {
  it('records arrive, whatever this station’s clock says, and a number lease with them', async () => {
    for (let i = 0; i < 7; i++) await rig.record({ product, ...(i === 3 ? { probe: 'bench:nrf52840' } : {}) });
    const state = await sync.now(NEVER);
    const plantName = { name: 'Ulm', url: plant.url };
    expect(state).toMatchObject({
      phase: 'idle',
      failure: null,
      pending: 0,
      plant: plantName,
      station: `line-${stations}`,
    });
    expect(Math.abs((state.skewMs ?? 0) - (rig.clock.wall - Date.now()))).toBeLessThan(5000);
    expect(state.numbers).toEqual([{ pool: 'serials', left: 10, until: expect.any(String) }]);
    for (let i = 0; i < 6; i++) await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0);
    expect((await sync.now(NEVER)).numbers).toMatchObject([{ left: 14 }]);
    const records = await rig.log.records({});
    expect(records).toHaveLength(7);
    const [trace] = await otto.call('unit.trace', { params: { serial: 'HB000001' } });
    expect(trace?.runs.map(({ record, signed }) => [record.hash, signed])).toContainEqual([records.at(-1)?.hash, true]);
  });

  it('what a damaged log lost comes back from the plant; what the plant never had is a finding', async () => {
    for (let i = 0; i < 20; i++) await rig.record({ product });
    await sync.now(NEVER);
    for (let i = 20; i < 50; i++) await rig.record({ product });
    const all = await rig.log.records({ limit: 50 });
    lose(rig.database, 11, 13);
    lose(rig.database, 30, 33);
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', failure: null, pending: 0 });
    expect((await rig.safety.state()).gaps).toMatchObject([{ first: 30, last: 33 }]);
    expect(await rig.log.records({ limit: 50 })).toEqual(all.filter(({ sequence }) => sequence < 30 || sequence > 33));

    expect(await rig.log.verify()).toEqual({ records: 46, fault: null });
    const chain = all.at(-1)?.hash ?? '';
    const page = { params: { chain }, query: { after: 0, limit: 100 } };
    const { items } = await sync.session().call('station.own-records', page, { signal: NEVER });
    expect(items.flatMap((item) => ('record' in item ? [item.record['hash']] : []))).toEqual(
      all
        .filter(({ sequence }) => sequence < 30 || sequence > 33)
        .map(({ hash }) => hash)
        .toReversed(),
    );
    const found = async () =>
      (await otto.call('finding.list', { query: { open: 'true' } })).filter(
        ({ kind, station }) => kind === 'records-lost' && station === `line-${stations}`,
      );
    expect(await found()).toMatchObject([{ detail: { chain, first: '30', last: '33' }, settledAt: null }]);

    await rig.record({ product });
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', failure: null, pending: 0 });
    expect(await found()).toHaveLength(1);
  });

  it('a release by two people comes down, an order is worked on, a badge is known, and a withdrawal is heard', async () => {
    const { digest } = await mia.call('release.upload', { body: await releaseZip({ version: `1.0.${stations}` }) });
    await otto.call('release.approve', { params: { digest } });
    await mia.call('release.publish', { params: { digest } });
    await otto.call('order.create', { body: { id: `WO-${stations}`, release: digest, quantity: 1 } });
    await sync.now(NEVER);
    const document = sync.book?.document;
    if (!document) throw new Error('no document');
    const session = sync.session();
    const path = await fetchRelease({ folder, document, session, random: realRandom, signal: NEVER }, digest);
    expect(path).toBe(join(folder, digest));

    const rules = await rulesOf(rig, sync);
    expect(() => rules.permit(digest)).not.toThrow();
    expect(rules.operatorOf('BADGE-0815')).toBe('wei');
    await rules.setOrder(`WO-${stations}`, { digest, product: PRODUCT });
    await rig.record({ product, release: digest, order: `WO-${stations}`, serial: `HB90000${stations}` });
    await sync.now(NEVER);
    expect(rules.order()).toMatchObject({ quantity: 1, passed: 1, closed: false });

    await mia.call('release.withdraw', { params: { digest }, body: { reason: 'bad bootloader' } });
    await sync.now(NEVER);
    expect(() => rules.permit(digest)).toThrow(/release-withdrawn/);
    rules.close();
  });

  it('a unit that passed at one station is refused at another, and a step that it has not passed is missed', async () => {
    const serial = `HB80000${stations}`;
    await rig.record({ product, serial, uid: 'aa11', process: 'flash' });
    await sync.now(NEVER);
    const other = await makeSyncRig();
    try {
      const elsewhere = await other.open({ product: PRODUCT });
      const { code } = await plant.desk.call('station.invite', { name: `line-${stations}b` });
      await elsewhere.enrol({ url: plant.url, code }, NEVER);
      const rules = await rulesOf(other, elsewhere);
      const unit = { product: PRODUCT, serial, uid: 'aa11', route: null, rework: false };
      await expect(rules.admit(unit, NEVER)).rejects.toMatchObject({
        failure: { code: 'passed-elsewhere', params: { station: `line-${stations}` } },
      });
      await rules.admit({ ...unit, rework: true }, NEVER);
      await rules.admit({ ...unit, route: { step: 'final', after: 'flash' } }, NEVER);
      await expect(
        rules.admit({ ...unit, serial: 'HB800009', uid: null, route: { step: 'final', after: 'flash' } }, NEVER),
      ).rejects.toMatchObject({ failure: { code: 'route-missing' } });
      rules.close();
    } finally {
      await other.close();
    }
  });
});
