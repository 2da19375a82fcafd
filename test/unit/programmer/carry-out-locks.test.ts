import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { Contents } from '#main/plan/contents.ts';
import { carryOutLocks } from '#main/programmer/carry-out-locks.ts';
import type { LockStates, LockSteps } from '#main/programmer/lock-steps.ts';

const nothing: Contents = { bytes: (_, size) => new Uint8Array(size), copyTo: () => undefined };

/** Locks in memory, and all that was asked of them, in order. */
class FakeLocks implements LockSteps {
  readonly calls: string[] = [];
  readonly state = new Map<string, string>();
  /** The call that fails, as `calls` has it. */
  fails = '';
  /** Steps that are carried out without effect. */
  readonly deaf = new Set<string>();

  observe(): Promise<LockStates> {
    return this.#call('observe all', { locks: Object.fromEntries(this.state), keys: {} });
  }

  step({ name }: LockOperation) {
    return {
      check: () => this.#call(`check ${name}`, undefined),
      observe: () => this.#call(`observe ${name}`, this.state.get(name) ?? 'unlocked'),
      carryOut: async () => {
        await this.#call(`do ${name}`, undefined);
        if (!this.deaf.has(name)) this.state.set(name, 'locked');
      },
    };
  }

  #call<T>(call: string, result: T): Promise<T> {
    this.calls.push(call);
    if (call === this.fails) throw new FlashlineError('no-target');
    return Promise.resolve(result);
  }
}

function operation(name: string): LockOperation {
  return { op: 'lock', step: 'atecc-slot', name, expected: 'locked' };
}

interface Given {
  readonly signal?: AbortSignal;
  /** Asked for its word before the first step. */
  readonly release?: (names: readonly string[]) => Promise<void>;
}

async function carry(locks: FakeLocks, names: readonly string[], given: Given = {}) {
  const { signal = new AbortController().signal, release } = given;
  const io: IoContext = { clock: new VirtualClock(0), signal };
  let told: LockStates | undefined;
  let failure: unknown;
  const work = carryOutLocks({
    operations: names.map(operation),
    contents: nothing,
    locks,
    io,
    hooks: {
      beforeChange: async ({ name }) => void locks.calls.push(`journal ${name}`),
      locksObserved: (states) => (told = states),
    },
    release: release && ((left) => release(left.map(({ name }) => name))),
    within: async (_, run) => {
      io.signal.throwIfAborted();
      await run();
    },
  });
  await work.catch((error: unknown) => (failure = error));
  return { told, failure };
}

const NAMES = ['a', 'b', 'c'];
const someDone = fc.subarray(NAMES);

describe('steps of no return', () => {
  test('all are checked first; each is asked for, journalled, done and asked again; what is done is left alone', async () => {
    await fc.assert(
      fc.asyncProperty(someDone, async (done) => {
        const locks = new FakeLocks();
        for (const name of done) locks.state.set(name, 'locked');
        const { told, failure } = await carry(locks, NAMES);
        expect(failure).toBeUndefined();
        expect(told?.locks).toEqual({ a: 'locked', b: 'locked', c: 'locked' });
        const each = NAMES.flatMap((name) =>
          done.includes(name)
            ? [`observe ${name}`]
            : [`observe ${name}`, `journal ${name}`, `do ${name}`, `observe ${name}`],
        );
        expect(locks.calls).toEqual([...NAMES.map((name) => `check ${name}`), ...each, 'observe all']);
      }),
    );
  });

  test('whichever call fails, nothing follows it but a look, and the next run ends what was begun', async () => {
    const whole = new FakeLocks();
    await carry(whole, NAMES);
    for (const fails of new Set(whole.calls.filter((call) => !call.startsWith('journal')))) {
      const locks = new FakeLocks();
      locks.fails = fails;
      const { told, failure } = await carry(locks, NAMES);
      expect(failure).toMatchObject({ failure: { code: 'no-target' } });
      const after = locks.calls.slice(locks.calls.indexOf(fails) + 1);
      expect(after.filter((call) => call !== 'observe all')).toEqual([]);
      expect(fails.startsWith('check') ? locks.state.size : 0).toBe(0);
      expect(told === undefined).toBe(fails.startsWith('check') || fails === 'observe all');
      locks.fails = '';
      const again = await carry(locks, NAMES);
      expect(again.failure).toBeUndefined();
    }
  });

  test('a step without effect is a failure of the unit, whatever it answered', async () => {
    const locks = new FakeLocks();
    locks.deaf.add('b');
    const { told, failure } = await carry(locks, NAMES);
    expect(failure).toMatchObject({
      failure: { code: 'lock-failed', params: { lock: 'b', expected: 'locked', found: 'unlocked' } },
    });
    expect(told?.locks).toEqual({ a: 'locked' });
    expect(locks.calls).not.toContain('journal c');
  });

  test('somebody releases what is not done yet: behind every check, before every change, and all is checked again', async () => {
    await fc.assert(
      fc.asyncProperty(someDone, async (done) => {
        const locks = new FakeLocks();
        for (const name of done) locks.state.set(name, 'locked');
        const release = async (left: readonly string[]) => void locks.calls.push(`release ${left.join(' ')}`);
        const { failure } = await carry(locks, NAMES, { release });
        expect(failure).toBeUndefined();
        const left = NAMES.filter((name) => !done.includes(name));
        const [checks, looks] = [NAMES.map((name) => `check ${name}`), NAMES.map((name) => `observe ${name}`)];
        const asked = left.length > 0 ? [`release ${left.join(' ')}`, ...checks] : [];
        const before = [...checks, ...looks, ...asked];
        expect(locks.calls.slice(0, before.length)).toEqual(before);
        expect(locks.calls.filter((call) => call.startsWith('do '))).toEqual(left.map((name) => `do ${name}`));
        expect(locks.calls.filter((call) => call.startsWith('release'))).toHaveLength(left.length > 0 ? 1 : 0);
      }),
    );
  });

  test('without that nothing is begun: refused, aborted, or no step possible any more', async () => {
    const locks = new FakeLocks();
    const refusal = new FlashlineError('aborted');
    const { failure } = await carry(locks, NAMES, { release: () => Promise.reject(refusal) });
    expect(failure).toBe(refusal);
    const unplugged = new FakeLocks();
    const release = async () => void (unplugged.fails = 'check c');
    expect((await carry(unplugged, NAMES, { release })).failure).toMatchObject({ failure: { code: 'no-target' } });
    for (const { calls } of [locks, unplugged]) expect(calls.filter((call) => /^(do|journal)/.test(call))).toEqual([]);
  });

  test('an abort takes effect between two steps', async () => {
    const locks = new FakeLocks();
    const abort = new AbortController();
    abort.abort(new FlashlineError('aborted'));
    const { failure } = await carry(locks, NAMES, { signal: abort.signal });
    expect(failure).toBe(abort.signal.reason);
    expect(locks.state.size).toBe(0);
  });

  test('a unit without such steps is no place for a plan that has some', async () => {
    const io: IoContext = { clock: new VirtualClock(0), signal: new AbortController().signal };
    const hooks = { beforeChange: () => Promise.resolve() };
    const work = carryOutLocks({
      operations: [operation('a')],
      contents: nothing,
      locks: undefined,
      io,
      hooks,
      within: (_, run) => run(),
    });
    await expect(work).rejects.toMatchObject({ failure: { code: 'internal' } });
  });
});
