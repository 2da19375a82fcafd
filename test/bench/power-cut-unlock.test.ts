import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { equalBytes, readU32 } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { type ChipDescription, debugChip, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { CONDITION_CODES, conditionOf } from '#shared/model/unit-condition.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { FlashArray } from '#main/bench/flash-array.ts';
import { Prng } from '#main/bench/prng.ts';
import { lockToOpen } from '#main/station/lock-to-open.ts';
import { ROOT } from '#test/support/cli.ts';
import { torn } from '#test/support/power/cells.ts';
import { newBench, shippedChip } from './bench-run.ts';
import { bySwd, type Locking, runLocked, type Told } from './locked-run.ts';
import { application, preload } from './releases.ts';

/**
 * What of a chip's own mass erase is in no sheet: in which order it forgets, and whether its protection goes before the last of its
 * content. nRF52840 PS v1.1, 4.8.2, RM0090, 3.7.3 and RM0444, 3.5.1 say neither: taken is the worst. The SAMD21's says it (DS40001882,
 * 13.7): volatile memories, the whole flash array, then the lock row with the security bit.
 */
const CHIPS = [
  { id: 'nrf52840', old: 0x3000, contentFirst: false },
  { id: 'stm32f407vg', old: 0x4400, contentFirst: false },
  { id: 'stm32g071rb', old: 0x1800, contentFirst: false },
  { id: 'atsamd21g18a', old: 0x600, contentFirst: true },
] as const;

const NEW_SIZE = 300;
const OPENING: Locking = { unlock: 'mass-erase' };
const RECIPE = Recipe.parse({
  schema: 1,
  product: { id: 'locked', revision: 'A', name: 'Locked' },
  chip: 'any',
  interface: 'swd',
  images: [{ role: 'application', file: 'a.bin', version: '1' }],
  serial: { pattern: '.' },
  ...OPENING,
});

/** How much of the old content is left, and what is left of the protection. */
const CONTENTS = ['whole', 'without its first page', 'its first page alone', 'any of its bits', 'none'] as const;
const PROTECTIONS = ['on', 'torn', 'off'] as const;

interface State {
  readonly content: (typeof CONTENTS)[number];
  readonly protection: (typeof PROTECTIONS)[number];
}

describe.each(CHIPS)('a power cut in the mass erase that opens a locked $id', ({ id, old, contentFirst }) => {
  const chip = shippedChip(id);
  const { vectors } = debugChip(chip).boot;
  const OLD = application(old, 41, vectors);
  const NEW = quiet(42, vectors);
  const oldBytes = OLD.image.segments[0]?.data ?? new Uint8Array();
  const newBytes = NEW.image.segments[0]?.data ?? new Uint8Array();

  function lockedBench(): Bench {
    const bench = newBench();
    preload(bench, 'A', [OLD], chip);
    bench.boardFor(id, 'A').chip.protect();
    return bench;
  }
  const held = (bench: Bench, size: number = old) => {
    const [main] = arraysOf(bench);
    return main ? bytesOf(main, vectors, size) : new Uint8Array();
  };

  async function isLocked(bench: Bench): Promise<boolean> {
    const { unit, io } = await bySwd(bench, chip)({ journal: [], sent: 0 });
    const state = await unit.protection?.read(io);
    await unit.close(io);
    return state?.locked === true;
  }

  /** All cells that are not of the user's other pages; a SAMD21's security bit goes with the last of its content. */
  function keyOf(bench: Bench): string {
    const [, ...others] = arraysOf(bench);
    return [held(bench), ...others.map((array) => bytesOf(array))].map((bytes) => sha256Hex(bytes)).join(' ');
  }

  /** The order that a sheet promises: open means empty. */
  function orderFaults(bench: Bench, locked: boolean, at: string): string[] {
    const isOrderly = !contentFirst || locked || held(bench).every((byte) => byte === 0xff);
    return isOrderly ? [] : [`${at}: open, and not empty`];
  }

  /** One run more: it opens what is locked still, and the unit carries the release. */
  async function requireNextRun(bench: Bench, locked: boolean, at: string): Promise<void> {
    const { journal } = await runLocked(bySwd(bench, chip), [NEW], OPENING);
    expect([at, journal[0] === 'unlock by mass-erase']).toEqual([at, locked]);
    expect([at, equalBytes(held(bench, NEW_SIZE), newBytes)]).toEqual([at, true]);
  }

  it('at any packet of it leaves the unit as it was until the journal has it, and the next run passes', async () => {
    const whole = await openUnit(lockedBench(), chip);
    const looked = new Set<string>();
    const faults: string[] = [];
    const untouched = keyOf(lockedBench());
    for (const after of packetsOf(whole)) {
      const bench = lockedBench();
      const cut = await openUnit(bench, chip, [{ kind: 'power-cut', after }]);
      const at = `packet ${after}`;
      const key = keyOf(bench);
      if (cut.ended !== false) faults.push(`${at}: the supply did not fail`);
      if (cut.journal.length === 0 && key !== untouched) faults.push(`${at}: changed before the journal has it`);
      // Two cuts that left the same cells are looked at once: nothing else outlives the power.
      if (looked.has(key)) continue;
      looked.add(key);
      const locked = await isLocked(bench);
      if (key === untouched && !locked) faults.push(`${at}: open with all that it carried`);
      faults.push(...orderFaults(bench, locked, at));
      await requireNextRun(bench, locked, at);
    }
    expect(faults).toEqual([]);
    expect(looked.size).toBeGreaterThan(1);
  });

  it('at any moment within it leaves what the next run makes whole', async () => {
    const { began, ended } = await openUnit(lockedBench(), chip);
    if (typeof ended !== 'number') throw new Error('it was not opened');
    for (const share of [0.02, 0.3, 0.6, 0.9, 0.99]) {
      const bench = lockedBench();
      const ms = began + (ended - began) * share;
      const cut = await openUnit(bench, chip, [{ kind: 'power-cut', ms }]);
      const locked = await isLocked(bench);
      expect([share, cut.journal, cut.ended]).toEqual([share, ['unlock'], false]);
      expect(orderFaults(bench, locked, `${share} of it`)).toEqual([]);
      await requireNextRun(bench, locked, `${share} of it`);
    }
  });

  const states = CONTENTS.flatMap((content) => PROTECTIONS.map((protection): State => ({ content, protection })));
  const possible = states.filter(
    ({ content, protection }) => !contentFirst || protection === 'on' || content === 'none',
  );
  it('leaves nothing, in whatever order the chip forgets, that the journal does not tell of and the next run does not make whole', async () => {
    const opened = lockedBench();
    await openUnit(opened, chip);
    const wild: State[] = [];
    for (const [index, state] of possible.entries()) {
      // The security bit of a SAMD21 is in no array that can be looked at: its open state is the whole erase.
      if (contentFirst && state.protection !== 'on') continue;
      const bench = lockedBench();
      leave(bench, state, index + 1);
      const locked = await isLocked(bench);
      const expected = state.protection === 'torn' ? locked : state.protection === 'on';
      expect([state, locked]).toEqual([state, expected]);
      if (starts(held(bench)) && !equalBytes(held(bench), oldBytes)) wild.push(state);
      await requireNextRun(bench, locked, `${state.content}, protection ${state.protection}`);
    }
    // No run can keep a chip from stopping halfway through its own erase: what is left then may start a part of the old firmware.
    expect(wild.map(({ content }) => content)).toContain('its first page alone');
    expect(wild.filter(({ content }) => content === 'whole' || content === 'none')).toEqual([]);

    function leave(bench: Bench, { content, protection }: State, seed: number): void {
      const [main, ...others] = arraysOf(bench);
      const [, ...open] = arraysOf(opened);
      const page = main?.page ?? 0;
      const end = vectors + Math.ceil(old / page) * page;
      const prng = new Prng(seed);
      if (content === 'none') main?.eraseAll();
      if (content === 'without its first page') main?.erasePage(vectors);
      if (content === 'its first page alone') main?.erase(vectors + page, end - vectors - page);
      if (content === 'any of its bits') main?.eraseHalfway(vectors, end - vectors, prng);
      if (protection === 'on') return;
      for (const [index, array] of others.entries()) {
        const [before, after] = [bytesOf(array), bytesOf(open[index] ?? array)];
        array.restore(array.start, protection === 'off' ? after : torn({ address: array.start, before, after }, prng));
      }
    }
  });

  function starts(content: Uint8Array): boolean {
    const [stack, reset] = [readU32(content, 0), readU32(content, 4)];
    const [flash] = flashMemories(chip);
    const inFlash = flash !== undefined && reset >= flash.start && reset < flash.start + flash.size;
    return (reset & 1) === 1 && inFlash && stack >= 0x2000_0000 && stack <= 0x2004_0000;
  }

  function arraysOf(bench: Bench): readonly FlashArray[] {
    return bench.boardFor(id, 'A').chip.arrays ?? [];
  }
});

it('is told of by the record: the unit may start a part of what it carried', () => {
  const condition = conditionOf([{ op: 'unlock' }], ['application']);
  expect(CONDITION_CODES[condition]).toBe('interrupted-opening');
  const file = join(ROOT, 'resources', 'locales', 'en', 'failures.json');
  const texts = z.record(z.string(), z.object({ sentence: z.string() })).parse(JSON.parse(readFileSync(file, 'utf8')));
  expect(texts['interrupted-opening']?.sentence).toContain('a part of its old firmware');
});

/** `b .` where the vectors lead. */
function quiet(seed: number, base: number) {
  const release = application(NEW_SIZE, seed, base);
  release.image.segments[0]?.data.set([0xfe, 0xe7], 0x100);
  return release;
}

function bytesOf(array: FlashArray, start = array.start, size = array.size): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, array.readWord(start + at), true);
  return bytes;
}

/** Every packet until the chip erases, and of those that only ask whether it is done the first, the last, and some between. */
function packetsOf({ asked, sent }: Opening): number[] {
  const packets = Array.from({ length: sent - 1 }, (_, index) => index + 1);
  const step = process.env['FLASHLINE_NIGHTLY'] ? 1 : Math.ceil((sent - asked) / 16);
  return packets.filter((packet) => packet <= asked + 12 || packet > sent - 4 || packet % step === 0);
}

interface Opening {
  readonly journal: readonly string[];
  readonly sent: number;
  /** Of these, before the erase was asked for. */
  readonly asked: number;
  /** Virtual milliseconds since connecting. */
  readonly began: number;
  /** False: the supply failed before. */
  readonly ended: number | false;
}

/** As far as the run's own order goes until the unit is open: told to the journal, then the mass erase. */
async function openUnit(bench: Bench, chip: ChipDescription, faults: Faults = []): Promise<Opening> {
  const told: Told = { journal: [], sent: 0 };
  const { clock } = bench.boardFor(chip.id, 'A');
  const from = clock.monotonic();
  let [began, asked] = [0, 0];
  try {
    const { unit, io } = await bySwd(bench, chip, faults)(told);
    const lock = await lockToOpen(unit, RECIPE, io);
    told.journal.push('unlock');
    began = clock.monotonic() - from;
    asked = told.sent;
    await lock?.open(io, () => undefined);
    const ended = clock.monotonic() - from;
    const { sent } = told;
    await unit.close(io);
    return { journal: told.journal, sent, asked, began, ended };
  } catch (thrown) {
    if (!(thrown instanceof FlashlineError)) throw thrown;
    return { journal: told.journal, sent: told.sent, asked, began, ended: false };
  }
}
