import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { executeRun, type RunEnd } from '#main/station/run.ts';
import { FakeBoard, gatedLog, type Gate, makeRig, type Rig, testRelease, typesOf, UID } from './fixtures.ts';

const SERIAL = 'HB000001';
const release = testRelease();
const [image] = release.layout.images;
let rig: Rig;
beforeEach(() => {
  rig = makeRig();
});
afterEach(() => rig.remove());

interface Ran {
  readonly end: RunEnd;
  readonly events: RunEvent[];
  readonly board: FakeBoard;
}

interface Conditions {
  readonly gate?: Gate;
  readonly board?: FakeBoard;
  readonly serial?: string;
  readonly rework?: boolean;
  readonly signal?: AbortSignal;
  readonly listener?: (event: RunEvent) => void;
}

async function run(conditions: Conditions = {}): Promise<Ran> {
  const gate = conditions.gate ?? (async () => undefined);
  const board = conditions.board ?? new FakeBoard(gate);
  const events: RunEvent[] = [];
  const request = {
    serial: conditions.serial ?? SERIAL,
    slot: '1',
    probe: 'fake:1',
    rework: conditions.rework ?? false,
  };
  const services = rig.services(board, gatedLog(rig.log, gate));
  const signal = conditions.signal ?? new AbortController().signal;
  const end = await executeRun(request, rig.engine, services, signal, (event) => {
    events.push(event);
    conditions.listener?.(event);
  });
  return { end, events, board };
}

/** Counts the awaits of a run that passes. */
async function gatesOfAPass(): Promise<string[]> {
  const names: string[] = [];
  const other = makeRig();
  const gate: Gate = async (name) => void names.push(name);
  const services = other.services(new FakeBoard(gate), gatedLog(other.log, gate));
  const request = { serial: SERIAL, slot: '1', probe: 'fake:1', rework: false };
  await executeRun(request, other.engine, services, new AbortController().signal, () => undefined);
  await other.remove();
  return names;
}

const GATES = await gatesOfAPass();

function flagIsClear(board: FakeBoard): boolean {
  return board.flash.subarray(0, 8).every((byte) => byte === 0xff);
}

function holdsRelease(board: FakeBoard): boolean {
  const wanted = release.contents.bytes(0, 2500);
  return wanted.every((byte, index) => board.flash[index] === byte);
}

describe('a run', () => {
  it('passes: steps in order, one start, one end, and a record that proves it', async () => {
    const { end, events, board } = await run();
    expect(end.verdict).toBe('PASS');
    expect(holdsRelease(board)).toBe(true);
    for (const event of events) RunEvent.parse(event);
    expect(typesOf(events).filter((type) => !type.startsWith('step.progress'))).toEqual([
      'run.started',
      'step.started connect',
      'step.finished connect',
      'step.started identify',
      'unit.identified',
      'step.finished identify',
      'step.started survey',
      'step.finished survey',
      'plan.ready',
      'step.started invalidate',
      'step.finished invalidate',
      'step.started erase',
      'step.finished erase',
      'step.started program',
      'step.finished program',
      'step.started verify',
      'step.finished verify',
      'step.started validate',
      'step.finished validate',
      'step.started start',
      'step.finished start',
      'step.started record',
      'step.finished record',
      'run.finished',
    ]);
    const [record] = await rig.log.records({});
    expect(record).toEqual(end.record);
    expect(record).toMatchObject({
      serial: SERIAL,
      uid: UID,
      verdict: 'PASS',
      failure: null,
      release: release.digest,
      locks: { RBPCONF: '0xFFFFFFFF' },
      images: [{ role: 'application', sha256: { expected: image?.sha256, readBack: image?.sha256 } }],
      bytesWritten: 2500,
    });
    expect(record?.steps.map(({ step }) => step)).toEqual([
      'connect',
      'identify',
      'survey',
      'invalidate',
      'erase',
      'program',
      'verify',
      'validate',
      'start',
    ]);
  });

  it('has its PASS on disk before it is told', async () => {
    const onDisk: Promise<UnitRecord[]>[] = [];
    await run({
      listener: (event) => {
        if (event.type === 'run.finished') onDisk.push(rig.log.records({}));
      },
    });
    expect((await Promise.all(onDisk)).map((records) => records.length)).toEqual([1]);
  });

  it('reads the hardware id before anything changes, and journals each change before it', async () => {
    const names: string[] = [];
    await run({ gate: async (name) => void names.push(name) });
    const first = (name: string) => names.indexOf(name);
    expect(first('identify')).toBeLessThan(first('erase'));
    expect(first('log.journal identified')).toBeLessThan(first('erase'));
    for (const [at, name] of names.entries()) {
      if (name !== 'erase' && name !== 'program') continue;
      expect(names[at - 1]).toBe('log.journal change');
    }
  });

  it('keeps a board that already holds the release, but still reads it back', async () => {
    const board = new FakeBoard();
    await run({ board });
    board.calls.length = 0;
    const { end } = await run({ board, rework: true });
    expect(end.verdict).toBe('PASS');
    expect(end.record?.bytesWritten).toBe(0);
    expect(end.record?.bytesSkipped).toBe(2500);
    expect(board.calls).toContain('read');
    expect(board.calls).not.toContain('erase');
  });
});

describe('whatever await throws', () => {
  const THROWS: Readonly<Record<string, () => unknown>> = {
    'a failure of ours': () => new FlashlineError('probe-lost', { params: { url: 'fake:1' } }),
    'a bug': () => new TypeError('undefined is not a function'),
    'no Error at all': () => 'a string',
  };
  const cases = GATES.flatMap((name, index) => Object.keys(THROWS).map((kind) => ({ name, index, kind })));

  it('has enough awaits to be worth trying', () => {
    expect(GATES.length).toBeGreaterThan(20);
  });

  it.each(cases)('await $index ($name) throws $kind', async ({ name, index, kind }) => {
    let passed = 0;
    const { end, events, board } = await run({
      gate: async () => {
        passed += 1;
        if (passed === index + 1) throw THROWS[kind]?.();
      },
    });
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'run.started')).toHaveLength(1);
    expect(types.filter((type) => type === 'run.finished')).toHaveLength(1);
    expect(types[0]).toBe('run.started');
    expect(types.at(-1)).toBe('run.finished');

    // What follows the verdict cannot change it; everything before it must.
    const afterVerdict = name === 'close';
    expect(end.verdict).toBe(afterVerdict ? 'PASS' : 'ERROR');
    expect(rig.warnings.length).toBe(afterVerdict ? 1 : 0);

    const recorded = name !== 'log.begin' && name !== 'log.finish';
    expect(end.record !== null).toBe(recorded);
    expect((await rig.log.records({})).map(({ verdict }) => verdict)).toEqual(recorded ? [end.verdict] : []);
    // A run that could not be recorded stays open: the next opening of the log finds it.
    expect(await rig.log.openRuns()).toHaveLength(name === 'log.finish' ? 1 : 0);
    expect((await rig.log.verify()).fault).toBeNull();

    expect(board.calls.filter((call) => call === 'close')).toHaveLength(board.opened);
    const untouched = board.flash.every((byte) => byte === 0x5a);
    expect(untouched || flagIsClear(board) || holdsRelease(board)).toBe(true);
  });
});

describe('an abort', () => {
  const before = GATES.indexOf('close');

  it.each(GATES.slice(0, before).map((name, index) => ({ name, index })))(
    'at await $index ($name) ends as ABORTED with a record, and the unit closed',
    async ({ index }) => {
      const aborting = new AbortController();
      let passed = 0;
      const { end, events, board } = await run({
        signal: aborting.signal,
        gate: async () => {
          passed += 1;
          if (passed !== index + 1) return;
          aborting.abort(new FlashlineError('aborted'));
          throw aborting.signal.reason;
        },
      });
      // Once a change stands in the journal, or may, nobody may be told that nothing was changed.
      const code = index < GATES.indexOf('log.journal change') ? 'aborted-untouched' : 'aborted';
      // An abort cannot take the log's begin away from under a run that never began.
      expect(end.verdict).toBe('ABORTED');
      expect(events.at(-1)).toMatchObject({ type: 'run.finished', verdict: 'ABORTED', code });
      expect(board.calls.filter((call) => call === 'close')).toHaveLength(board.opened);
      expect(end.record?.failure?.code ?? 'none').toBe(index === 0 ? 'none' : code);
    },
  );

  it('wins over the words of a link that it tore', async () => {
    const aborting = new AbortController();
    const { end } = await run({
      signal: aborting.signal,
      gate: async (name) => {
        if (name !== 'program') return;
        aborting.abort(new FlashlineError('aborted'));
        throw new FlashlineError('probe-lost', { params: { url: 'fake:1' } });
      },
    });
    expect(end.failure).toMatchObject({ code: 'aborted', where: { step: 'program' } });
  });

  it('gives up on work that does not heed it, and closes what opens late', async () => {
    const aborting = new AbortController();
    const late = Promise.withResolvers<void>();
    const board = new FakeBoard((name) => (name === 'open' ? late.promise : Promise.resolve()));
    const running = run({ signal: aborting.signal, board });
    await Promise.resolve();
    aborting.abort(new FlashlineError('aborted'));
    await new Promise((resolve) => setImmediate(resolve));
    rig.wall.advance(20_000);
    const { end, events } = await running;
    expect(end.verdict).toBe('ABORTED');
    const told = events.length;
    late.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.length).toBe(told);
    expect(board.closed).toBe(board.opened);
  });
});

describe('tear-down', () => {
  it('has a deadline of its own when the probe hangs', async () => {
    const board = new FakeBoard((name) => (name === 'close' ? new Promise(() => undefined) : Promise.resolve()));
    const running = run({ board });
    const ticking = setInterval(() => rig.wall.advance(1000), 5);
    const { end } = await running;
    clearInterval(ticking);
    expect(end.verdict).toBe('PASS');
    expect(rig.warnings.map(({ code }) => code)).toEqual(['internal']);
  });
});

describe('verdicts', () => {
  it.each([
    [
      'verify-mismatch',
      'FAIL',
      new FlashlineError('verify-mismatch', { params: { address: '0x0', expected: '1', found: '2' } }),
    ],
    ['flash-refused', 'FAIL', new FlashlineError('flash-refused', { params: { address: '0x0' } })],
    ['no-target', 'ERROR', new FlashlineError('no-target')],
    ['internal', 'ERROR', new Error('bug')],
  ])('%s is %s, with blame, words and step', async (code, verdict, thrown) => {
    const { end, events } = await run({
      gate: async (name) => {
        if (name === 'program') throw thrown;
      },
    });
    expect(end.verdict).toBe(verdict);
    expect(end.record?.failure).toMatchObject({ code, where: { slot: '1', step: 'program' } });
    expect(events.at(-1)).toMatchObject({ code, message: `message of ${code}`, remedy: `remedy of ${code}` });
  });

  it('finds a bit that flipped before verification, with its address', async () => {
    const board: FakeBoard = new FakeBoard(async (name) => {
      if (name === 'program') queueMicrotask(() => queueMicrotask(() => (board.flash[0x123] = 0)));
    });
    const { end } = await run({ board });
    expect(end.failure).toMatchObject({ code: 'verify-mismatch', params: { address: '0x00000123' } });
    expect(flagIsClear(board)).toBe(true);
  });

  it('is never PASS without a read-back, whatever the programmer claims', async () => {
    const services = rig.services(new FakeBoard());
    const lying = {
      ...rig.engine,
      carryOut: async () => ({ readBack: {}, provenBy: {}, bytesWritten: 2500, rot: [], unproven: 0 }),
    };
    const request = { serial: SERIAL, slot: '1', probe: 'fake:1', rework: false };
    const end = await executeRun(request, lying, services, new AbortController().signal, () => undefined);
    expect(end).toMatchObject({ verdict: 'ERROR', failure: { code: 'internal' } });
  });

  it('is never PASS when the firmware could not be started', async () => {
    const { end } = await run({
      gate: async (name) => {
        if (name === 'start') throw new FlashlineError('target-stuck', { params: { seconds: '1' } });
      },
    });
    expect(end).toMatchObject({ verdict: 'FAIL', failure: { code: 'target-stuck', where: { step: 'start' } } });
  });
});

describe('a unit that already passed', () => {
  it.each([
    ['the same serial on another board', SERIAL, 'ffffffffffffffff'],
    ['the same board under another serial', 'HB000002', UID],
  ])('is refused untouched: %s', async (_what, serial, uid) => {
    await run();
    const board = new FakeBoard();
    board.uid = uid;
    const { end } = await run({ board, serial });
    expect(end.failure).toMatchObject({ code: 'already-passed', params: { serial: SERIAL } });
    expect(board.flash.every((byte) => byte === 0x5a)).toBe(true);
  });

  it('is done again for rework, and the record says so', async () => {
    await run();
    const { end } = await run({ rework: true });
    expect(end.record).toMatchObject({ verdict: 'PASS', rework: true });
  });
});

it('is not moved by a listener that throws', async () => {
  const { end } = await run({
    listener: () => {
      throw new Error('screen is broken');
    },
  });
  expect(end.verdict).toBe('PASS');
  expect(rig.warnings.length).toBeGreaterThan(5);
});
