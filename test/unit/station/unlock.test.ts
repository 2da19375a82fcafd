import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import type { Engine } from '#main/station/engine.ts';
import { executeRun } from '#main/station/run.ts';
import { FakeBoard, type Gate, gatedLog, makeRig, type Rig, typesOf } from './fixtures.ts';

const SERIAL = 'HB000001';
let rig: Rig;
beforeEach(() => {
  rig = makeRig();
});
afterEach(() => rig.remove());

interface Conditions {
  readonly board?: FakeBoard;
  readonly gate?: Gate;
  readonly serial?: string;
  readonly rework?: boolean;
  readonly signal?: AbortSignal;
  readonly allowed?: boolean;
}

function lockedBoard(gate?: Gate): FakeBoard {
  const board = new FakeBoard(gate);
  board.locked = true;
  return board;
}

function unlockingEngine({ engine }: Rig): Engine {
  const { release } = engine;
  return { ...engine, release: { ...release, recipe: { ...release.recipe, unlock: 'mass-erase' } } };
}

async function run(conditions: Conditions = {}) {
  const { gate = async () => undefined, serial = SERIAL, rework = false, allowed = true } = conditions;
  const board = conditions.board ?? lockedBoard(gate);
  const events: RunEvent[] = [];
  const engine = allowed ? unlockingEngine(rig) : rig.engine;
  const request = { serial, slot: '1', probe: 'fake:1', rework };
  const services = rig.services(board, gatedLog(rig.log, gate));
  const signal = conditions.signal ?? new AbortController().signal;
  const end = await executeRun(request, engine, services, signal, (event) => void events.push(event));
  return { end, events, board };
}

const untouched = (board: FakeBoard): boolean => board.flash.every((byte) => byte === 0x5a);

describe('a unit that comes locked', () => {
  it('is refused untouched where the recipe does not say to erase it', async () => {
    const { end, board } = await run({ allowed: false });
    expect(end).toMatchObject({ verdict: 'ERROR', failure: { code: 'chip-protected', where: { step: 'connect' } } });
    expect(board.calls).not.toContain('unlock');
    expect(untouched(board)).toBe(true);
  });

  it('is erased, journalled before, identified only then, and flashed; the record tells', async () => {
    const names: string[] = [];
    const { end, events, board } = await run({ gate: async (name) => void names.push(name) });
    expect(end.verdict).toBe('PASS');
    for (const event of events) RunEvent.parse(event);
    expect(typesOf(events).slice(0, 8)).toEqual([
      'run.started',
      'step.started connect',
      'step.finished connect',
      'step.started unlock',
      'step.progress unlock',
      'step.finished unlock',
      'step.started identify',
      'unit.identified',
    ]);
    expect(names.indexOf('unlock')).toBe(names.indexOf('log.journal change') + 1);
    expect(names.indexOf('identify')).toBeLessThan(names.indexOf('survey'));
    expect(board.locked).toBe(false);
    expect(end.record).toMatchObject({ unlocked: { RDP: 'level 1' }, verdict: 'PASS' });
    expect(end.record?.steps.map(({ step }) => step).slice(0, 3)).toEqual(['connect', 'unlock', 'identify']);
    expect((await rig.log.verify()).fault).toBeNull();
  });

  it('that is open already has no unlock step', async () => {
    const board = new FakeBoard();
    board.locked = false;
    const { end, events } = await run({ board });
    expect(end.verdict).toBe('PASS');
    expect(typesOf(events)).not.toContain('step.started unlock');
    expect(end.record).not.toHaveProperty('unlocked');
  });

  it('and passed before is not erased by mistake: by its serial, as its hardware id is hidden', async () => {
    const board = new FakeBoard();
    board.locked = false;
    await run({ board });
    board.locked = true;
    board.flash.fill(0x5a);
    const refused = await run({ board });
    expect(refused.end.failure?.code).toBe('already-passed');
    expect(untouched(board)).toBe(true);
    expect((await run({ board, rework: true })).end.verdict).toBe('PASS');
  });

  it('and passed before under another serial is not erased where the locked chip tells its id', async () => {
    const board = new FakeBoard();
    board.locked = false;
    await run({ board });
    board.locked = true;
    board.tellsUidWhileLocked = true;
    board.flash.fill(0x5a);
    const { end } = await run({ board, serial: 'HB000002' });
    expect(end.failure?.code).toBe('already-passed');
    expect(untouched(board)).toBe(true);
  });

  it('and stays locked is a bad unit', async () => {
    const { end } = await run({
      gate: async (name) => {
        if (name === 'unlock') throw new FlashlineError('unlock-failed', { params: { chip: 'x', found: 'y' } });
      },
    });
    expect(end).toMatchObject({ verdict: 'FAIL', failure: { code: 'unlock-failed', where: { step: 'unlock' } } });
    expect(end.record).not.toHaveProperty('unlocked');
  });
});

describe('an abort while a unit is unlocked', () => {
  it.each([
    ['protection.readUid', 'aborted-untouched'],
    ['unlock', 'aborted'],
  ])('at %s is %s', async (at, code) => {
    const aborting = new AbortController();
    const { end } = await run({
      signal: aborting.signal,
      gate: async (name) => {
        if (name !== at) return;
        aborting.abort(new FlashlineError('aborted'));
        throw aborting.signal.reason;
      },
    });
    expect(end).toMatchObject({ verdict: 'ABORTED', failure: { code } });
  });
});

describe('whatever await throws while a unit is unlocked', () => {
  it.each(['protection.read', 'log.lastPass', 'log.journal change', 'unlock', 'identify'])(
    '%s: one record, the unit closed, nothing erased that the journal does not know',
    async (at) => {
      const names: string[] = [];
      const { end, board } = await run({
        gate: async (name) => {
          names.push(name);
          if (name === at) throw new FlashlineError('probe-lost', { params: { url: 'fake:1' } });
        },
      });
      expect(end).toMatchObject({ verdict: 'ERROR', failure: { code: 'probe-lost' } });
      expect(await rig.log.records({})).toHaveLength(1);
      expect(board.closed).toBe(board.opened);
      const journalled = names.includes('log.journal change') && at !== 'log.journal change';
      expect(names.includes('unlock')).toBe(journalled);
    },
  );
});
