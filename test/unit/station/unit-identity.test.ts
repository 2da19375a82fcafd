import { describe, expect, it } from 'vitest';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { UnitDataNote, UnitRecord } from '#shared/model/unit-record.ts';
import type { RecordQuery } from '#main/log/log.ts';
import type { UnitValues } from '#main/release/manufacturing/unit-values.ts';
import type { Engine } from '#main/station/engine.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { engineForUnit, requireOwnLabel } from '#main/station/unit-identity.ts';

const SIGNAL = new AbortController().signal;
const SECTION = { version: '1', address: 0, size: 64, macs: { pool: 'boards', count: 2 } };

function engineWith(manufacturing: object): { engine: Engine; made: { unit: UnitValues; fromPlant: unknown }[] } {
  const made: { unit: UnitValues; fromPlant: unknown }[] = [];
  const engine = {
    release: { digest: 'd', recipe: { product: { id: 'hello', revision: 'A' }, images: [], manufacturing } },
    forUnit: (unit: UnitValues, fromPlant: unknown) => {
      made.push({ unit, fromPlant });
      return engine;
    },
  } as unknown as Engine;
  return { engine, made };
}

interface Given {
  readonly probe?: string;
  readonly records?: readonly object[];
  readonly plant?: Partial<PlantRules> | undefined;
  readonly section?: object;
}

async function run({ probe = 'cmsis-dap:1', records = [], plant, section = { kind: 'nvs', ...SECTION } }: Given) {
  const { engine, made } = engineWith(section);
  const took: (readonly string[])[] = [];
  const notes: UnitDataNote[] = [];
  const request = { serial: 'HB1', slot: '1', probe, rework: false, scans: { batch: '7B' } };
  const services = {
    // Of an address nobody has a record here: test/unit/station/unit-macs.test.ts.
    log: { records: (query: RecordQuery) => Promise.resolve((query.facet ? [] : records) as UnitRecord[]) },
    plant: plant as PlantRules | undefined,
    numbers: undefined,
    listed: {},
    askPlant: () => Promise.resolve(),
    run: 'r',
    at: '',
    took: (macs: readonly string[]) => void took.push([...macs]),
    signed: () => undefined,
    given: (note: UnitDataNote) => void notes.push(note),
    order: 'O-1',
    now: () => 0,
    random: (length: number) => new Uint8Array(length),
  };
  const end = engineForUnit(engine, request, 'aa', services, SIGNAL);
  const code = await end.then(
    () => null,
    (error: unknown) => toFailure(error).code,
  );
  return { code, took, notes, unit: made[0]?.unit, fromPlant: made[0]?.fromPlant };
}

/** A pool of so many. */
function pool(count: number): Pick<PlantRules, 'takeMac'> & { taken: number } {
  return {
    taken: 0,
    takeMac() {
      if (this.taken === count) throw new FlashlineError('numbers-used-up', { params: { pool: 'boards' } });
      return Promise.resolve(`02:00:5e:00:53:0${++this.taken}`);
    },
  };
}

describe('a unit’s MACs', () => {
  it('are the plant’s next, told as they are taken', async () => {
    const { took, unit, code } = await run({ plant: pool(9) });
    expect(code).toBeNull();
    expect(took).toEqual([['02:00:5e:00:53:01'], ['02:00:5e:00:53:01', '02:00:5e:00:53:02']]);
    expect(unit?.macs).toEqual(took[1]);
  });

  it('stay its own when it comes back; another board with its serial has others', async () => {
    const own = { uid: 'aa', probe: 'cmsis-dap:1', macs: ['02:00:00:00:00:07', '02:00:00:00:00:08'] };
    const plant = pool(9);
    expect((await run({ plant, records: [own] })).unit?.macs).toEqual(own.macs);
    expect(plant.taken).toBe(0);
    for (const other of [{ ...own, uid: 'bb' }, { ...own, probe: 'bench:x' }, { ...own, macs: [] }, { uid: 'aa' }])
      expect((await run({ plant: pool(9), records: [{ probe: 'cmsis-dap:1', ...other }] })).unit?.macs).not.toEqual(
        own.macs,
      );
  });

  it('that were taken are told, also when the pool ends before there are enough', async () => {
    const { code, took, unit } = await run({ plant: pool(1) });
    expect({ code, took, unit }).toEqual({ code: 'numbers-used-up', took: [['02:00:5e:00:53:01']], unit: undefined });
    expect((await run({})).code).toBe('numbers-used-up');
  });

  it('on the bench are made up, the same for the same serial, and never of a pool', async () => {
    const plant = pool(9);
    const [one, two] = [await run({ probe: 'bench:x', plant }), await run({ probe: 'bench:x' })];
    expect(one.unit?.macs).toEqual(two.unit?.macs);
    expect(new Set(one.unit?.macs).size).toBe(2);
    for (const mac of one.unit?.macs ?? []) expect(mac).toMatch(/^02(?::[0-9a-f]{2}){5}$/);
    expect(plant.taken).toBe(0);
  });
});

describe('a label that names its chip', () => {
  const code = (label: Record<string, string>, uid: string | null) => {
    try {
      requireOwnLabel({ label }, uid);
      return null;
    } catch (error) {
      return toFailure(error);
    }
  };

  it('is the unit’s own, or another board’s; an ERROR that blames no unit', () => {
    const mac = '24:0a:c4:00:00:01';
    for (const label of [{}, { mac }, { uid: '240ac4000001' }, { mac, uid: '240ac4000001', batch: 'x' }])
      expect(code(label, '240ac4000001')).toBeNull();
    expect(code({ mac }, '240ac4000002')).toMatchObject({
      code: 'label-other-unit',
      blame: 'station',
      params: { field: 'MAC', label: mac, found: '24:0a:c4:00:00:02' },
    });
    expect(code({ uid: 'aabb' }, 'aabc')).toMatchObject({ params: { field: 'uid', label: 'aabb', found: 'aabc' } });
  });

  it('of a chip that tells nothing yet nothing is known', () => {
    expect(code({ uid: 'aabb' }, null)).toBeNull();
  });
});

describe('bytes that the plant makes', () => {
  const section = { kind: 'plant', version: '1', address: 0, size: 2, command: 'identity', values: ['scan.batch'] };
  const note = { command: 'identity', plant: 'Plant 1' } as unknown as UnitDataNote;

  it('are asked for this unit, with what its recipe sends, and handed on with a note for its record', async () => {
    const asked: unknown[] = [];
    const plant: Partial<PlantRules> = {
      unitData: (unit) => {
        asked.push(unit);
        return Promise.resolve({ data: Uint8Array.of(1, 2), note });
      },
    };
    const { fromPlant, took, notes } = await run({ plant, section });
    expect(fromPlant).toEqual(Uint8Array.of(1, 2));
    const unit = { product: 'hello', revision: 'A', release: 'd', serial: 'HB1', uid: 'aa', macs: [], run: 'r' };
    const sent = { command: 'identity', ...unit, order: 'O-1', values: { 'scan.batch': '7B' } };
    expect(asked).toEqual([{ ...sent, atLeast: 2, atMost: 2 }]);
    expect([took, notes]).toEqual([[], [note]]);
    await run({ plant, section: { ...section, fill: 0 } });
    expect(asked[1]).toEqual({ ...sent, atLeast: 1, atMost: 2 });
  });

  it('are not asked for where a value that they need is missing, or where there is no plant', async () => {
    const plant: Partial<PlantRules> = { unitData: () => Promise.reject(new Error('asked')) };
    expect((await run({ plant, section: { ...section, values: ['scan.other'] } })).code).toBe('value-missing');
    expect(await run({ section })).toMatchObject({ fromPlant: undefined, notes: [] });
  });
});
