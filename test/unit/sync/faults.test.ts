import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  record,
} from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outbox } from '#main/log/log.ts';
import type { PlantStore } from '#main/log/plant-store.ts';
import { canonicalText } from '#test/support/fake-plant/canonical.ts';
import type { Fault } from '#test/support/fake-plant/serve-plant.ts';
import { makeSyncRig, NEVER, plantBodies, type SyncRig } from './rig.ts';

let rig: SyncRig;
beforeEach(async () => {
  rig = await makeSyncRig();
});
afterEach(() => rig.close());

async function bothSides(of: SyncRig) {
  const records = (await of.log.records({})).toReversed();
  const here = records.map((record) => (record.probe.startsWith('bench:') ? null : canonicalText(record)));
  return { plant: plantBodies(of.plant), here, pending: await of.outbox.pending() };
}

/** A process that dies at its nth step on disk: from then on nothing that it asks for happens. */
function dyingAt<T extends object>(target: T, steps: { left: number }, before: boolean): T {
  return new Proxy(target, {
    get: (_, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        steps.left -= 1;
        if (steps.left < 0 || (steps.left === 0 && before)) throw new Error('this process is dead');
        const result: unknown = await Reflect.apply(method, target, args);
        if (steps.left === 0) throw new Error('this process is dead');
        return result;
      };
    },
  });
}

const pool = { id: 'serials', kind: 'serial', product: null, block: 4 };

describe('a process that dies', () => {
  it.each([true, false])(
    'at any step on disk (before it: %s) loses nothing and sends nothing twice',
    async (before) => {
      rig.plant.catalog.pools = [pool];
      rig.plant.mostItems = 2;
      await rig.enrol(await rig.open());
      for (let step = 1; step <= 24; step++) {
        await rig.record();
        const steps = { left: Number.POSITIVE_INFINITY };
        const outbox: Outbox = dyingAt(rig.outbox, steps, before);
        const store: PlantStore = dyingAt(rig.store, steps, before);
        const dying = await rig.open({ outbox, store });
        steps.left = step;
        await dying.now(NEVER).catch(() => undefined);
        steps.left = Number.POSITIVE_INFINITY;
        await dying.close();
        await rig.store.takeNumber('serials', 0);
      }
      await (await rig.open()).now(NEVER);
      const { plant, here, pending } = await bothSides(rig);
      expect(plant).toEqual(here);
      expect(pending.records).toBe(0);
    },
  );
});

const fault = constantFrom<Fault>('reset', 'lost', 'half', 'unavailable', 'nonsense', 'twice', null, null);

/** What happens at a station: records, visits with these faults one exchange after the other, a plant that forgets its end. */
const event = oneof(
  record({ what: constant('record' as const), bench: boolean() }),
  record({
    what: constant('visit' as const),
    faults: array(fault, { maxLength: 8 }),
    processes: integer({ min: 1, max: 2 }),
  }),
  record({ what: constant('restored' as const), keeps: nat(6) }),
  record({ what: constant('clock' as const), by: integer({ min: -1e11, max: 1e11 }) }),
  record({ what: constant('sessions' as const) }),
);

describe('whatever the network does', () => {
  it('plant and log end equal, record for record', async () => {
    let deliveries = 0;
    await assert(
      asyncProperty(
        array(event, { minLength: 4, maxLength: 14 }),
        integer({ min: 1, max: 5 }),
        async (events, most) => {
          const own = await makeSyncRig();
          try {
            own.plant.mostItems = most;
            const processes = [await own.open(), await own.open()];
            const [first] = processes;
            if (first) await own.enrol(first);
            processes.push(await own.open());
            const [one, , two] = processes;
            for (const each of events) {
              if (each.what === 'record') await own.record(each.bench ? { probe: 'bench:nrf52840' } : {});
              if (each.what === 'clock') own.clock.wall += each.by;
              if (each.what === 'sessions') own.plant.endSessions();
              if (each.what === 'restored') for (const places of own.plant.chains.values()) places.splice(each.keeps);
              if (each.what !== 'visit') continue;
              const faults = [...each.faults];
              own.served.fault = () => faults.shift() ?? null;
              const visits = [one, two].slice(0, each.processes).map(async (sync) => sync?.now(NEVER));
              await Promise.all(visits);
            }
            own.served.fault = () => null;
            await own.record();
            expect(await one?.now(NEVER)).toMatchObject({ phase: 'idle', failure: null });
            const { plant, here, pending } = await bothSides(own);
            expect(plant).toEqual(here);
            expect(pending.records).toBe(0);
            deliveries += plantBodies(own.plant).length;
          } finally {
            await own.close();
          }
        },
      ),
      { numRuns: 25 },
    );
    expect(deliveries).toBeGreaterThan(25);
  }, 120_000);
});

describe('numbers', () => {
  it('are each taken once, whatever happened to the questions for them, and given back when their time is over', async () => {
    rig.plant.catalog.pools = [pool];
    const sync = await rig.open();
    await rig.enrol(sync);
    const faults: Fault[] = ['lost', 'half', 'reset', 'twice', 'nonsense'];
    const taken: string[] = [];
    for (let i = 0; i < 20; i++) {
      rig.served.fault = (call) => (call.includes('/leases') ? (faults[i % faults.length] ?? null) : null);
      await sync.now(NEVER);
      rig.served.fault = () => null;
      await sync.now(NEVER);
      const number = await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0);
      if (number) taken.push(number.text);
    }
    expect(taken).toHaveLength(20);
    expect(new Set(taken).size).toBe(20);
    expect(taken[0]).toBe('HB000001');
    // One lease a question, however often it was asked.
    expect(rig.plant.leases.length).toBeLessThanOrEqual(6);
    const kept = await rig.store.leases();
    expect(kept.reduce((sum, { next, last }) => sum + last + 1 - next, 0)).toBeGreaterThanOrEqual(2);

    rig.clock.advance(rig.plant.numbersMs + 1000);
    expect(await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0)).toBeNull();
    await sync.now(NEVER);
    const over = rig.plant.returns.filter((each) => each['over'] === true).map((each) => each['id']);
    expect(over).toEqual(expect.arrayContaining(kept.map(({ lease }) => lease)));
    const fresh = await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0);
    expect(taken).not.toContain(fresh?.text);
  });

  it('of a lease that the plant gave to others are left alone', async () => {
    rig.plant.catalog.pools = [pool];
    const sync = await rig.open();
    await rig.enrol(sync);
    await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0);
    // As after a restore of the plant's database: it knows nothing of the lease.
    const [lost] = rig.plant.leases.splice(0);
    expect(await sync.now(NEVER)).toMatchObject({ phase: 'idle' });
    const next = await rig.store.takeNumber('serials', sync.plantClock.now() ?? 0);
    expect(next?.lease).not.toBe(lost?.lease);
  });
});
