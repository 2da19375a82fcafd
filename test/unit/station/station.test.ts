import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  oneof,
  record,
} from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REWORK_CODE, SlotState, StationState } from '#shared/contract/station.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UnitLog } from '#main/log/log.ts';
import { openUnitLog } from '#main/log/sqlite-unit-log.ts';
import { Station } from '#main/station/station.ts';
import { FakeBoard, gatedLog, makeRig, type Rig } from './fixtures.ts';

let rig: Rig;
let boards: Map<string, FakeBoard>;
beforeEach(() => {
  rig = makeRig();
  boards = new Map();
});
afterEach(() => rig.remove());

interface Setup {
  readonly slots?: number;
  readonly autoStart?: boolean;
  readonly gate?: (probe: string, name: string) => Promise<void>;
}

function makeStation({ slots = 2, autoStart = false, gate = async () => undefined }: Setup = {}) {
  const ids = Array.from({ length: slots }, (_, index) => String(index + 1));
  for (const id of ids) boards.set(`fake:${id}`, new FakeBoard((name) => gate(`fake:${id}`, name)));
  const board = (url: string) => {
    const found = boards.get(url) ?? boards.get('fake:1');
    if (!found) throw new Error(`no board ${url}`);
    found.uid = url.padEnd(16, '0');
    return found;
  };
  const station = new Station({
    ...rig.services(board),
    mode: 'bench',
    slots: ids.map((id) => ({ id, name: `place ${id}`, probe: `fake:${id}` })),
    samples: [],
    engine: rig.engine,
    autoStart,
    interrupted: [],
  });
  const changes: SlotState[] = [];
  station.subscribe({
    slotChanged: (slot) => changes.push(SlotState.parse(slot)),
    stationChanged: (state) => void StationState.parse(state),
  });
  return { station, changes };
}

const slotOf = (station: Station, id: string) => {
  const slot = station.state().slots.find((each) => each.id === id);
  if (!slot) throw new Error(`no slot ${id}`);
  return slot;
};

/** Scans with time between, so that it is never taken for a double read. */
function scan(station: Station, code: string, slot?: string) {
  rig.wall.advance(3000);
  return station.scan({ code, slot });
}

function refusal(outcome: ReturnType<Station['scan']>): string {
  return outcome.outcome === 'refused' ? outcome.failure.code : outcome.outcome;
}

describe('where a scan goes', () => {
  it('to the slots in their order, then nowhere while all wait', () => {
    const { station } = makeStation();
    expect(scan(station, 'HB000001')).toEqual({ outcome: 'accepted', slot: '1', serial: 'HB000001' });
    expect(scan(station, ' HB000002\r\n')).toEqual({ outcome: 'accepted', slot: '2', serial: 'HB000002' });
    expect(refusal(scan(station, 'HB000003'))).toBe('slot-busy');
  });

  it('to the slot that was named, also over a waiting unit', () => {
    const { station } = makeStation();
    expect(scan(station, 'HB000001', '2')).toMatchObject({ outcome: 'accepted', slot: '2' });
    expect(scan(station, 'HB000002', '2')).toMatchObject({ outcome: 'accepted', slot: '2' });
    expect(slotOf(station, '2').serial).toBe('HB000002');
    expect(refusal(scan(station, 'HB000003', '9'))).toBe('slot-unknown');
  });

  it('to the only slot there is, over a unit that waits', () => {
    const { station } = makeStation({ slots: 1 });
    scan(station, 'HB000001');
    expect(scan(station, 'HB000002')).toMatchObject({ outcome: 'accepted', slot: '1' });
  });

  it('past a slot whose probe is missing, unless all are', () => {
    const { station } = makeStation();
    station.setAttached({ slot: '1', attached: 'no' });
    expect(scan(station, 'HB000001')).toMatchObject({ outcome: 'accepted', slot: '2' });
    // What the slot knows of its probe outlives the unit.
    expect(slotOf(station, '1')).toMatchObject({ phase: 'empty', attached: 'no' });
    station.setAttached({ slot: '2', attached: 'busy' });
    expect(scan(station, 'HB000002')).toMatchObject({ outcome: 'accepted', slot: '1' });
    station.clearSlot({ slot: '1' });
    expect(slotOf(station, '1').attached).toBe('no');
  });

  it('to an empty slot first, so that a verdict stays; then to the oldest verdict', async () => {
    const { station } = makeStation({ slots: 3 });
    scan(station, 'HB000001');
    await station.runSlot({ slot: '1', rework: false });
    scan(station, 'HB000002', '3');
    rig.wall.advance(5000);
    await station.runSlot({ slot: '3', rework: false });
    expect(scan(station, 'HB000003')).toMatchObject({ slot: '2' });
    expect(slotOf(station, '1').verdict).toBe('PASS');
    expect(scan(station, 'HB000004')).toMatchObject({ slot: '1' });
    expect(scan(station, 'HB000005')).toMatchObject({ slot: '3' });
  });

  it('nowhere with a serial that another slot has', () => {
    const { station } = makeStation();
    scan(station, 'HB000001');
    expect(refusal(scan(station, 'HB000001', '2'))).toBe('slot-busy');
    expect(slotOf(station, '2').phase).toBe('empty');
  });

  it.each(['', 'hello', 'HB00001', 'HB0000011', 'XHB000001', '\u0000\uffff', 'HB000001\nHB000002'])(
    'nowhere when it is no serial of the product: %j',
    (code) => {
      const { station, changes } = makeStation();
      expect(refusal(scan(station, code))).toBe('serial-pattern');
      expect(changes).toEqual([]);
    },
  );

  it('nowhere twice within 2 s', () => {
    const { station } = makeStation();
    scan(station, 'HB000001');
    rig.wall.advance(1999);
    expect(station.scan({ code: 'HB000001' })).toEqual({ outcome: 'repeated', serial: 'HB000001' });
    rig.wall.advance(1999);
    expect(station.scan({ code: 'HB000001' }).outcome).toBe('repeated');
    expect(slotOf(station, '2').phase).toBe('empty');
    expect(station.scan({ code: 'HB000002' }).outcome).toBe('accepted');
  });
});

describe('a slot', () => {
  it('keeps its verdict until the next scan', async () => {
    const { station, changes } = makeStation({ slots: 1 });
    scan(station, 'HB000001');
    const { verdict, run } = await station.runSlot({ slot: '1', rework: false });
    expect(verdict).toBe('PASS');
    expect(slotOf(station, '1')).toMatchObject({ phase: 'finished', verdict: 'PASS', serial: 'HB000001', run });
    expect(slotOf(station, '1').steps.every(({ ms }) => ms !== null)).toBe(true);
    const phases = changes.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
    expect(phases).toEqual(['ready', 'running', 'finished']);
    scan(station, 'HB000002');
    expect(slotOf(station, '1')).toMatchObject({ phase: 'ready', verdict: null, steps: [], failure: null, run: null });
  });

  it('runs one unit at a time, and only one that waits', async () => {
    const { station } = makeStation({ slots: 1 });
    await expect(station.runSlot({ slot: '1', rework: false })).rejects.toThrow('slot-empty');
    await expect(station.runSlot({ slot: '7', rework: false })).rejects.toThrow('slot-unknown');
    scan(station, 'HB000001');
    const running = station.runSlot({ slot: '1', rework: false });
    await expect(station.runSlot({ slot: '1', rework: false })).rejects.toThrow('slot-busy');
    expect(refusal(scan(station, 'HB000002', '1'))).toBe('slot-busy');
    expect(() => station.clearSlot({ slot: '1' })).toThrow('slot-busy');
    await running;
    await expect(station.runSlot({ slot: '1', rework: false })).rejects.toThrow('slot-empty');
    expect(await rig.log.records({})).toHaveLength(1);
  });

  it('starts by itself when told to', async () => {
    const { station } = makeStation({ slots: 1 });
    station.setAutoStart({ on: true });
    scan(station, 'HB000001');
    expect(slotOf(station, '1').phase).toBe('running');
    await expect.poll(() => slotOf(station, '1').phase).toBe('finished');
    expect(slotOf(station, '1').verdict).toBe('PASS');
  });

  it('aborts, and says that it is at it', async () => {
    const { station, changes } = makeStation({
      slots: 1,
      gate: async (_probe, name) => {
        if (name === 'program') station.abortSlot({ slot: '1' });
      },
    });
    scan(station, 'HB000001');
    expect(await station.runSlot({ slot: '1', rework: false })).toMatchObject({ verdict: 'ABORTED' });
    expect(changes.some(({ cancelling }) => cancelling)).toBe(true);
    expect(slotOf(station, '1')).toMatchObject({ phase: 'finished', cancelling: false, failure: { code: 'aborted' } });
  });

  it("aborts by its call's signal too, even one that was aborted before", async () => {
    const { station } = makeStation({ slots: 1 });
    scan(station, 'HB000001');
    const end = await station.runSlot({ slot: '1', rework: false }, AbortSignal.abort());
    expect(end.verdict).toBe('ABORTED');
    expect((await rig.log.records({}))[0]?.verdict).toBe('ABORTED');
  });

  it('cannot harm another: one hangs and one fails while the third passes', async () => {
    const { station } = makeStation({
      slots: 3,
      gate: async (probe, name) => {
        if (probe === 'fake:1' && name === 'read') await new Promise(() => undefined);
        if (probe === 'fake:2' && name === 'survey') throw new FlashlineError('probe-lost', { params: { url: probe } });
      },
    });
    const all = ['1', '2', '3'];
    for (const id of all) scan(station, `HB00000${id}`, id);
    const ends = all.map((slot) => station.runSlot({ slot, rework: false }));
    expect(await ends[1]).toMatchObject({ verdict: 'ERROR' });
    expect(await ends[2]).toMatchObject({ verdict: 'PASS' });
    expect(slotOf(station, '1').phase).toBe('running');
    const closing = station.close();
    const ticking = setInterval(() => rig.wall.advance(1000), 5);
    await closing;
    clearInterval(ticking);
    expect(await ends[0]).toMatchObject({ verdict: 'ABORTED' });
  });
});

it('frees a slot whose run is broken before it begins', async () => {
  const services = rig.services(new FakeBoard());
  const random = () => {
    throw new Error('no entropy');
  };
  const slots = [{ id: '1', name: '1', probe: 'fake:1' }];
  const more = { mode: 'bench', slots, samples: [], engine: rig.engine, autoStart: false, interrupted: [] } as const;
  const station = new Station({ ...services, ...more, random });
  scan(station, 'HB000001');
  expect(await station.runSlot({ slot: '1', rework: false })).toMatchObject({ verdict: 'ERROR' });
  expect(slotOf(station, '1')).toMatchObject({ phase: 'finished', failure: { code: 'internal' } });
  expect(scan(station, 'HB000002')).toMatchObject({ outcome: 'accepted' });
});

describe('rework', () => {
  it('is one deliberate scan away from a unit that had passed', async () => {
    const { station } = makeStation({ slots: 1 });
    scan(station, 'HB000001');
    await station.runSlot({ slot: '1', rework: false });
    expect(refusal(scan(station, REWORK_CODE))).toBe('nothing-to-rework');
    scan(station, 'HB000001');
    await station.runSlot({ slot: '1', rework: false });
    expect(slotOf(station, '1').failure?.code).toBe('already-passed');
    expect(scan(station, REWORK_CODE)).toEqual({ outcome: 'accepted', slot: '1', serial: 'HB000001' });
    expect(slotOf(station, '1')).toMatchObject({ phase: 'ready', rework: true });
    expect(await station.runSlot({ slot: '1', rework: false })).toMatchObject({ verdict: 'PASS' });
    expect((await rig.log.records({ limit: 1 }))[0]?.rework).toBe(true);
  });
});

it('lists the runs that a dead process left, until they are acknowledged, once and for all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-test-'));
  const file = join(folder, 'log.db');
  const owner = { pid: 1, boot: 'b', started: 's' };
  const openWhen = (alive: boolean) =>
    openUnitLog({
      file,
      clock: rig.wall,
      processes: { self: () => owner, isAlive: () => alive },
      warn: () => undefined,
    });
  const died = openWhen(true);
  const services = rig.services(new FakeBoard());
  // The process ends in the middle of a run: nothing after the first change reaches the log.
  const lost: UnitLog = { ...gatedLog(died, async () => undefined), finish: () => new Promise(() => undefined) };
  const dying = new Station({
    ...services,
    log: lost,
    mode: 'bench',
    slots: [{ id: '1', name: '1', probe: 'fake:1' }],
    samples: [],
    engine: rig.engine,
    autoStart: false,
    interrupted: [],
  });
  scan(dying, 'HB000001');
  const last = Promise.withResolvers<void>();
  void dying.runSlot({ slot: '1', rework: false }, undefined, (event) => {
    if (event.type === 'step.started' && event.step === 'record') last.resolve();
  });
  await last.promise;
  await died.close();

  const log = openWhen(false);
  const station = new Station({
    ...services,
    log,
    mode: 'bench',
    slots: [],
    samples: [],
    engine: rig.engine,
    autoStart: false,
    interrupted: await log.unacknowledged(),
  });
  const told: StationState[] = [];
  station.subscribe({ slotChanged: () => undefined, stationChanged: (state) => told.push(state) });
  expect(station.state().interrupted).toMatchObject([
    { serial: 'HB000001', verdict: 'INTERRUPTED', uid: expect.any(String) },
  ]);
  expect(station.state().interrupted[0]?.failure?.cause).toContain('"op":"validate"');
  await station.acknowledgeInterrupted();
  expect(told.at(-1)?.interrupted).toEqual([]);
  await log.close();
  const later = openWhen(false);
  expect(await later.unacknowledged()).toEqual([]);
  expect(await later.records({})).toHaveLength(1);
  await later.close();
  rmSync(folder, { recursive: true, force: true });
});

it('says what it lacks when it has no release', () => {
  const station = new Station({
    ...rig.services(new FakeBoard()),
    mode: 'probes',
    slots: [{ id: '1', name: '1', probe: 'fake:1' }],
    samples: [],
    engine: null,
    autoStart: false,
    interrupted: [],
  });
  expect(station.state().release).toBeNull();
  expect(refusal(scan(station, 'HB000001'))).toBe('no-release');
});

it('stays whole whatever is scanned, started, aborted and cleared, in any order', async () => {
  const step = oneof(
    record({
      do: constant('scan' as const),
      code: constantFrom('HB000001', 'HB000002', 'HB000003', 'nonsense', REWORK_CODE),
      slot: constantFrom(undefined, '1', '2', '9'),
      late: boolean(),
    }),
    record({ do: constantFrom('run' as const, 'abort' as const, 'clear' as const), slot: constantFrom('1', '2', '9') }),
  );
  await assert(
    asyncProperty(array(step, { maxLength: 25 }), async (steps) => {
      const own = makeRig();
      const board = new FakeBoard();
      const station = new Station({
        ...own.services(board),
        mode: 'bench',
        slots: ['1', '2'].map((id) => ({ id, name: id, probe: `fake:${id}` })),
        samples: [],
        engine: own.engine,
        autoStart: false,
        interrupted: [],
      });
      const runs: Promise<unknown>[] = [];
      const acts: Promise<unknown>[] = [];
      for (const each of steps) {
        if (each.do === 'scan') {
          if (each.late) own.wall.advance(3000);
          station.scan(each);
        } else if (each.do === 'run') {
          runs.push(station.runSlot({ slot: each.slot, rework: false }).catch((thrown: unknown) => thrown));
          if (runs.length % 2 === 0) await Promise.allSettled(runs);
        } else {
          const act = async () => (each.do === 'abort' ? station.abortSlot(each) : station.clearSlot(each));
          acts.push(act().catch((thrown: unknown) => thrown));
        }
        const { slots } = StationState.parse(station.state());
        const held = slots.filter(({ phase }) => phase === 'ready' || phase === 'running').map(({ serial }) => serial);
        expect(new Set(held).size).toBe(held.length);
        for (const slot of slots) {
          expect(slot.phase === 'empty').toBe(slot.serial === null);
          expect(slot.phase === 'finished').toBe(slot.verdict !== null);
          expect(slot.cancelling && slot.phase !== 'running').toBe(false);
        }
      }
      const ends = await Promise.all(runs);
      const refused = [...ends, ...(await Promise.all(acts))].filter((each) => each instanceof Error);
      expect(refused.filter((each) => !(each instanceof FlashlineError))).toEqual([]);
      const made = ends.filter((end) => !(end instanceof Error)).length;
      expect((await own.log.records({})).length).toBe(made);
      expect((await own.log.verify()).fault).toBeNull();
      await own.remove();
    }),
    { numRuns: 60 },
  );
}, 120_000);
