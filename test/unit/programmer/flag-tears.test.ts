import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes, readU32, writeU32 } from '#shared/base/bytes.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { layOut } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { image, noise } from '#test/bench/releases.ts';

const CHIP = shippedChip('nrf52840');
const [FLASH] = flashMemories(CHIP);
const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const io = { clock: new VirtualClock(0), signal: new AbortController().signal };

/** Vectors that a product has: a stack in RAM, a reset handler in flash. */
const vectors = fc.tuple(
  fc.integer({ min: 0x2000_0010, max: 0x2004_0000 }).map((at) => (at & ~7) >>> 0),
  fc.integer({ min: 0x100, max: 0xffff }).map((at) => at | 1),
);

function release([stack, reset]: readonly [number, number], seed: number) {
  const data = noise(600, seed);
  writeU32(data, 0, stack);
  writeU32(data, 4, reset);
  return image('application', { address: 0, data });
}

/** A core takes it: ARMv7-M B1.5.5. */
function starts(words: Uint8Array): boolean {
  const [stack, reset] = [readU32(words, 0), readU32(words, 4)];
  return stack > 0x2000_0000 && stack <= 0x2004_0000 && (reset & 1) === 1 && reset < 0x10_0000;
}

/** A flash whose power fails in the middle of each write of the first two words, in a way that the dice decide. */
function tearing(cells: Uint8Array, dice: () => number, look: (words: Uint8Array) => void): FlashDevice {
  return {
    name: 'tearing',
    read: async (address, length) => cells.slice(address, address + length),
    erase: async (memory, address, size) => void cells.fill(memory.erased, address, address + size),
    program: async (_memory, address, bytes) => {
      const tears = address < 8 ? 16 : 0;
      for (let i = 0; i < tears; i++) {
        const torn = cells.slice(0, 8);
        bytes.forEach((byte, at) => (torn[address + at] = (torn[address + at] ?? 0) & (byte | dice())));
        look(torn);
      }
      bytes.forEach((byte, at) => (cells[address + at] = (cells[address + at] ?? 0) & byte));
    },
    finish: () => Promise.resolve(),
  };
}

describe('a valid flag that is torn in the middle of a write', () => {
  it('is the old one, the new one, or none that a core starts from', async () => {
    await fc.assert(
      fc.asyncProperty(vectors, vectors, fc.integer(), async (old, next, seed) => {
        const cells = new Uint8Array(FLASH?.page ?? 0).fill(0xff);
        const before = release(old, 1).image.segments[0]?.data ?? new Uint8Array();
        cells.set(before);
        const layout = layOut(CHIP, [release(next, 2)]);
        const wanted = layout.contents.bytes(0, 8);
        let state = seed;
        const dice = () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
          return state >>> 24;
        };
        const device = tearing(cells, dice, (words) => {
          const known = equalBytes(words, before.subarray(0, 8)) || equalBytes(words, wanted);
          expect(known || !starts(words)).toBe(true);
        });
        const hooks = {
          beforeChange: () => Promise.resolve(),
          stepStarted: () => undefined,
          progress: () => undefined,
          stepFinished: () => undefined,
        };
        await carryOut({ plan: makePlan({ layout }), contents: layout.contents, device, chip: CHIP, hooks, io });
        expect(cells.subarray(0, 600)).toEqual(layout.contents.bytes(0, 600));
      }),
      { numRuns, seed: 1 },
    );
  });
});
