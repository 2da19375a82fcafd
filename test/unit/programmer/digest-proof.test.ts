import { createHash } from 'node:crypto';
import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { layOut } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { CarryOutHooks } from '#main/programmer/carry-out-input.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { ArrayFlash, ioWith, TINY } from './array-flash.ts';

/** A unit that hashes its own memory, and compares pages with what is wanted. */
class HashingFlash extends ArrayFlash {
  asked = 0;
  readonly digest = {
    algorithm: 'md5' as const,
    of: async (address: number, length: number) => {
      this.asked++;
      return createHash('md5').update(this.at(address, length)).digest('hex');
    },
  };

  async holds(memory: FlashMemory, address: number, wanted: Uint8Array): Promise<boolean[]> {
    return Array.from({ length: wanted.length / memory.page }, (_, index) => {
      const page = wanted.subarray(index * memory.page, (index + 1) * memory.page);
      return this.at(address + index * memory.page, memory.page).every((byte, at) => byte === page[at]);
    });
  }
}

const silent: CarryOutHooks = {
  beforeChange: () => Promise.resolve(),
  stepStarted: () => undefined,
  progress: () => undefined,
  stepFinished: () => undefined,
};

const content = fc.integer({ min: 8, max: 512 }).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));

function layoutOf(data: Uint8Array) {
  const image = { format: 'bin', segments: [{ address: 0, data }] } as const;
  return layOut(TINY, [{ role: 'application', version: '1', file: 'a.bin', image }]);
}

async function flash(device: HashingFlash, data: Uint8Array) {
  const layout = layoutOf(data);
  const survey = await surveyUnit(layout, device, ioWith());
  const plan = makePlan({ layout, survey });
  return carryOut({ plan, contents: layout.contents, device, chip: TINY, hooks: silent, io: ioWith() });
}

describe('a unit that makes digests of its own memory', () => {
  it('is proven by them, without a byte of the image sent back but the flag, and the outcome says so', async () => {
    await fc.assert(
      fc.asyncProperty(content, content, async (old, data) => {
        const device = new HashingFlash();
        device.at(0, old.length).set(old);
        const outcome = await flash(device, data);
        expect(device.at(0, data.length)).toEqual(data);
        expect(outcome).toMatchObject({
          readBack: { application: sha256Hex(data) },
          provenBy: { application: 'md5' },
        });
        const longest = device.calls
          .filter((call) => call.startsWith('read'))
          .map((call) => Number(call.split(' ')[2]));
        expect(Math.max(0, ...longest)).toBeLessThanOrEqual(64);
      }),
      { numRuns: 50 },
    );
  });

  it('is told by address where it differs, and is no PASS', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.nat(), fc.integer({ min: 1, max: 255 }), async (data, place, flip) => {
        const at = 8 + (place % Math.max(1, data.length - 8));
        fc.pre(at < data.length);
        const device = new HashingFlash();
        const { digest } = device;
        const honest = digest.of;
        // Rot between the last write and the proof.
        digest.of = (address, length) => {
          const cell = device.at(at, 1);
          if (device.asked === 0) cell[0] = (cell[0] ?? 0) ^ flip;
          return honest(address, length);
        };
        await expect(flash(device, data)).rejects.toMatchObject({
          failure: { code: 'verify-mismatch', where: { address: at } },
        });
      }),
      { numRuns: 50 },
    );
  });

  it('does not lose a unit whose bytes are right to a digest that is wrong', async () => {
    const device = new HashingFlash();
    device.digest.of = () => Promise.resolve('0'.repeat(32));
    const data = Uint8Array.from({ length: 200 }, (_, index) => index);
    const outcome = await flash(device, data);
    expect(outcome.readBack.application).toBe(sha256Hex(data));
  });

  it('keeps what its checksums say is the same, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.nat(511), { maxLength: 3 }), async (data, damage) => {
        const device = new HashingFlash();
        const layout = layoutOf(data);
        for (const page of layout.pages) device.at(page.address, page.bytes.length).set(page.bytes);
        for (const address of damage) device.at(address, 1)[0] = (device.at(address, 1)[0] ?? 0) ^ 1;
        const states = await surveyUnit(layout, device, ioWith());
        for (const [index, page] of layout.pages.entries()) {
          const same = device.at(page.address, 64).every((byte, at) => byte === page.bytes[at]);
          expect(states[index]?.digest === page.digest).toBe(same);
        }
        expect(states).toHaveLength(layout.pages.length);
      }),
    );
  });
});
