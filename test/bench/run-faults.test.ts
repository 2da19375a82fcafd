import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import type { FailureCode } from '#shared/model/failure.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { Bench } from '#main/bench/bench.ts';
import { newBench, type RunOptions, runUnit } from './bench-run.ts';
import { application, cells, preload } from './releases.ts';

const SIZE = 5000;
const OLD = application(SIZE, 21);
const NEW = application(SIZE, 22);
const bytesOf = (release: typeof OLD) => release.image.segments[0]?.data ?? new Uint8Array();

function boardWithOldRelease(seed = 1): Bench {
  const bench = newBench(seed);
  preload(bench, 'A', [OLD]);
  return bench;
}

/** The failure's code, or `done`. Anything thrown that is not ours stays thrown. */
async function endOf(bench: Bench, options: RunOptions): Promise<FailureCode | 'done'> {
  try {
    await runUnit(bench, 'A', [NEW], options);
    return 'done';
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}

/** DESIGN section 5, invariant 5: whole firmware, old or new, or a flag that is neither's. */
function state(bench: Bench): 'old' | 'new' | 'refuses to boot' | 'TORN' {
  const held = cells(bench, 'A', 0, SIZE);
  if (equalBytes(held, bytesOf(OLD))) return 'old';
  if (equalBytes(held, bytesOf(NEW))) return 'new';
  const flag = held.subarray(0, 8);
  const bootable = [OLD, NEW].some((release) => equalBytes(flag, bytesOf(release).subarray(0, 8)));
  return bootable ? 'TORN' : 'refuses to boot';
}

/** Packets that a whole run over the old release sends. */
async function packetsOfARun(): Promise<number> {
  let sent = 0;
  await runUnit(boardWithOldRelease(), 'A', [NEW], {
    onConnected: (link) => {
      link.onWrite = () => sent++;
    },
  });
  return sent;
}

/** Every packet of a run in turn: `spoil` it, look, and see the next run succeed. */
async function sweep(spoil: (packet: number) => RunOptions): Promise<{
  readonly codes: ReadonlyMap<string, number>;
  readonly states: ReadonlyMap<string, number>;
}> {
  const codes = new Map<string, number>();
  const states = new Map<string, number>();
  const packets = await packetsOfARun();
  for (let packet = 0; packet < packets; packet++) {
    const bench = boardWithOldRelease(packet);
    const code = await endOf(bench, spoil(packet));
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const found = state(bench);
    states.set(found, (states.get(found) ?? 0) + 1);
    expect(await endOf(bench, {}), `the run after packet ${packet}`).toBe('done');
    expect(state(bench)).toBe('new');
  }
  return { codes, states };
}

describe('at every packet of a run', () => {
  it('the probe may be unplugged', async () => {
    const { codes, states } = await sweep((after) => ({ faults: [{ kind: 'unplug', after }] }));
    expect([...codes.keys()]).toEqual(['probe-lost', 'done']);
    // The debug port's power-down and the goodbye's two packets come after all that matters.
    expect(codes.get('done')).toBe(3);
    expect(states.has('TORN')).toBe(false);
    expect(states.get('old')).toBeGreaterThan(5);
    expect(states.get('refuses to boot')).toBeGreaterThan(5);
  });

  it('the probe may fall silent', async () => {
    const { codes, states } = await sweep((after) => ({ faults: [{ kind: 'silent', after }] }));
    expect([...codes.keys()]).toEqual(['probe-silent', 'done']);
    expect(codes.get('done')).toBe(3);
    expect(states.has('TORN')).toBe(false);
  });

  it('the supply may fail', async () => {
    const { codes, states } = await sweep((after) => ({ faults: [{ kind: 'power-cut', after }] }));
    codes.keys().forEach((code) => expect(['no-target', 'wire-noise', 'done']).toContain(code));
    expect(states.has('TORN')).toBe(false);
  });

  it('the operator may abort', async () => {
    const { codes, states } = await sweep((at) => {
      const abort = new AbortController();
      return {
        signal: abort.signal,
        onConnected: (link) => {
          link.onWrite = (packet) => {
            if (packet >= at) abort.abort(new FlashlineError('aborted'));
          };
        },
      };
    });
    codes.keys().forEach((code) => expect(['aborted', 'done']).toContain(code));
    expect(codes.get('aborted')).toBeGreaterThan(20);
    expect(states.has('TORN')).toBe(false);
  });
});

describe('by the clock', () => {
  it('the supply may fail in the middle of an erase or of a word', async () => {
    const whole = await runUnit(boardWithOldRelease(), 'A', [NEW]);
    const end = whole.ms.connect + whole.ms.identify + whole.ms.survey + whole.ms.carryOut + whole.ms.start;
    const torn: number[] = [];
    for (let ms = 1; ms < end; ms += end / 97) {
      const bench = boardWithOldRelease(Math.round(ms * 1000));
      await endOf(bench, { faults: [{ kind: 'power-cut', ms }] });
      if (state(bench) === 'TORN') torn.push(ms);
      expect(await endOf(bench, {})).toBe('done');
    }
    expect(torn).toEqual([]);
  });
});

describe('the wire', () => {
  it.each<[string, Faults, FailureCode | 'done']>([
    ['nobody there', [{ kind: 'no-target' }], 'no-target'],
    ['a chip of another kind', [{ kind: 'wrong-chip' }], 'wrong-chip'],
    ['a protected chip', [{ kind: 'protected' }], 'chip-protected'],
    ['a target that never gets ready', [{ kind: 'ack-wait', after: 60 }], 'target-stuck'],
    ['a target that is slow now and then', [{ kind: 'ack-wait', after: 60, times: 500 }], 'done'],
    ['a fault', [{ kind: 'ack-fault', after: 3000 }], 'target-fault'],
    ['a mute probe', [{ kind: 'silent', after: 0 }], 'probe-silent'],
  ])('%s', async (_, faults, code) => {
    const bench = boardWithOldRelease();
    expect(await endOf(bench, { faults })).toBe(code);
    expect(state(bench)).not.toBe('TORN');
  });

  it('spoils one read anywhere: it is read again, or told, and never believed', async () => {
    const codes = new Map<string, number>();
    for (let after = 0; after < 9000; after += 83) {
      const bench = boardWithOldRelease();
      const code = await endOf(bench, { faults: [{ kind: 'parity', after }] });
      codes.set(code, (codes.get(code) ?? 0) + 1);
      const allowed = code === 'done' ? ['new'] : ['old', 'new', 'refuses to boot'];
      expect(allowed).toContain(state(bench));
    }
    codes.keys().forEach((code) => expect(['done', 'wire-noise']).toContain(code));
    expect(codes.get('done')).toBeGreaterThan(80);
  });
});

describe('the cells', () => {
  it('a bit that is stuck is found by read-back, at its address, with the flag clear', async () => {
    const bench = newBench();
    const address = 0x1200;
    const word = new DataView(bytesOf(NEW).buffer).getUint32(address, true);
    const bit = Array.from({ length: 32 }, (_, index) => index).find((index) => (word >>> index) & 1) ?? 0;
    const run = runUnit(bench, 'A', [NEW], { faults: [{ kind: 'stuck-bit', address, bit, value: 0 }] });
    await expect(run).rejects.toMatchObject({
      failure: { code: 'verify-mismatch', blame: 'unit', where: { address: address + (bit >> 3) } },
    });
    expect(cells(bench, 'A', 0, 8)).toEqual(new Uint8Array(8).fill(0xff));
  });

  it('a bit that rots after it was written is found too', async () => {
    const bench = newBench();
    const run = runUnit(bench, 'A', [NEW], {
      faults: [{ kind: 'bit-rot', address: 0x1004, bit: 0, after: SIZE / 4 - 2 }],
    });
    await expect(run).rejects.toMatchObject({ failure: { code: 'verify-mismatch', where: { address: 0x1004 } } });
  });
});
