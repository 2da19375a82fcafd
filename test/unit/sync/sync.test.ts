import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SyncState } from '#shared/contract/sync.ts';
import { sealRecord } from '#shared/model/record-chain.ts';
import type { Sync } from '#main/sync/sync.ts';
import { canonicalText } from '#test/support/fake-plant/canonical.ts';
import { TestKey } from '#test/support/fake-plant/statements.ts';
import { draft } from '../log/fixtures.ts';
import { makeSyncRig, NEVER, NOON, plantBodies, type SyncRig } from './rig.ts';

const YEAR_MS = 365 * 86_400_000;

let rig: SyncRig;
beforeEach(async () => {
  rig = await makeSyncRig();
});
afterEach(() => rig.close());

async function logBodies(): Promise<(string | null)[]> {
  const records = (await rig.log.records({})).toReversed();
  return records.map((record) => (record.probe.startsWith('bench:') ? null : canonicalText(record)));
}

describe('a visit', () => {
  it('brings every record to the plant, bench units as links, and counts nothing as pending after it', async () => {
    const sync = await rig.open();
    await rig.record();
    await rig.record({ probe: 'bench:nrf52840' });
    await rig.record({ verdict: 'FAIL' });
    const state = await rig.enrol(sync);
    expect(state).toMatchObject({ phase: 'idle', pending: 0, failure: null, station: 'line-1', skewMs: 0 });
    expect(plantBodies(rig.plant)).toEqual(await logBodies());
    expect(rig.plant.reports.at(-1)).toMatchObject({ pending: 0 });
  });

  it('halves batches that are too large, down to one record', async () => {
    const sync = await rig.open();
    rig.plant.mostItems = 1;
    for (let i = 0; i < 9; i++) await rig.record();
    expect(await rig.enrol(sync)).toMatchObject({ phase: 'idle', pending: 0 });
    expect(plantBodies(rig.plant)).toEqual(await logBodies());
  });

  it('sends again what a plant that went back to a backup has lost', async () => {
    const sync = await rig.open();
    for (let i = 0; i < 6; i++) await rig.record();
    await rig.enrol(sync);
    for (const places of rig.plant.chains.values()) places.splice(2);
    await rig.record();
    await sync.now(NEVER);
    expect(plantBodies(rig.plant)).toEqual(await logBodies());
  });

  it('renews a session that the plant forgot, once', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    rig.plant.endSessions();
    rig.served.calls.length = 0;
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle' });
    expect(rig.served.calls.filter((call) => call === 'POST /station/challenge')).toHaveLength(1);
  });
});

describe('a log that lost its end', () => {
  /** What the plant has, and a log that went back does not know of. */
  async function loseRecords(count: number, sync: Sync): Promise<string[]> {
    await rig.record();
    await rig.enrol(sync);
    const [places] = rig.plant.chains.values();
    let [last] = await rig.log.records({});
    if (!places || !last) throw new Error('no record came');
    for (let i = 1; i <= count; i++) {
      last = sealRecord(draft(`lost-${i}`), last);
      places.push({ sequence: last.sequence, hash: last.hash, body: canonicalText(last) });
    }
    return places.map(({ hash }) => hash);
  }

  it('takes it back from the plant, says so, and never uses a place of it again', async () => {
    const sync = await rig.open();
    const hashes = await loseRecords(3, sync);
    rig.plant.catalog.pools.push({ id: 'boards', kind: 'serial', product: null, block: 10 });
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', failure: null, pending: 0 });
    expect(rig.warnings).toMatchObject([{ code: 'log-end-lost', params: { first: '2', last: '4' } }]);
    const records = (await rig.log.records({})).toReversed();
    expect(records.map(({ hash }) => hash)).toEqual(hashes);
    expect(await rig.log.verify()).toEqual({ records: 4, fault: null });
    await rig.record();
    expect((await rig.log.records({}))[0]).toMatchObject({ sequence: 5, previousHash: hashes[3] });
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', pending: 0 });
    expect(rig.warnings).toHaveLength(1);
  });

  it('goes on behind it while the plant does not give it back yet', async () => {
    const sync = await rig.open();
    const hashes = await loseRecords(2, sync);
    let asked = 0;
    rig.served.fault = (call) => (call.includes('/records?') && ++asked > 1 ? 'reset' : null);
    expect((await sync.now(NEVER)).failure?.code).toBe('plant-unreachable');
    await rig.record();
    rig.served.fault = () => null;
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', pending: 0 });
    const records = (await rig.log.records({})).toReversed();
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(records.map(({ hash }) => hash).slice(0, 3)).toEqual(hashes);
  });

  it('takes no number again that it may have used before', async () => {
    const sync = await rig.open({ product: 'hello' });
    rig.plant.catalog.pools.push({ id: 'boards', kind: 'serial', product: null, block: 10 });
    await loseRecords(1, sync);
    const before = await rig.store.leases();
    expect(before).toHaveLength(1);
    await sync.now(NEVER);
    const after = await rig.store.leases();
    expect(after.map(({ lease }) => lease)).not.toContain(before[0]?.lease);
    expect(Math.min(...after.map(({ first }) => first))).toBeGreaterThan(before[0]?.last ?? 0);
  });
});

describe('what cannot be sent', () => {
  it('is told when the plant has other records, and nothing is lost or sent out of order', async () => {
    const sync = await rig.open();
    await rig.record();
    await rig.enrol(sync);
    const [places] = rig.plant.chains.values();
    const last = places?.at(-1);
    if (!places || !last) throw new Error('no record came');
    places[0] = { ...last, hash: 'f'.repeat(64) };
    await rig.record();
    const state = await sync.now(NEVER);
    expect(state).toMatchObject({ phase: 'refused', pending: 1, failure: { code: 'chain-broken' } });
    expect(places).toHaveLength(1);
  });

  it('is told when the plant is further than the log, and has another record at its end', async () => {
    const sync = await rig.open();
    await rig.record();
    await rig.enrol(sync);
    const [places] = rig.plant.chains.values();
    const [record] = await rig.log.records({});
    if (!places || !record) throw new Error('no record came');
    const more = sealRecord(draft('lost'), record);
    places[0] = { sequence: 1, hash: 'f'.repeat(64), body: null };
    places.push({ sequence: 2, hash: more.hash, body: canonicalText(more) });
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'refused', failure: { code: 'chain-broken' } });
    expect((await rig.log.records({})).map(({ sequence }) => sequence)).toEqual([1]);
    expect((await rig.safety.state()).gaps).toEqual([]);
  });

  it('is told when the station was shut out, and heals when it may come again', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const known = rig.plant.stations.get('line-1');
    if (!known) throw new Error('not enrolled');
    known.revoked = true;
    await rig.record();
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'refused', failure: { code: 'station-revoked' }, pending: 1 });
    known.revoked = false;
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle', pending: 0 });
  });

  it('waits while nobody answers', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    rig.served.fault = () => 'unavailable';
    const state = await sync.now(NEVER);
    expect(state).toMatchObject({ phase: 'waiting', failure: { code: 'plant-unreachable' } });
    expect(Date.parse(state.nextTryAt ?? '') - rig.clock.wall).toBeGreaterThanOrEqual(1000);
  });

  it('has a deadline for a plant that takes the question and says nothing', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const asked = new Promise<void>((resolve) => {
      rig.served.fault = () => {
        resolve();
        return 'silence';
      };
    });
    const visit = sync.now(NEVER);
    await asked;
    rig.clock.advance(31_000);
    expect(await visit).toMatchObject({ phase: 'waiting', failure: { code: 'plant-unreachable' } });
  });
});

describe('what comes down', () => {
  it('is not used with another key’s signature', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const before = sync.book?.document?.serial;
    rig.plant.signsWith = new TestKey();
    const state = await sync.now(NEVER);
    expect(state).toMatchObject({ phase: 'refused', failure: { code: 'plant-untrusted' } });
    expect(sync.book?.document?.serial).toBe(before);
  });

  it('is not used with a statement of another kind, another station’s, or with one bit changed', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const document = { ...sync.book?.document, serial: rig.plant.serial + 10 ** 6 };
    const good = rig.plant.key.statement(document, 'flashline-station-document+jwt');
    const forgeries = [
      rig.plant.key.statement(document, 'flashline-certificate+jwt'),
      rig.plant.key.statement({ ...document, station: 'line-2' }, 'flashline-station-document+jwt'),
      `${good.slice(0, -4)}${good.at(-4) === 'A' ? 'B' : 'A'}${good.slice(-3)}`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1] ?? ''}.x`,
    ];
    for (const forged of forgeries) {
      rig.plant.replayed = forged;
      expect(await sync.now(NEVER)).toMatchObject({ failure: { code: 'plant-untrusted' } });
    }
  });

  it('never goes back to an older document, also in a new process', async () => {
    const sync = await rig.open();
    rig.plant.catalog.withdrawn = [];
    await rig.enrol(sync);
    const old = rig.plant.lastDocument;
    rig.plant.catalog.withdrawn = ['d'.repeat(64)];
    await sync.now(NEVER);
    rig.plant.replayed = old;
    await sync.now(NEVER);
    expect(sync.book?.document?.withdrawn).toEqual(['d'.repeat(64)]);
    expect((await rig.open()).book?.document?.withdrawn).toEqual(['d'.repeat(64)]);
  });

  it('is proven again when it is read from the disk', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const { plant } = rig;
    const forged = new TestKey().statement(
      { ...sync.book?.document, serial: plant.serial + 10 ** 6 },
      'flashline-station-document+jwt',
    );
    await rig.store.keepDocument(forged, plant.serial + 10 ** 6);
    const later = await rig.open();
    expect(later.book?.document).toBeNull();
    expect(rig.warnings.at(-1)).toMatchObject({ code: 'plant-untrusted' });
  });
});

describe('a clock that is wrong', () => {
  it.each([-3 * YEAR_MS, 3 * YEAR_MS])('by %d ms is noted and harms nothing', async (offset) => {
    rig.clock.wall = NOON + offset;
    const sync = await rig.open();
    await rig.record();
    expect(await rig.enrol(sync)).toMatchObject({ phase: 'idle', pending: 0, skewMs: offset });
    expect(sync.plantClock.now()).toBe(NOON);
    await sync.now(NEVER);
    expect(rig.plant.reports.at(-1)).toMatchObject({ skewMs: offset });
  });

  it('gains no time by being set back, between processes either', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    rig.clock.advance(3_600_000);
    rig.clock.wall -= YEAR_MS;
    expect(sync.plantClock.now()).toBe(NOON + 3_600_000);
    await sync.close();
    const later = await rig.open();
    expect(later.plantClock.now()).toBe(NOON + 3_600_000);
    rig.clock.wall -= YEAR_MS;
    rig.clock.advance(1000);
    expect(later.plantClock.now()).toBe(NOON + 3_601_000);
  });

  it('that jumped ahead is healed by the plant’s next answer', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    rig.clock.wall += YEAR_MS;
    expect(sync.plantClock.now()).toBe(NOON + YEAR_MS);
    await sync.now(NEVER);
    expect(sync.plantClock.now()).toBe(NOON);
  });
});

describe('the loop', () => {
  it('sends a record that was made soon after it, and visits again after a while', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    const begun = heardOf(sync, ({ phase }) => phase === 'idle');
    sync.start();
    await begun;
    await rig.record();
    const sent = heardOf(sync, ({ pending }) => pending === 0);
    const seen = heardOf(sync, ({ pending }) => pending === 1);
    sync.wake();
    await seen;
    await passes(500, sent);
    expect(plantBodies(rig.plant)).toHaveLength(1);
    const { length } = rig.plant.reports;
    const again = heardOf(sync, () => rig.plant.reports.length > length);
    await passes(10_000, again);
  });

  it('tries again after a failure without being woken', async () => {
    const sync = await rig.open();
    await rig.enrol(sync);
    rig.served.fault = () => 'reset';
    const failed = heardOf(sync, ({ phase }) => phase === 'waiting');
    sync.start();
    await failed;
    rig.served.fault = () => null;
    await rig.record();
    const healed = heardOf(sync, ({ phase }) => phase === 'idle');
    await passes(500, healed);
    expect(plantBodies(rig.plant)).toHaveLength(1);
  });
});

/** So much time again and again, until it is so: whoever sleeps may do so a little after what was heard. */
async function passes(ms: number, until: Promise<void>): Promise<void> {
  const ended = until.then(() => true);
  while (!(await Promise.race([ended, pause(10, false)]))) rig.clock.advance(ms);
}

function heardOf(sync: Sync, isIt: (state: SyncState) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = sync.subscribe((state) => {
      if (!isIt(state)) return;
      stop();
      resolve();
    });
  });
}
