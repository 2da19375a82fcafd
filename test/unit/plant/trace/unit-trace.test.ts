import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { recordHash } from '#shared/model/record-chain.ts';
import type { Sql } from '#plant/database/database.ts';
import { traceUnit } from '#plant/trace/unit-trace.ts';
import { asPerson, EMPTY, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { failureOf } from '../../release/failure-of.ts';

/** As hostile as a label can be. */
const EVIL = `S'); DROP TABLE units; --<img src=x onerror=alert(1)>\\ \u202E`;

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
});
afterAll(() => plant.close());

const eve = asPerson('eve', ['quality']);
const at = (iso: string): Partial<RecordDraft> => ({ finishedAt: `${iso}.000Z` });
const product = (id: string) => ({ product: { id, revision: 'A', name: `<b>${id}</b>` } });
const trace = (serial: string) => plant.calls['unit.trace']({ ...EMPTY, params: { serial } }, eve);

describe('a trace', () => {
  test('has every run of a serial, newest first, from whichever month and station, by product', async () => {
    const [one, two] = [await plant.enrol('t-1'), await plant.enrol('t-2')];
    await plant.send(one, [
      { serial: 'T', uid: 'u', ...product('board'), ...FAILED, ...at('2024-02-29T23:59:59') },
      { serial: 'T', uid: 'u', ...product('board'), ...at('2028-02-29T10:00:00') },
      { serial: 'other', uid: 'w', ...product('board'), ...at('2028-02-29T10:00:00') },
    ]);
    await plant.send(two, [
      { serial: 'T', uid: 'v', ...product('lamp'), ...at('2027-06-01T00:00:00') },
      { serial: 'T', uid: 'u', ...product('board'), verdict: 'ERROR', ...at('2026-12-31T23:00:00') },
    ]);
    const [board, lamp, ...none] = await trace('T');
    expect(none).toEqual([]);
    expect(board?.runs.map(({ record }) => record.finishedAt.slice(0, 10))).toEqual([
      '2028-02-29',
      '2026-12-31',
      '2024-02-29',
    ]);
    expect(board).toMatchObject({ serial: 'T', product: { id: 'board', name: '<b>board</b>' } });
    expect(board).not.toHaveProperty('older');
    expect(lamp?.runs.map(({ record }) => record.station)).toEqual(['t-2']);
    for (const { record } of board?.runs ?? []) expect(recordHash(record)).toBe(record.hash);
  });

  test('says which records the station’s signature reaches', async () => {
    const line = await plant.enrol('t-3');
    await plant.send(line, [{ serial: 'SIGNED', uid: null, ...at('2028-01-01T00:00:00') }]);
    await plant.send(line, [{ serial: 'SIGNED', uid: null, ...at('2028-01-02T00:00:00') }], false);
    const signs = async () => (await trace('SIGNED'))[0]?.runs.map(({ signed }) => signed);
    expect(await signs()).toEqual([false, true]);
    await plant.send(line, [{ serial: 'later', uid: null, ...at('2028-01-03T00:00:00') }]);
    expect(await signs()).toEqual([true, true]);
  });

  test('carries the findings of its serial', async () => {
    const line = await plant.enrol('t-4');
    const twice = { serial: 'TWICE', ...product('board') };
    await plant.send(line, [
      { ...twice, uid: 'a1', ...at('2028-01-01T00:00:00') },
      { ...twice, uid: 'a2', ...at('2028-01-02T00:00:00') },
    ]);
    const [unit] = await trace('TWICE');
    expect(unit?.findings).toMatchObject([{ kind: 'duplicate-serial', serial: 'TWICE', settledAt: null }]);
    // Word for word as the list of findings has them, before and after one is settled: there they are no JSON in between.
    const listed = async (open: 'true' | 'false') =>
      (await plant.calls['finding.list']({ ...EMPTY, query: { open } }, eve)).filter(
        ({ serial }) => serial === 'TWICE',
      );
    expect(unit?.findings).toEqual(await listed('true'));
    const id = unit?.findings[0]?.id ?? 0;
    await plant.calls['finding.settle']({ ...EMPTY, params: { id }, body: { note: 'relabelled' } }, eve);
    const [settled] = await trace('TWICE');
    expect(settled?.findings).toMatchObject([{ id, settledBy: 'eve', detail: { note: 'relabelled' } }]);
    expect(settled?.findings).toEqual(await listed('false'));
  });

  test('of what nobody knows says so in words, also for hostile serials', async () => {
    for (const serial of ['nobody', EVIL, '%', '*', "'", '\u{1F4A9}', '00'])
      expect(await failureOf(() => trace(serial))).toMatchObject({
        code: 'not-found',
        params: { what: `unit ${serial}` },
      });
    const line = await plant.enrol('t-5');
    await plant.send(line, [
      { serial: EVIL, uid: EVIL, batch: EVIL, ...product('evil'), ...at('2028-01-01T00:00:00') },
    ]);
    expect((await trace(EVIL))[0]?.runs[0]?.record.serial).toBe(EVIL);
    for (const by of ['uid', 'batch'] as const) {
      const query = { by, value: EVIL, limit: 10 };
      expect((await plant.calls['unit.find']({ ...EMPTY, query }, eve)).units).toMatchObject([{ serial: EVIL }]);
    }
    expect(await trace('T')).toHaveLength(2);
  });

  test('opens only the months in which the unit lived', async () => {
    for (const month of ['2024-02', '2025-04', '2025-05', '2025-06', '2026-10'])
      await plant.database.query('SELECT make_records_month($1)', [new Date(`${month}-10T00:00:00Z`)]);
    const line = await plant.enrol('t-6');
    await plant.send(line, [{ serial: 'SHORT', uid: null, ...at('2025-05-31T23:59:59') }]);
    const plans: string[] = [];
    const explaining: Sql = {
      query: async (text, values) => {
        const plan = await plant.database.query(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${text}`, values);
        plans.push(...plan.map((row) => Object.values(row).join(' ')));
        return plant.database.query(text, values);
      },
    };
    expect(await traceUnit(explaining, { serial: 'SHORT', scope: null })).toHaveLength(1);
    const opened = plans.filter((each) => /on records_/.test(each) && !each.includes('never executed'));
    expect(opened.map((each) => /on (records_\w+)/.exec(each)?.[1])).toEqual(['records_2025_05']);
  });

  test('shows the newest of a golden unit’s many runs, and how many there are besides', async () => {
    const line = await plant.enrol('t-7');
    const runs = Array.from({ length: 510 }, (_, n) => ({
      serial: 'GOLDEN',
      uid: null,
      finishedAt: new Date(Date.UTC(2027, 0, 1) + n * 3_600_000).toISOString(),
    }));
    await plant.send(line, runs);
    const [golden] = await trace('GOLDEN');
    expect(golden?.runs).toHaveLength(500);
    expect(golden?.runs[0]?.record.finishedAt).toBe(runs.at(-1)?.finishedAt);
    expect(golden?.older).toBe(10);
  });
});
