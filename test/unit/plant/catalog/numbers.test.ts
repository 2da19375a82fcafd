import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from '#test/support/fast-check.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NumberLease, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { asPerson, asStation, EMPTY, NOW, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
});
afterAll(() => plant.close());
beforeEach(async () => {
  for (const table of ['returned_numbers', 'leases', 'pools', 'units', 'marks'])
    await plant.database.query(`RESET ROLE; TRUNCATE ${table} CASCADE; SET ROLE flashline_app`);
});

const ada = asPerson('ada', ['process-engineer']);
const code = async (call: () => unknown) => (await failureOf(call)).code;

interface Given {
  readonly id?: string;
  readonly kind?: 'serial' | 'mac';
  readonly product?: string | null;
  readonly prefix?: string;
  readonly digits?: number;
  readonly first?: number;
  readonly last?: number;
  readonly block?: number;
}
const create = (given: Given = {}) => {
  const body = {
    id: 'p',
    kind: 'serial',
    product: null,
    prefix: 'HB',
    digits: 6,
    first: 1,
    last: 100,
    block: 10,
    ...given,
  } as const;
  return plant.calls['pool.create']({ ...EMPTY, body }, ada);
};
const lease = async (station: string, key: string, pool = 'p'): Promise<NumberLease> => {
  const { lease: jws } = await plant.calls['station.lease']({ ...EMPTY, body: { pool, key } }, asStation(station));
  return NumberLease.parse(await plant.keyring.verify(jws, STATEMENTS.numberLease));
};
const giveBack = (station: string, id: string, next: number, over: boolean, now = NOW) =>
  plant.calls['station.return-lease'](
    { ...EMPTY, params: { lease: id }, body: { next, over } },
    { ...asStation(station), now },
  );
const pool = async (): Promise<PlantPool> => {
  const [first] = await plant.calls['pool.list'](EMPTY, ada);
  if (first === undefined) throw new Error('no pool');
  return first;
};

describe('pools', () => {
  test('of one kind never make the same number', async () => {
    expect(await create()).toMatchObject({ left: 100, leases: [], block: 10 });
    expect(await code(() => create())).toBe('state-conflict');
    expect(await code(() => create({ id: 'q', first: 100, last: 200 }))).toBe('state-conflict');
    expect(await code(() => create({ id: 'q', product: 'other' }))).toBe('state-conflict');
    expect(await code(() => create({ id: 'q', prefix: 'HB0', digits: 5, first: 50, last: 60 }))).toBe('state-conflict');
    await create({ id: 'q', first: 101, last: 200 });
    await create({ id: 'r', prefix: 'HC' });
    await create({ id: 's', digits: 7 });
    await create({ id: 'm', kind: 'mac', prefix: '', digits: 12, first: 1, last: 100 });
    expect(await code(() => create({ id: 'n', kind: 'mac', prefix: '', digits: 12, first: 100, last: 101 }))).toBe(
      'state-conflict',
    );
    expect(await code(() => create({ id: 'n', first: 5, last: 4 }))).toBe('bad-request');
  });

  test('that are made at once are held against each other', async () => {
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => create({ id })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('leases', () => {
  test('give each station a block of its own, signed, until the pool is used up', async () => {
    await create({ last: 25 });
    const one = await lease('line-1', 'key-00001');
    expect(one).toMatchObject({ station: 'line-1', pool: 'p', prefix: 'HB', digits: 6, first: 1, last: 10 });
    expect(Date.parse(one.until)).toBe(NOW.getTime() + 30 * 86_400_000);
    expect(await lease('line-2', 'key-00001')).toMatchObject({ first: 11, last: 20 });
    expect(await lease('line-1', 'key-00001')).toEqual(one);
    expect(await lease('line-1', 'key-00002')).toMatchObject({ first: 21, last: 25 });
    expect(await code(() => lease('line-1', 'key-00003'))).toBe('numbers-used-up');
    expect(await code(() => lease('line-1', 'key-00003', 'no such pool'))).toBe('not-found');
    expect(await lease('line-1', 'key-00001')).toEqual(one);
    expect((await pool()).leases).toHaveLength(3);
    const acts = await plant.database.query(
      "SELECT who FROM audit_log WHERE action = 'station.lease' AND object = 'p'",
    );
    expect(acts.map(({ who }) => who)).toEqual(['line-1', 'line-2', 'line-1']);
  });

  test('go on to others only as far as their own station gave them back', async () => {
    await create({ last: 20 });
    const one = await lease('line-1', 'key-00001');
    await lease('line-2', 'key-00001');
    expect(await code(() => giveBack('line-2', one.lease, 3, true))).toBe('not-found');
    for (const next of [0, 12, -1])
      expect(await code(() => giveBack('line-1', one.lease, next, true))).toBe('bad-request');
    await giveBack('line-1', one.lease, 4, false);
    expect(await code(() => lease('line-3', 'key-00001'))).toBe('numbers-used-up');
    // An older report that comes late takes nothing back.
    await giveBack('line-1', one.lease, 2, true);
    expect(await pool()).toMatchObject({
      left: 7,
      leases: [{ over: false }, { lease: one.lease, next: 4, over: true }],
    });
    await giveBack('line-1', one.lease, 4, true);
    expect(await code(() => giveBack('line-1', one.lease, 6, true))).toBe('state-conflict');
    expect(await lease('line-3', 'key-00001')).toMatchObject({ first: 4, last: 10 });
    expect(await code(() => lease('line-3', 'key-00002'))).toBe('numbers-used-up');
  });

  test('that ended and were not given back are void, and seen as such', async () => {
    await create({ last: 10 });
    const one = await lease('line-1', 'key-00001');
    const later = new Date(NOW.getTime() + 400 * 86_400_000);
    const wanted = { ...EMPTY, body: { pool: 'p', key: 'key-00001' } };
    expect(await code(() => plant.calls['station.lease'](wanted, asStation('line-2', later)))).toBe('numbers-used-up');
    const [shown] = (await pool()).leases;
    expect(shown).toMatchObject({ over: false, next: 1, last: 10 });
    expect(Date.parse(shown?.until ?? '')).toBeLessThan(later.getTime());
    // The station is found in a cupboard: it alone knows what it used.
    await giveBack('line-1', one.lease, 5, true, later);
    expect((await pool()).left).toBe(6);
  });

  test('of a station that forgot what it used are held against the records', async () => {
    await create();
    await create({
      id: 'm',
      kind: 'mac',
      prefix: '',
      digits: 12,
      first: 0x02_00_5e_00_53_00,
      last: 0x02_00_5e_00_53_ff,
    });
    const line = await plant.enrol('forgetful');
    const serials = await lease('forgetful', 'key-00001');
    const macs = await lease('forgetful', 'key-00001', 'm');
    await plant.send(line, [{ serial: 'HB000003' }, { serial: 'HB000007', uid: 'other', macs: ['02:00:5e:00:53:04'] }]);
    await giveBack('forgetful', serials.lease, 2, true);
    await giveBack('forgetful', macs.lease, macs.first, true);
    expect(await lease('line-2', 'key-00001')).toMatchObject({ first: 8, last: 10 });
    expect(await lease('line-2', 'key-00001', 'm')).toMatchObject({ first: macs.first + 5, last: macs.last });
  });

  test('whatever stations do, in whatever order, no number is in two hands', async () => {
    const Act = record({
      station: constantFrom('line-1', 'line-2', 'line-3'),
      key: constantFrom('key-00001', 'key-00002', 'key-00003', 'key-00004'),
      used: integer({ min: 0, max: 7 }),
      over: boolean(),
    });
    const property = asyncProperty(array(Act, { minLength: 4, maxLength: 14 }), async (acts) => {
      await plant.database.query('RESET ROLE; TRUNCATE pools CASCADE; SET ROLE flashline_app');
      await create({ last: 40, block: 7 });
      const held = new Map<string, { readonly lease: NumberLease; taken: number; over: boolean }>();
      const work = acts.map(async ({ station, key, used, over }) => {
        const got = await lease(station, key).catch(() => null);
        if (got === null) return;
        const mine = held.get(got.lease) ?? { lease: got, taken: 0, over: false };
        held.set(got.lease, mine);
        if (mine.over) return;
        mine.taken = Math.max(mine.taken, Math.min(used, got.last - got.first + 1));
        mine.over = over;
        await giveBack(station, got.lease, got.first + mine.taken, over);
      });
      await Promise.all(work);
      const numbers = [...held.values()].flatMap(({ lease: { first, last }, taken, over }) =>
        Array.from({ length: over ? taken : last - first + 1 }, (_, n) => first + n),
      );
      expect(new Set(numbers).size).toBe(numbers.length);
      const { left } = await pool();
      expect(left).toBe(40 - numbers.length);
    });
    await assert(property, { numRuns: 12 });
  }, 120_000);
});
