import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { Refused } from '#test/support/fake-plant/fake-plant.ts';
import { realRandom } from '#main/app/real-clock.ts';
import { executeRun, type RunEnd } from '#main/station/run.ts';
import { Station } from '#main/station/station.ts';
import { StationRules } from '#main/sync/station-rules.ts';
import type { Sync } from '#main/sync/sync.ts';
import { FakeBoard, makeRig, type Rig, testRelease } from '../station/fixtures.ts';
import { makeSyncRig, NEVER, type SyncRig } from './rig.ts';

const DAY_MS = 86_400_000;
const { digest } = testRelease();
const published = {
  digest,
  product: 'hello',
  revision: 'A',
  version: '1.0.0',
  sha256: 'b'.repeat(64),
  size: 1,
  publishedAt: '2026-02-01T00:00:00.000Z',
};
const order = { id: 'WO-1', product: 'hello', release: digest, quantity: 2, passed: 1 };
const BADGE = 'K7-0042-XYZ';
const wei = { name: 'wei', roles: ['operator'], badge: sha256Hex(new TextEncoder().encode(BADGE)) };

let line: SyncRig;
let desk: Rig;
let sync: Sync;
let rules: StationRules;
let changes = 0;
beforeEach(async () => {
  line = await makeSyncRig();
  desk = makeRig();
  line.plant.catalog = { releases: [published], withdrawn: [], orders: [order], pools: [], users: [wei] };
  sync = await line.open();
  await line.enrol(sync);
  rules = await openRules();
});
afterEach(async () => {
  rules.close();
  await desk.remove();
  await line.close();
});

function openRules(): Promise<StationRules> {
  const changed = () => void (changes += 1);
  return StationRules.open({
    sync,
    store: line.store,
    clock: line.clock,
    random: realRandom,
    fromPlant: true,
    changed,
  });
}

interface Wanted {
  readonly rework?: boolean;
  readonly after?: string;
  readonly probe?: string;
  readonly signal?: AbortSignal;
}

/** One run of one board, with the plant's rules; the board tells whether it was changed. */
async function run(wanted: Wanted = {}): Promise<{ readonly end: RunEnd; readonly board: FakeBoard }> {
  const board = new FakeBoard();
  const { recipe } = desk.engine.release;
  const route = { step: 'final-test', ...(wanted.after === undefined ? {} : { after: wanted.after }) };
  const engine = { ...desk.engine, release: { ...desk.engine.release, recipe: { ...recipe, route } } };
  const services = { ...desk.services(board), plant: rules };
  const request = { serial: 'HB000001', slot: '1', probe: wanted.probe ?? 'fake:1', rework: wanted.rework ?? false };
  const end = await executeRun(request, engine, services, wanted.signal ?? NEVER, () => undefined);
  return { end, board };
}

const failureOf = (code: string): unknown => expect.objectContaining({ code });
const passed = { serial: 'HB000001', uid: null, station: 'line-2', finishedAt: '2026-02-01T00:00:00.000Z' };

describe('a unit', () => {
  it('is asked for before it is touched: by product, serial, hardware id and step', async () => {
    const asked: unknown[] = [];
    line.plant.admission = (body) => {
      asked.push(body);
      return { passed: null, route: true };
    };
    const { end } = await run({ after: 'assembly' });
    expect(end).toMatchObject({ verdict: 'PASS', record: { process: 'final-test', plant: 'answered' } });
    expect(asked).toEqual([
      { product: 'hello', serial: 'HB000001', uid: '0011223344556677', process: 'final-test', after: 'assembly' },
    ]);
  });

  it('that passed at another station is refused untouched, and reworked when that is asked for', async () => {
    line.plant.admission = () => ({ passed, route: null });
    const { end, board } = await run();
    expect(end.failure).toMatchObject({ code: 'passed-elsewhere', params: { station: 'line-2' }, blame: 'plant' });
    expect(board.calls).not.toContain('erase');
    expect((await run({ rework: true })).end.verdict).toBe('PASS');
  });

  it('with an address of another unit is refused; an older plant that knows no such question has not said no', async () => {
    const mac = '02:00:5e:00:53:01';
    const unit = { product: 'hello', serial: 'HB000001', uid: null, route: null, rework: true, macs: [mac] };
    line.plant.admission = () => ({ passed: null, route: null, macs: [{ mac, serial: 'HB000002', product: 'other' }] });
    await expect(rules.admit(unit, NEVER)).rejects.toMatchObject({
      failure: { code: 'mac-elsewhere', params: { mac, serial: 'HB000002' } },
    });
    line.plant.admission = () => {
      throw new Refused('bad-request', 400, { detail: 'macs: this key is not known here' });
    };
    expect(await rules.admit(unit, NEVER)).toBe('silent');
    // It answers everything else, and is asked on.
    line.plant.admission = () => ({ passed: null, route: null });
    expect(await rules.admit({ ...unit, macs: undefined }, NEVER)).toBe('answered');
  });

  it('that has not passed the step before is refused, in rework too', async () => {
    line.plant.admission = () => ({ passed: null, route: false });
    for (const rework of [false, true]) {
      const { end, board } = await run({ after: 'assembly', rework });
      expect(end.failure).toMatchObject({ code: 'route-missing', params: { serial: 'HB000001', after: 'assembly' } });
      expect(board.calls).not.toContain('erase');
    }
  });

  it('of the bench is nobody’s business', async () => {
    line.plant.admission = () => ({ passed, route: false });
    line.clock.advance(4 * DAY_MS);
    const { length } = line.served.calls;
    expect((await run({ probe: 'bench:nrf51822' })).end.verdict).toBe('PASS');
    expect(line.served.calls).toHaveLength(length);
  });
});

describe('with the plant out of reach', () => {
  it('work goes on under the lease, and a silent plant costs a second once', async () => {
    const asked = new Promise<void>((resolve) => {
      line.served.fault = () => {
        resolve();
        return 'silence';
      };
    });
    const first = run();
    await asked;
    line.clock.advance(1000);
    expect((await first).end).toMatchObject({ verdict: 'PASS', failure: null, record: { plant: 'silent' } });
    const { length } = line.served.calls;
    expect((await run({ rework: true })).end.verdict).toBe('PASS');
    expect(line.served.calls).toHaveLength(length);
    line.served.fault = () => null;
    await sync.now(NEVER);
    await run({ rework: true });
    expect(line.served.calls.at(-1)).toBe('POST /station/admission');
  });

  it('work stops when the lease is over, whatever the clock is set to, and goes on when the plant answers', async () => {
    line.served.fault = () => 'reset';
    line.clock.advance(3 * DAY_MS - 1000);
    expect((await run()).end.verdict).toBe('PASS');
    line.clock.advance(1000);
    line.clock.wall -= 300 * DAY_MS;
    const { end, board } = await run({ rework: true });
    expect(end.failure).toMatchObject({ code: 'lease-ended', blame: 'plant' });
    expect(board.opened).toBe(0);
    expect(() => rules.permit(digest)).toThrow(/lease-ended/);
    // Another process knows how late it was when the last board was begun.
    const later = await line.open();
    expect(later.plantClock.now()).toBeGreaterThanOrEqual(Date.parse(sync.book?.document?.leaseUntil ?? '') - 1000);
    line.served.fault = () => null;
    await sync.now(NEVER);
    expect((await run({ rework: true })).end.verdict).toBe('PASS');
  });

  it('a station that was shut out is told as soon as the plant can say it', async () => {
    const known = line.plant.stations.get('line-1');
    if (known) known.revoked = true;
    const { end, board } = await run();
    expect(end.failure).toMatchObject({ code: 'station-revoked' });
    expect(board.calls).not.toContain('erase');
  });

  it('an abort of the run does not wait for the plant', async () => {
    const stop = new AbortController();
    line.served.fault = () => {
      stop.abort(new Error('the operator'));
      return 'silence';
    };
    expect((await run({ signal: stop.signal })).end.verdict).toBe('ERROR');
  });
});

describe('at the screen', () => {
  let station: Station;
  beforeEach(() => {
    const more = { mode: 'probes', samples: [], engine: desk.engine, autoStart: false, interrupted: [] } as const;
    const slots = [{ id: '1', name: '1', probe: 'fake:1' }];
    station = new Station({ ...desk.services(new FakeBoard()), ...more, slots, plant: rules });
  });
  afterEach(() => station.close());

  it('a badge makes its person the operator of what follows; an unknown one changes nothing', async () => {
    expect(station.scan({ code: '*BADGE:nobody-knows*' })).toEqual({
      outcome: 'refused',
      code: '',
      failure: expect.objectContaining({ code: 'badge-unknown' }),
    });
    expect(station.state().operator).toBe('op');
    expect(station.scan({ code: `*BADGE:${BADGE}*` })).toEqual({ outcome: 'operator', operator: 'wei' });
    expect(station.state().operator).toBe('wei');
    station.scan({ code: 'HB000001' });
    await station.runSlot({ slot: '1', rework: false });
    expect((await desk.log.records({}))[0]).toMatchObject({ operator: 'wei', verdict: 'PASS' });
  });

  it('a badge has the roles that the plant gave its person, and a release of locks needs one that is there', async () => {
    expect(rules.holderOf(BADGE)).toMatchObject({ name: 'wei', roles: ['operator'] });
    expect(() => rules.holderOf('nobody-knows')).toThrow(
      expect.objectContaining({ failure: failureOf('badge-unknown') }),
    );
    const none = expect.objectContaining({ failure: failureOf('lock-release-no-plant') });
    expect(() => rules.requireBadge(['supervisor'])).toThrow(none);
    line.plant.catalog.users = [wei, { name: 'lena', roles: ['supervisor'], badge: null }];
    await sync.now(NEVER);
    // She has no badge to scan.
    expect(() => rules.requireBadge(['supervisor'])).toThrow(none);
    line.plant.catalog.users = [wei, { name: 'lena', roles: ['supervisor'], badge: wei.badge }];
    await sync.now(NEVER);
    expect(() => rules.requireBadge(['quality', 'supervisor'])).not.toThrow();
    expect(() => rules.requireBadge(['quality'])).toThrow(none);
  });

  it('a withdrawn or unpublished release is refused at the scan', async () => {
    line.plant.catalog.releases = [];
    await sync.now(NEVER);
    const refused = { outcome: 'refused', failure: { code: 'release-withdrawn' } };
    expect(station.scan({ code: 'HB000001' })).toMatchObject(refused);
    line.plant.catalog.releases = [published];
    line.plant.catalog.withdrawn = [digest];
    await sync.now(NEVER);
    expect(station.scan({ code: 'HB000002' })).toMatchObject(refused);
    line.plant.catalog.withdrawn = [];
    await sync.now(NEVER);
    expect(station.scan({ code: 'HB000003' })).toMatchObject({ outcome: 'accepted' });
  });

  it('an order is chosen, carried by records, counted, and said to be filled', async () => {
    expect(station.state()).toMatchObject({ order: null, orders: [{ id: 'WO-1', quantity: 2, passed: 1 }] });
    await expect(station.setOrder({ order: 'WO-9' })).rejects.toMatchObject({ failure: { code: 'not-found' } });
    await station.setOrder({ order: 'WO-1' });
    expect(station.state().order).toEqual({ id: 'WO-1', quantity: 2, passed: 1, standing: 'open' });
    station.scan({ code: 'HB000001' });
    const before = changes;
    await station.runSlot({ slot: '1', rework: false });
    expect((await desk.log.records({}))[0]).toMatchObject({ order: 'WO-1' });
    expect(station.state().order).toEqual({ id: 'WO-1', quantity: 2, passed: 2, standing: 'filled' });
    expect(changes).toBeGreaterThan(before);
    // Remembered by the next process; and closed by the plant, it is not worked on silently.
    const next = await openRules();
    expect(next.order()?.id).toBe('WO-1');
    next.close();
    line.plant.catalog.orders = [];
    await sync.now(NEVER);
    expect(station.state().order?.standing).toBe('closed');
    expect(station.scan({ code: 'HB000002' })).toMatchObject({
      outcome: 'refused',
      failure: { code: 'state-conflict' },
    });
    await station.setOrder({ order: null });
    expect(station.scan({ code: 'HB000003' })).toMatchObject({ outcome: 'accepted' });
  });

  it('an order for another release is refused in words', async () => {
    line.plant.catalog.orders = [{ ...order, release: 'a'.repeat(64) }];
    await sync.now(NEVER);
    expect(station.state().orders).toEqual([]);
    // One that was chosen while this station ran that release.
    await line.store.setOrder('WO-1');
    const restarted = await openRules();
    expect(() => restarted.permit(digest)).toThrow(/state-conflict/);
    restarted.close();
    await expect(station.setOrder({ order: 'WO-1' })).rejects.toMatchObject({ failure: { code: 'state-conflict' } });
  });
});

describe('MACs', () => {
  it('are taken of this station’s blocks, as records write them, until there is none', async () => {
    const until = new Date((sync.plantClock.now() ?? 0) + DAY_MS).toISOString();
    const block = {
      pool: 'boards',
      kind: 'mac',
      prefix: '',
      digits: 12,
      first: 0x02005e005301,
      last: 0x02005e005302,
    } as const;
    await line.store.keepLease({ lease: 'L1', station: 'line-1', ...block, issuedAt: until, until });
    const ONE = { size: 1, run: 'r', at: until };
    expect(await rules.takeMac('boards', ONE)).toBe('02:00:5e:00:53:01');
    expect(await rules.takeMac('boards', ONE)).toBe('02:00:5e:00:53:02');
    await expect(rules.takeMac('boards', ONE)).rejects.toMatchObject({
      failure: { code: 'numbers-used-up', params: { pool: 'boards' } },
    });
    await expect(rules.takeMac('others', ONE)).rejects.toMatchObject({ failure: { code: 'numbers-used-up' } });
  });
});
