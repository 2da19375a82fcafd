import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import { flashMemories } from '#shared/model/chip.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { SpiBench } from '#main/bench/spi/spi-bench.ts';
import { filesystem, newSpiBench, type NorOptions, runNor, W25Q128, withFlash } from './nor-run.ts';

const SIZE = 4200;
const OLD = filesystem(SIZE, 21);
const NEW = filesystem(SIZE, 22);
const bytesOf = (release: typeof OLD) => release.image.segments[0]?.data ?? new Uint8Array();

function boardWithOldRelease(seed = 1): SpiBench {
  const bench = newSpiBench(seed);
  bench.boardFor('w25q128jv', 'A').nor.cells.preload(0, bytesOf(OLD));
  return bench;
}

const cells = (bench: SpiBench) => bench.boardFor('w25q128jv', 'A').nor.cells.peek(0, SIZE);

/** How it ended, and whether the journal was told of a change before that. */
async function endOf(
  bench: SpiBench,
  options: NorOptions,
): Promise<{ readonly code: FailureCode | 'done'; readonly journalled: boolean }> {
  let journalled = false;
  const beforeChange = () => {
    journalled = true;
    return Promise.resolve();
  };
  try {
    await runNor(bench, 'A', [NEW], { ...options, hooks: { beforeChange } });
    return { code: 'done', journalled };
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    return { code: error.failure.code, journalled };
  }
}

/** Done means new; untouched means old; and whatever else it is, the journal says that it was being changed. */
async function mustBeSafe(seed: number, options: NorOptions): Promise<FailureCode | 'done'> {
  const bench = boardWithOldRelease(seed);
  const { code, journalled } = await endOf(bench, options);
  const held = cells(bench);
  const state = equalBytes(held, bytesOf(NEW)) ? 'new' : equalBytes(held, bytesOf(OLD)) ? 'old' : 'torn';
  const allowed = code === 'done' ? ['new'] : journalled ? ['old', 'new', 'torn'] : ['old'];
  expect(allowed).toContain(state);
  expect((await endOf(bench, {})).code).toBe('done');
  expect(equalBytes(cells(bench), bytesOf(NEW))).toBe(true);
  return code;
}

async function writesOfARun(): Promise<number> {
  let writes = 0;
  await runNor(boardWithOldRelease(), 'A', [NEW], {
    onConnected: (link) => {
      link.onWrite = () => writes++;
    },
  });
  return writes;
}

describe('at every write of a run', () => {
  it.each(['unplug', 'silent', 'power-cut'] as const)('%s', async (kind) => {
    const codes = new Set<string>();
    const writes = await writesOfARun();
    expect(writes).toBeGreaterThan(10);
    const step = kind === 'silent' ? 3 : 1;
    for (let after = 0; after < writes; after += step)
      codes.add(await mustBeSafe(after, { faults: [{ kind, after }] }));
    const allowed = {
      unplug: ['probe-lost', 'done'],
      silent: ['probe-silent', 'done'],
      // In the middle of its parameters a chip tells half of them.
      'power-cut': ['no-target', 'identity-unreadable', 'wrong-chip', 'verify-mismatch', 'done'],
    }[kind];
    for (const code of codes) expect(allowed).toContain(code);
    expect(codes.size).toBeGreaterThan(1);
  });
});

describe('by the clock', () => {
  it('the supply may fail in the middle of an erase or of a page', async () => {
    const codes = new Set<string>();
    for (let ms = 1; ms < 120; ms += 7.3)
      codes.add(await mustBeSafe(Math.round(ms * 10), { faults: [{ kind: 'power-cut', ms }] }));
    expect(codes).toContain('no-target');
  });
});

describe('the adapter and the chip', () => {
  it.each<[string, Faults, FailureCode | 'done']>([
    ['nobody there', [{ kind: 'no-target' }], 'no-target'],
    ['a chip of another kind', [{ kind: 'wrong-chip' }], 'wrong-chip'],
    ['a chip that lies about its size', [{ kind: 'false-parameters' }], 'wrong-chip'],
    ['a chip that never gets ready', [{ kind: 'never-ready', after: 2 }], 'flash-timeout'],
    ['an operation refused', [{ kind: 'refused', after: 20 }], 'probe-protocol'],
    ['garbage instead of an answer', [{ kind: 'garbage', after: 20 }], 'probe-protocol'],
    ['a mute adapter', [{ kind: 'silent', after: 0 }], 'probe-silent'],
  ])('%s', async (_, faults, code) => {
    expect(await mustBeSafe(7, { faults })).toBe(code);
  });

  it('a bit that is stuck is found by reading back, at its address', async () => {
    const bytes = bytesOf(NEW);
    const address = 0x400 + bytes.subarray(0x400).findIndex((byte) => (byte & 1) === 1);
    const faults: Faults = [{ kind: 'stuck-bit', address, bit: 0, value: 0 }];
    await expect(runNor(newSpiBench(), 'A', [NEW], { faults })).rejects.toMatchObject({
      failure: { code: 'verify-mismatch', where: { address } },
    });
  });
});

describe('programming', () => {
  it('puts any bytes at any place, whatever pages they lie in, and nothing beside them', async () => {
    const [memory] = flashMemories(W25Q128);
    if (!memory) throw new TypeError('no flash');
    const place = fc.tuple(fc.integer({ min: 0, max: 0x700 }), fc.uint8Array({ minLength: 4, maxLength: 1500 }));
    const bench = newSpiBench();
    const { cells: held } = bench.boardFor('w25q128jv', 'A').nor;
    let slot = 0;
    await withFlash(bench, 'A', {}, (device, { io }) =>
      fc.assert(
        fc.asyncProperty(place, async ([offset, data]) => {
          // Whole words, as all programming here is; blank flash for each case.
          const start = 0x4000 * ++slot + 512 + (offset & ~3);
          const bytes = data.slice(0, data.length & ~3);
          await device.program(memory, start, bytes, io);
          await device.finish(io);
          expect(await device.read(start, bytes.length, io)).toEqual(bytes);
          expect(held.peek(start, bytes.length)).toEqual(bytes);
          expect(held.peek(start - 512, 512).every((byte) => byte === 0xff)).toBe(true);
          expect(held.peek(start + bytes.length, 512).every((byte) => byte === 0xff)).toBe(true);
        }),
        { numRuns: process.env['FLASHLINE_NIGHTLY'] === undefined ? 100 : 1000 },
      ),
    );
  });
});
