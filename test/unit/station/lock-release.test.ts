import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScanOutcome, SlotState } from '#shared/contract/station.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { ReleaseRole } from '#shared/model/recipe.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import type { JournalEntry } from '#main/log/log.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import type { LockSteps } from '#main/programmer/lock-steps.ts';
import type { Engine } from '#main/station/engine.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { Station } from '#main/station/station.ts';
import { FakeBoard, makeRig, type Rig, testRelease, typesOf } from './fixtures.ts';

const MINUTES = 60_000;
const PEOPLE = new Map([
  ['S-1', { name: 'lena', roles: ['operator', 'supervisor'] }],
  ['O-1', { name: 'wei', roles: ['operator'] }],
  ['Q-1', { name: 'quinn', roles: ['quality'] }],
]);

/** Read-out protection in memory. */
class FakeLock implements LockSteps {
  readonly calls: string[] = [];
  locked = false;
  /** Where a check is to fail: its number, from 1. */
  refusesCheck = 0;
  #checks = 0;

  observe() {
    return Promise.resolve({ locks: { RDP: this.#state }, keys: {} });
  }

  step() {
    return {
      check: () => {
        this.#checks += 1;
        if (this.#checks !== this.refusesCheck) return Promise.resolve();
        return Promise.reject(new FlashlineError('no-target'));
      },
      observe: () => Promise.resolve(this.#state),
      carryOut: async () => {
        this.calls.push('locked');
        this.locked = true;
      },
    };
  }

  get #state(): string {
    return this.locked ? 'locked' : 'open';
  }
}

let rig: Rig;
let locks: FakeLock[];
let journal: JournalEntry[];
let boards: Map<string, FakeBoard>;
let events: RunEvent[];
let station: Station | undefined;
beforeEach(() => {
  rig = makeRig();
  [locks, journal, events] = [[], [], []];
  boards = new Map();
});
afterEach(async () => {
  await station?.close();
  await rig.remove();
});

/** Locks stand for the board's: what is locked in one run is so in the next. */
function lockingEngine(lockRelease: ReleaseRole | ReleaseRole[] | undefined): Engine {
  const release = testRelease();
  const recipe = {
    ...release.recipe,
    locks: [{ step: 'readout-protection' as const }],
    ...(lockRelease ? { lockRelease } : {}),
  };
  const engine = releaseEngine({ ...release, recipe }, (unit, io) => rig.engine.openFlash(unit, io));
  const byDevice = new WeakMap<FlashDevice, FakeLock>();
  return {
    ...engine,
    openFlash: async (unit, io) => {
      const device = await engine.openFlash(unit, io);
      const lock = new FakeLock();
      locks.push(lock);
      byDevice.set(device, lock);
      return device;
    },
    plan: (pages, device) => {
      const plan = engine.plan(pages, device);
      for (const operation of plan.operations)
        if (operation.op === 'lock') Object.assign(operation, { expected: 'locked' });
      return plan;
    },
    carryOut: (plan, device, hooks, io, options) =>
      engine.carryOut(plan, device, hooks, io, { ...options, locks: byDevice.get(device) }),
  };
}

interface Setup {
  readonly probes?: readonly string[];
  readonly roles?: ReleaseRole | ReleaseRole[] | undefined;
  readonly plant?: boolean;
}

function makeStation({ probes = ['fake:1'], roles = 'supervisor', plant = true }: Setup = {}): Station {
  for (const [index, url] of probes.entries()) {
    const board = new FakeBoard();
    board.locked = false;
    board.uid = `${index}`.repeat(16);
    boards.set(url, board);
  }
  const rules: Partial<PlantRules> = {
    permit: () => undefined,
    admit: () => Promise.resolve('answered'),
    order: () => null,
    orders: () => [],
    recorded: () => undefined,
    requireBadge: (wanted) => {
      if ([...PEOPLE.values()].some(({ roles: own }) => own.some((role) => wanted.includes(role)))) return;
      throw new FlashlineError('lock-release-no-plant', { params: { roles: wanted.join(', ') } });
    },
    operatorOf: (badge) => holderOf(badge).name,
    holderOf,
  };
  const log = rig.log;
  const services = rig.services((url) => boards.get(url) ?? new FakeBoard(), {
    begin: (opening) => log.begin(opening),
    journal: (run, entries) => {
      journal.push(...entries);
      return log.journal(run, entries);
    },
    finish: (draft) => log.finish(draft),
    lastPass: (unit) => log.lastPass(unit),
    records: (query) => log.records(query),
    interruptedAtOpening: () => log.interruptedAtOpening(),
    unacknowledged: () => log.unacknowledged(),
    acknowledgeInterrupted: (sequences) => log.acknowledgeInterrupted(sequences),
    close: () => log.close(),
  });
  station = new Station({
    ...services,
    ...(plant ? { plant: rules as PlantRules } : {}),
    mode: 'probes',
    slots: probes.map((probe, index) => ({ id: `${index + 1}`, name: `place ${index + 1}`, probe })),
    samples: [],
    engine: lockingEngine(roles),
    autoStart: false,
    interrupted: [],
  });
  return station;
}

function holderOf(badge: string) {
  const holder = PEOPLE.get(badge);
  if (!holder) throw new FlashlineError('badge-unknown');
  return holder;
}

/** Scans with time between, so that it is never taken for a double read. */
function scan(to: Station, code: string, slot?: string): ScanOutcome {
  rig.wall.advance(3000);
  return ScanOutcome.parse(to.scan({ code, slot }));
}

const badge = (to: Station, code: string): ScanOutcome => scan(to, `*BADGE:${code}*`);
const refused = (outcome: ScanOutcome): string =>
  outcome.outcome === 'refused' ? outcome.failure.code : outcome.outcome;
const slotOf = (of: Station, index = 0): SlotState => SlotState.parse(of.state().slots[index]);

/** Puts a unit on its slot and begins; resolves once it waits, to what its end is asked of. */
async function waiting(on: Station, slot = '1') {
  const serial = `HB00000${slot}`;
  expect(scan(on, serial, slot).outcome).toBe('accepted');
  const waits = Promise.withResolvers<void>();
  const ended = on.runSlot({ slot, rework: false }, undefined, (event) => {
    events.push(RunEvent.parse(event));
    if (event.type === 'lock.waiting' || event.type === 'run.finished') waits.resolve();
  });
  await waits.promise;
  const end = async () => {
    const { verdict } = await ended;
    const [record] = await rig.log.records({ serial, limit: 1 });
    return { verdict, record };
  };
  return { end };
}

describe('a unit whose recipe has its locks released', () => {
  it('waits behind every proof and before every lock, with all of that on disk', async () => {
    const line = makeStation();
    const run = await waiting(line);
    expect(slotOf(line)).toMatchObject({ phase: 'running', waitsFor: ['supervisor'] });
    expect(locks[0]?.calls).toEqual([]);
    expect(events.at(-1)).toMatchObject({
      type: 'lock.waiting',
      slot: '1',
      roles: ['supervisor'],
      steps: ['read-out protection'],
    });
    // Whatever happens to this computer now, its log knows that the unit was proven, and that no lock was begun.
    const steps = journal.flatMap((entry) => (entry.kind === 'step' ? [entry.step] : []));
    expect(steps).toEqual(expect.arrayContaining(['program', 'verify', 'validate']));
    expect(journal.some((entry) => entry.kind === 'change' && entry.operation.includes('"lock"'))).toBe(false);

    expect(badge(line, 'S-1')).toEqual({ outcome: 'released', by: 'lena', slots: ['place 1'] });
    const end = await run.end();
    expect(end).toMatchObject({ verdict: 'PASS', record: { locksReleasedBy: 'lena', locks: { RDP: 'locked' } } });
    expect(locks[0]?.calls).toEqual(['locked']);
    expect(slotOf(line).waitsFor).toBeNull();
    expect(typesOf(events).slice(-12)).toEqual([
      'step.started badge',
      'lock.waiting',
      'lock.released',
      'step.finished badge',
      'step.started lock',
      'step.progress lock',
      'step.finished lock',
      'step.started start',
      'step.finished start',
      'step.started record',
      'step.finished record',
      'run.finished',
    ]);
    // On disk before the lock was begun: the record of a run that dies in it says who released it.
    expect(journal.at(-1)).toMatchObject({
      kind: 'change',
      operation: expect.stringContaining('"locksReleasedBy":"lena"'),
    });
    // Who answers for the locks works at another place.
    expect(line.state().operator).toBe('op');
  });

  it('is not released by the badge of another role, of nobody, or by any other code', async () => {
    const line = makeStation();
    const run = await waiting(line);
    const wrong = badge(line, 'O-1');
    expect(wrong).toMatchObject({ outcome: 'refused', code: '', failure: { code: 'badge-no-role', blame: 'station' } });
    expect(wrong).toMatchObject({ failure: { params: { name: 'wei', roles: 'supervisor' } } });
    expect(line.state().operator).toBe('op');
    expect(refused(badge(line, 'Q-1'))).toBe('badge-no-role');
    expect(refused(badge(line, 'X-1'))).toBe('badge-unknown');
    // What only simulated units take for a badge.
    expect(refused(badge(line, 'bench-supervisor'))).toBe('badge-unknown');
    expect(refused(scan(line, 'HB000009'))).toBe('slot-busy');
    expect(slotOf(line)).toMatchObject({ phase: 'running', waitsFor: ['supervisor'] });
    expect(locks[0]?.calls).toEqual([]);
    badge(line, 'S-1');
    expect((await run.end()).verdict).toBe('PASS');
  });

  it('is released by any of the roles that the recipe names', async () => {
    const line = makeStation({ roles: ['supervisor', 'quality'] });
    const run = await waiting(line);
    badge(line, 'Q-1');
    expect((await run.end()).record).toMatchObject({ verdict: 'PASS', locksReleasedBy: 'quinn' });
  });

  it('ends whole and unlocked when nobody comes, and its next run comes to the same place', async () => {
    const line = makeStation();
    const run = await waiting(line);
    rig.wall.advance(9 * MINUTES);
    expect(slotOf(line).phase).toBe('running');
    rig.wall.advance(1 * MINUTES);
    const end = await run.end();
    expect(end.record?.failure).toMatchObject({
      code: 'lock-not-released',
      blame: 'station',
      params: { roles: 'supervisor', minutes: '10' },
      where: { step: 'badge', slot: '1' },
    });
    expect(end).toMatchObject({ verdict: 'ERROR' });
    expect(end.record).not.toHaveProperty('locksReleasedBy');
    expect(locks[0]?.calls).toEqual([]);
    // Too late: nobody waits, so it is a badge like any other.
    expect(badge(line, 'S-1')).toEqual({ outcome: 'operator', operator: 'lena' });

    const again = await waiting(line);
    badge(line, 'S-1');
    expect((await again.end()).record).toMatchObject({ verdict: 'PASS', bytesWritten: 0, locksReleasedBy: 'lena' });
  });

  it('is aborted while it waits, and told to be whole', async () => {
    const line = makeStation();
    const run = await waiting(line);
    line.abortSlot({ slot: '1' });
    const end = await run.end();
    expect(end).toMatchObject({ verdict: 'ABORTED', record: { failure: { code: 'aborted-before-locks' } } });
    expect(locks[0]?.calls).toEqual([]);
    expect(refused(badge(line, 'O-1'))).toBe('operator');
  });

  it('is looked at once more after the wait: another board in its place is not locked', async () => {
    const line = makeStation();
    const run = await waiting(line);
    const board = boards.get('fake:1');
    if (board) board.uid = 'f'.repeat(16);
    badge(line, 'S-1');
    const end = await run.end();
    expect(end.record?.failure).toMatchObject({ code: 'unit-changed', params: { found: 'f'.repeat(16) } });
    expect(locks[0]?.calls).toEqual([]);
  });

  it('is looked at once more after the wait: a step that became impossible is not begun', async () => {
    const line = makeStation();
    const run = await waiting(line);
    const [lock] = locks;
    if (lock) lock.refusesCheck = 2;
    badge(line, 'S-1');
    expect((await run.end()).record?.failure?.code).toBe('no-target');
    expect(lock?.calls).toEqual([]);
  });

  it('with a double read of the badge is released once, and the second read makes nobody the operator', async () => {
    const line = makeStation();
    const run = await waiting(line);
    badge(line, 'S-1');
    expect(line.scan({ code: '*BADGE:S-1*' })).toEqual({ outcome: 'repeated', serial: '' });
    await run.end();
    expect(line.state().operator).toBe('op');
  });
});

describe('two slots', () => {
  it('wait together, and one badge releases both; one that came later waits for its own', async () => {
    const line = makeStation({ probes: ['fake:1', 'fake:2', 'fake:3'] });
    const [one, two] = [await waiting(line, '1'), await waiting(line, '2')];
    expect(badge(line, 'S-1')).toEqual({ outcome: 'released', by: 'lena', slots: ['place 1', 'place 2'] });
    const three = await waiting(line, '3');
    expect([(await one.end()).verdict, (await two.end()).verdict]).toEqual(['PASS', 'PASS']);
    expect(slotOf(line, 2).waitsFor).toEqual(['supervisor']);
    badge(line, 'S-1');
    expect((await three.end()).verdict).toBe('PASS');
  });

  it('of which one is aborted: the other waits on, and is released alone', async () => {
    const line = makeStation({ probes: ['fake:1', 'fake:2'] });
    const [one, two] = [await waiting(line, '1'), await waiting(line, '2')];
    line.abortSlot({ slot: '1' });
    expect((await one.end()).verdict).toBe('ABORTED');
    expect(badge(line, 'S-1')).toMatchObject({ slots: ['place 2'] });
    expect((await two.end()).verdict).toBe('PASS');
  });

  it('a real one and a simulated one: a made-up badge releases the simulated one alone', async () => {
    const line = makeStation({ probes: ['fake:1', 'bench:nrf51822'] });
    const [real, simulated] = [await waiting(line, '1'), await waiting(line, '2')];
    expect(badge(line, 'bench-supervisor')).toEqual({
      outcome: 'released',
      by: 'bench-supervisor',
      slots: ['place 2'],
    });
    expect((await simulated.end()).record).toMatchObject({ verdict: 'PASS', locksReleasedBy: 'bench-supervisor' });
    expect(slotOf(line).waitsFor).toEqual(['supervisor']);
    badge(line, 'S-1');
    expect((await real.end()).verdict).toBe('PASS');
  });
});

describe('a station without a plant', () => {
  it('refuses such a recipe on a real unit with the board still in the hand', () => {
    const line = makeStation({ plant: false });
    expect(refused(scan(line, 'HB000001'))).toBe('lock-release-no-plant');
    expect(boards.get('fake:1')?.calls).toEqual([]);
  });

  it('as does one whose plant gave nobody with that role a badge', () => {
    const line = makeStation({ roles: 'process-engineer' });
    expect(refused(scan(line, 'HB000001'))).toBe('lock-release-no-plant');
  });

  it('takes made-up badges on the bench, each for its role', async () => {
    const line = makeStation({ plant: false, probes: ['bench:nrf51822'] });
    const run = await waiting(line);
    expect(refused(badge(line, 'bench-operator'))).toBe('badge-no-role');
    expect(refused(badge(line, 'S-1'))).toBe('not-enrolled');
    badge(line, 'bench-supervisor');
    expect((await run.end()).record).toMatchObject({ verdict: 'PASS', locksReleasedBy: 'bench-supervisor' });
  });
});

it('a recipe that asks for no release waits for nobody', async () => {
  const line = makeStation({ roles: [], plant: false });
  scan(line, 'HB000001');
  const heard: RunEvent[] = [];
  const end = await line.runSlot({ slot: '1', rework: false }, undefined, (event) => heard.push(event));
  expect(end.verdict).toBe('PASS');
  expect(typesOf(heard)).not.toContain('step.started badge');
  expect((await rig.log.records({}))[0]).not.toHaveProperty('locksReleasedBy');
});
