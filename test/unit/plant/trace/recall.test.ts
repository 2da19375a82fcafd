import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  property,
  record,
  string,
} from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FoundUnit } from '#shared/contract/plant/web-messages.ts';
import { facetsOf } from '#shared/model/facets.ts';
import type { RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import { cursorOf, readCursor } from '#plant/trace/cursor.ts';
import { asPerson, EMPTY, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
});
afterAll(() => plant.close());

const eve = asPerson('eve', ['quality']);
const hex = (character: string) => character.repeat(64);

/** Few serials and images, so that units are flashed again with something else, fail on the way, and so on. */
const Run = record({
  station: integer({ min: 0, max: 1 }),
  serial: constantFrom('A', 'B', 'C', 'D', 'Ä', '10', '9'),
  product: constantFrom('board', 'lamp'),
  process: constantFrom(undefined, 'test'),
  image: constantFrom('1', '2', '3'),
  verdict: constantFrom('PASS', 'PASS', 'FAIL', 'ERROR'),
});

const draftOf = (run: typeof Run extends { filter(f: (value: infer T) => boolean): unknown } ? T : never, n: number) =>
  ({
    serial: run.serial,
    uid: `u-${run.serial}`,
    product: { id: run.product, revision: 'A', name: run.product },
    verdict: run.verdict,
    images: [
      { role: 'application', version: '1', address: 0, size: 4, sha256: { expected: hex(run.image), readBack: null } },
    ],
    finishedAt: new Date(Date.UTC(2028, 1, 28) + n * 7_200_000).toISOString(),
    ...(run.process === undefined ? {} : { process: run.process }),
  }) satisfies Partial<RecordDraft>;

/** The same question, asked of the records themselves. */
function expected(records: readonly UnitRecord[], facet: string): Omit<FoundUnit, 'finishedAt' | 'uid'>[] {
  const units = Map.groupBy(records, ({ serial, product }) => JSON.stringify([serial, product.id]));
  return [...units.values()].flatMap((runs) => {
    const newest = runs.findLast((run) => facetsOf(run).includes(facet));
    if (newest === undefined) return [];
    const steps = Map.groupBy(runs, ({ process = 'flash' }) => process);
    const passes = [...steps.values()].map((step) => step.findLast(({ verdict }) => verdict === 'PASS'));
    const { serial, product, station, verdict } = newest;
    const carriesNow = passes.some((pass) => pass !== undefined && facetsOf(pass).includes(facet));
    return [{ serial, product: product.id, station, verdict, carriesNow }];
  });
}

async function recall(value: string, limit: number, product?: string) {
  const units: FoundUnit[] = [];
  let total;
  for (let before: string | undefined; ;) {
    const query = { by: 'image', value, limit, ...(product && { product }), ...(before && { before }) } as const;
    const page = await plant.calls['recall.search']({ ...EMPTY, query }, eve);
    units.push(...page.units);
    total = page.total;
    if (page.next === null) return { units, total };
    expect(page.units).toHaveLength(limit);
    before = page.next;
  }
}

const sorted = (units: readonly object[]) => units.map((unit) => JSON.stringify(unit)).toSorted();

describe('a recall', () => {
  test('finds each unit once, on whichever page, and whether it carries it now', async () => {
    let round = 0;
    const question = asyncProperty(
      array(Run, { minLength: 1, maxLength: 25 }),
      integer({ min: 1, max: 4 }),
      async (runs, limit) => {
        await plant.database.query('RESET ROLE; TRUNCATE records, units, marks, chains, links; SET ROLE flashline_app');
        round += 1;
        const lines = [await plant.enrol(`a-${round}`), await plant.enrol(`b-${round}`)] as const;
        for (const [n, run] of runs.entries()) lines[run.station === 0 ? 0 : 1].add(draftOf(run, n));
        for (const line of lines) {
          const sender = { station: line.station, publicKey: line.signer.publicKey };
          if (line.records.length > 0) await plant.ingest.take(sender, await line.batch(), new Date());
        }
        const records = lines.flatMap((line) => line.records);
        const inTime = records.toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt));
        const { units, total } = await recall(hex('1').toUpperCase(), limit);
        const wanted = expected(inTime, `image:${hex('1')}`);
        const found = units.map(({ serial, product, station, verdict, carriesNow }) => ({
          serial,
          product,
          station,
          verdict,
          carriesNow,
        }));
        expect(sorted(found)).toEqual(sorted(wanted));
        const carryNow = wanted.filter((unit) => unit.carriesNow).length;
        expect(total).toEqual({ units: wanted.length, carryNow, atLeast: false });
        const lamps = await recall(hex('1'), limit, 'lamp');
        expect(lamps.units.length).toBe(wanted.filter(({ product }) => product === 'lamp').length);
      },
    );
    await assert(question, { numRuns: 10 });
  }, 120_000);

  test('of what very many carry gives the same pages, and counts to a limit', async () => {
    const image = hex('e');
    // Every unit passed twice; every third passed last with something else.
    await plant.database.query(
      `INSERT INTO records SELECT 'M' || lpad((n / 2)::text, 5, '0'), '2028-01-01'::timestamptz + n * interval '1 minute', 'h' || n, 0, n,
         'many', 'flash', NULL, 'PASS', 'line', now(),
         CASE WHEN n % 6 = 5 THEN '{}'::text[] ELSE ARRAY[$1::text] END, '{}' FROM generate_series(0, 2799) n`,
      [`image:${image}`],
    );
    await plant.database.query(`
      INSERT INTO units (serial, product, process, runs, begun_at, last_at, last_hash, last_verdict, last_station, pass_at, pass_hash)
      SELECT serial, product, process, 2, min(finished_at), max(finished_at), max(hash), 'PASS', 'line', max(finished_at),
        (array_agg(hash ORDER BY finished_at DESC))[1] FROM records WHERE product = 'many' GROUP BY serial, product, process`);
    const { units, total } = await recall(image, 333);
    expect(units.map(({ serial }) => serial)).toEqual(
      Array.from({ length: 1400 }, (_, n) => `M${String(n).padStart(5, '0')}`),
    );
    for (const [n, unit] of units.entries()) expect(unit.carriesNow).toBe(n % 3 !== 2);
    expect(total).toMatchObject({ units: 1000, atLeast: true });
  });

  test('goes by release and by key as well', async () => {
    const line = await plant.enrol('keys');
    await plant.send(line, [
      { serial: 'K', uid: null, release: hex('d'), signingKeys: ['hsm:7'], finishedAt: '2028-02-29T00:00:00.000Z' },
    ]);
    for (const [by, value] of [
      ['release', hex('d')],
      ['key', 'hsm:7'],
    ] as const) {
      const found = await plant.calls['recall.search']({ ...EMPTY, query: { by, value, limit: 5 } }, eve);
      expect(found).toMatchObject({ units: [{ serial: 'K', carriesNow: true }], next: null, total: { units: 1 } });
    }
  });
});

describe('a search', () => {
  test('finds by hardware id, address, batch and order, and tells what was replaced since', async () => {
    const line = await plant.enrol('finds');
    const of = (serial: string, minute: number): Partial<RecordDraft> => ({
      serial,
      uid: 'F00D',
      macs: ['02:00:5e:00:53:0a'],
      batch: 'LOT 7',
      order: 'WO-7',
      finishedAt: new Date(Date.UTC(2028, 1, 29, 10, minute)).toISOString(),
    });
    await plant.send(line, [of('F1', 0), of('F2', 1), { ...of('F1', 2), uid: 'new', macs: [], batch: 'LOT 8' }]);
    const find = async (by: 'uid' | 'mac' | 'batch' | 'order', value: string) =>
      (await plant.calls['unit.find']({ ...EMPTY, query: { by, value, limit: 5 } }, eve)).units.map(
        ({ serial, carriesNow }) => `${serial} ${carriesNow}`,
      );
    for (const value of ['02:00:5e:00:53:0a', '02-00-5E-00-53-0A', '0200.5e00.530a'])
      expect(await find('mac', value)).toEqual(['F1 false', 'F2 true']);
    expect(await find('uid', 'F00D')).toEqual(['F1 false', 'F2 true']);
    expect(await find('batch', 'LOT 7')).toEqual(['F1 false', 'F2 true']);
    expect(await find('order', 'WO-7')).toEqual(['F1 true', 'F2 true']);
    expect(await find('mac', 'no address')).toEqual([]);
  });
});

describe('a cursor', () => {
  test('is read as it was written', () => {
    const text = string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !value.includes('\0'));
    assert(
      property(text, text, (serial, product) => {
        expect(readCursor(cursorOf({ serial, product }))).toEqual({ serial, product });
      }),
    );
  });

  test.each([
    '',
    'x',
    'null',
    Buffer.from('["a"]').toString('base64url'),
    Buffer.from('["a","b","c"]').toString('base64url'),
    Buffer.from('[1,2]').toString('base64url'),
    Buffer.from('["a\\u0000","b"]').toString('base64url'),
    Buffer.from(JSON.stringify(['s'.repeat(500), 'p'])).toString('base64url'),
  ])('that is forged (%s) is refused', async (before) => {
    const query = { by: 'uid', value: 'u', limit: 5, before } as const;
    const failure = await failureOf(() => plant.calls['unit.find']({ ...EMPTY, query }, eve));
    expect(failure).toMatchObject({ code: 'bad-request' });
  });

  test('of somebody’s else opens nothing that one may not see', async () => {
    const buyer = asPerson('bob', ['buyer'], ['nothing']);
    const query = { by: 'order', value: 'WO-7', limit: 5, before: cursorOf({ serial: 'F', product: 'a' }) } as const;
    expect(await plant.calls['unit.find']({ ...EMPTY, query }, buyer)).toEqual({ units: [], next: null });
  });
});
