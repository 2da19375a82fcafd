import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import type { DfuBench } from '#main/bench/dfu/dfu-bench.ts';
import type { PlainDfuUnit } from '#main/bench/dfu/plain-unit.ts';
import { openDfu } from '#main/programmer/dfu/open-dfu.ts';
import { toFailure } from '#shared/model/failure.ts';
import { DEMO, type DfuRunOptions, newDfuBench, runDfu, STM32 } from './dfu-run.ts';
import { application, cells, image, noise, preload } from './releases.ts';

const START = 0x0800_0000;
const SIZE = 6000;
const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] !== undefined;
const OLD = application(SIZE, 21, START);
const NEW = application(SIZE, 22, START);
const bytesOf = (release: typeof OLD) => release.image.segments[0]?.data ?? new Uint8Array();
const held = (bench: DfuBench) => cells(bench.boards, 'A', START, SIZE, 'stm32f407vg');

function withOld(seed = 1): DfuBench {
  const bench = newDfuBench(seed);
  preload(bench.boards, 'A', [OLD], STM32);
  return bench;
}

const endOf = (bench: DfuBench, options: DfuRunOptions = {}) =>
  runDfu(bench, 'A', [NEW], options).then(
    () => 'done',
    (thrown) => toFailure(thrown).code,
  );

/** DESIGN section 5, invariant 5. */
function state(bench: DfuBench): 'old' | 'new' | 'refuses to boot' | 'TORN' {
  const now = held(bench);
  if (equalBytes(now, bytesOf(OLD))) return 'old';
  if (equalBytes(now, bytesOf(NEW))) return 'new';
  const flag = now.subarray(0, 8);
  return [OLD, NEW].some((release) => equalBytes(flag, bytesOf(release).subarray(0, 8))) ? 'TORN' : 'refuses to boot';
}

describe('an STM32F407 in its DfuSe boot loader', () => {
  it('is written, read back and started, and asked only when it has said', async () => {
    const bench = withOld();
    const result = await runDfu(bench, 'A', [NEW]);
    expect(state(bench)).toBe('new');
    expect(result.outcome.bytesWritten).toBeGreaterThanOrEqual(SIZE);
    const unit = bench.unitFor('stm32f407vg', 'A');
    expect([...unit.machine.misuse]).toEqual([]);
    expect(bench.boards.boardFor('stm32f407vg', 'A').report()).toMatchObject({ overwrittenWords: [], misuse: [] });
    // The firmware was started: the boot loader is off the bus.
    expect(unit.machine.left).toBe(true);
    expect(result.identity.uid).toBe(unit.describe().identity.serial.toLowerCase());
  });

  it('tells the unique id where its boot loader shows that part of the memory', async () => {
    const bench = newDfuBench();
    bench.unitFor('stm32f407vg', 'A', { showsUid: true });
    const { identity } = await runDfu(bench, 'A', [NEW]);
    expect(identity.uid).toMatch(/^[0-9a-f]{24}$/u);
  });

  it('that holds the release already is read back and not written', async () => {
    const bench = withOld();
    const { outcome } = await runDfu(bench, 'A', [OLD]);
    expect(outcome.bytesWritten).toBe(0);
    expect(outcome.readBack.application).toBeDefined();
  });

  it('whose layout is another is another chip, and is not touched', async () => {
    const bench = withOld();
    bench.unitFor('stm32f407vg', 'A', { layout: '@Internal Flash  /0x08000000/128*0002Kg' });
    expect(await endOf(bench)).toBe('wrong-chip');
    expect(state(bench)).toBe('old');
  });

  it('that is read protected is refused until the recipe has it erased', async () => {
    const bench = withOld();
    const faults = [{ kind: 'protected' }] as const;
    expect(await endOf(bench, { faults })).toBe('chip-protected');
    const place = bench.connect('stm32f407vg', 'A', { faults });
    const io = { clock: place.clock, signal: new AbortController().signal };
    const unit = await openDfu(place, STM32, io);
    expect(await unit.protection?.read(io)).toMatchObject({ locked: true });
    expect(await unit.protection?.unlock(io)).toMatchObject({ locked: false });
    expect(held(bench).every((byte) => byte === 0xff)).toBe(true);
    await unit.close(io);
    expect(await endOf(bench)).toBe('done');
  });

  it('with a cell that will not be written fails as a unit', async () => {
    const wanted = (bytesOf(NEW)[0x1004] ?? 0) & 8 ? 1 : 0;
    const stuck = { kind: 'stuck-bit', address: START + 0x1004, bit: 3 } as const;
    expect(await endOf(withOld(), { faults: [{ ...stuck, value: wanted === 1 ? 0 : 1 }] })).toBe('verify-mismatch');
    expect(await endOf(withOld(), { faults: [{ ...stuck, value: wanted }] })).toBe('done');
  });
});

describe('at every request of a run', () => {
  /** What the unit held after each, sorted. Every run after a spoilt one must end well. */
  async function sweep(
    spoil: (request: number) => DfuRunOptions,
    allowed: readonly string[],
    step = NIGHTLY ? 1 : 11,
  ): Promise<string[]> {
    const counting = withOld();
    const total = (await runDfu(counting, 'A', [NEW])).link?.counts.transfers ?? 0;
    expect(total).toBeGreaterThan(100);
    const states = new Set<string>();
    const requests = Array.from({ length: Math.ceil(total / step) }, (_, index) => index * step);
    // Behind the flag there is only this.
    for (const request of [...requests, total - 1]) {
      const bench = withOld(request);
      const end = await endOf(bench, spoil(request));
      expect(allowed, `request ${request}`).toContain(end);
      states.add(state(bench));
      expect(await endOf(bench), `the run after request ${request}`).toBe('done');
      expect(state(bench)).toBe('new');
    }
    return [...states].toSorted();
  }

  const SAFE = ['new', 'old', 'refuses to boot'];
  const STUCK = ['flash-timeout', 'probe-protocol', 'target-stuck', 'done'];

  it('the device may vanish', async () => {
    expect(await sweep((after) => ({ faults: [{ kind: 'unplug', after }] }), ['probe-lost', 'done'])).toEqual(SAFE);
  });

  it('the supply may fail', async () => {
    expect(await sweep((after) => ({ faults: [{ kind: 'power-cut', after }] }), ['probe-lost', 'done'], 1)).toEqual(
      SAFE,
    );
  });

  it('the device may fall silent', async () => {
    const codes = ['probe-silent', 'flash-timeout', 'done'];
    expect(await sweep((after) => ({ faults: [{ kind: 'silent', after }] }), codes)).not.toContain('TORN');
  });

  it('the device may refuse', async () => {
    expect(await sweep((stallAt) => ({ spoilt: { stallAt } }), ['probe-protocol', 'done'])).not.toContain('TORN');
  });

  it('the device may stay busy for ever', async () => {
    expect(await sweep((busyFrom) => ({ spoilt: { busyFrom } }), STUCK)).not.toContain('TORN');
  });

  it.each([0, 4, 7, 8, 9])('the device may go to state %i', async (wrong) => {
    const found = await sweep((at) => ({ spoilt: { stateFrom: { at, state: wrong } } }), STUCK);
    expect(found).not.toContain('TORN');
  });
});

describe('by the clock', () => {
  it('the supply may fail in the middle of an erase or a block', async () => {
    const { ms } = await runDfu(withOld(), 'A', [NEW]);
    const states = new Set<string>();
    for (let at = 1; at < ms; at += ms / 25) {
      const bench = withOld(Math.round(at));
      expect(['probe-lost', 'done']).toContain(await endOf(bench, { faults: [{ kind: 'power-cut', ms: at }] }));
      states.add(state(bench));
      expect(await endOf(bench)).toBe('done');
    }
    expect(states.has('TORN')).toBe(false);
    expect(states.has('refuses to boot')).toBe(true);
  });
});

describe('a product with a plain DFU boot loader', () => {
  const APP = image('application', { address: 0, data: noise(30_000, 1) });
  const FILES = image('filesystem', { address: 0x100_0000, data: noise(5000, 2) });
  const unitOf = (bench: DfuBench) => bench.unitFor('demo-dfu', 'A') as PlainDfuUnit;
  const run = (bench: DfuBench, options: DfuRunOptions = {}) =>
    runDfu(bench, 'A', [APP, FILES], { chip: DEMO, ...options });

  it('takes an image a setting, gives them up again, and starts', async () => {
    const bench = newDfuBench();
    const { identity, outcome } = await run(bench);
    const unit = unitOf(bench);
    for (const [index, source] of [APP, FILES].entries()) {
      const data = source.image.segments[0]?.data ?? new Uint8Array();
      expect(unit.slots[index]?.bytes.subarray(0, data.length)).toEqual(data);
      expect(unit.slots[index]?.imageBytes).toBe(data.length);
    }
    expect(identity.uid).toBe('41');
    expect(Object.keys(outcome.readBack)).toEqual(['application', 'filesystem']);
    expect([...unit.machine.misuse]).toEqual([]);
  });

  it('is called back from its firmware, and written anew: only its boot loader knows whether an image is whole', async () => {
    const bench = newDfuBench();
    await run(bench);
    const again = await run(bench);
    expect(again.outcome.bytesWritten).toBeGreaterThan(30_000);
  });

  it('that must be reset before it answers again is still read back', async () => {
    const bench = newDfuBench();
    bench.unitFor('demo-dfu', 'A', { tolerant: false });
    expect((await run(bench)).outcome.readBack.application).toBeDefined();
  });

  it('that cannot be read back is refused before anything changes', async () => {
    const bench = newDfuBench();
    bench.unitFor('demo-dfu', 'A', { canUpload: false });
    await expect(run(bench)).rejects.toMatchObject({ failure: { code: 'probe-unsuited' } });
    expect(unitOf(bench).slots[0]?.bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  it('may vanish at every request: then it starts nothing, or all of it', async () => {
    const transfers = (await run(newDfuBench())).link?.counts.transfers ?? 0;
    expect(transfers).toBeGreaterThan(100);
    for (let after = 0; after < transfers; after += NIGHTLY ? 1 : 13) {
      const bench = newDfuBench();
      const end = await run(bench, { faults: [{ kind: 'unplug', after }] }).then(
        () => 'done',
        (thrown) => toFailure(thrown).code,
      );
      expect(['probe-lost', 'done']).toContain(end);
      const { imageBytes = 0, bytes = new Uint8Array() } = unitOf(bench).slots[0] ?? {};
      const whole = equalBytes(bytes.subarray(0, 30_000), bytesOf(APP));
      expect(imageBytes === 0 || whole).toBe(true);
      await run(bench);
    }
  });
});
