import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat, equalBytes, isFilledWith, toHex } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryOperation, Operation, Plan } from '#shared/model/plan.ts';
import type { Step } from '#shared/model/run-event.ts';
import { type Flag, type Layout, layOut, type ReleaseImage, surveyRanges } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { CarryOutHooks } from '#main/programmer/carry-out-input.ts';
import { ArrayFlash, ioWith, TINY } from './array-flash.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** A bootloader in the lower pages, an application in the upper ones, perhaps with user registers. */
const release: fc.Arbitrary<ReleaseImage[]> = fc
  .record({
    bootloader: fc.option(fc.integer({ min: 8, max: 128 }).chain(bytes)),
    application: fc.integer({ min: 8, max: 256 }).chain(bytes),
    registers: fc.option(bytes(12)),
  })
  .map(({ bootloader, application, registers }) => {
    const segments = [{ address: 192, data: application }];
    if (registers) segments.push({ address: 0x1010, data: registers });
    const images = [image('application', segments)];
    if (bootloader) images.unshift(image('bootloader', [{ address: 0, data: bootloader }]));
    return images;
  });

function image(role: 'bootloader' | 'application', segments: ReleaseImage['image']['segments']): ReleaseImage {
  return { role, version: '1', file: `${role}.bin`, image: { format: 'bin', segments } };
}

/** What the unit holds before: nothing, the same release, or that with some bytes changed. */
const before = fc.record({ blank: fc.boolean(), damage: fc.array(fc.nat(511), { maxLength: 3 }) });

const silent: CarryOutHooks = {
  beforeChange: () => Promise.resolve(),
  stepStarted: () => undefined,
  progress: () => undefined,
  stepFinished: () => undefined,
};

async function prepare(images: ReleaseImage[], start: { blank: boolean; damage: number[] }) {
  const layout = layOut(TINY, images);
  const device = new ArrayFlash();
  if (!start.blank) for (const page of layout.pages) device.at(page.address, page.bytes.length).set(page.bytes);
  for (const address of start.damage) device.at(address, 1).fill(0x5a);
  return { layout, device, plan: await planFor(layout, device) };
}

async function planFor(layout: Layout, device: ArrayFlash): Promise<Plan> {
  const survey = [];
  for (const { memory, address, size } of surveyRanges(layout)) {
    survey.push(...(await device.survey(memory, address, size)));
  }
  return makePlan({ layout, survey });
}

function run(layout: Layout, device: ArrayFlash, plan: Plan, hooks: CarryOutHooks = silent, signal?: AbortSignal) {
  return carryOut({ plan, contents: layout.contents, device, chip: TINY, hooks, io: ioWith(signal) });
}

/** Whether a role stands in the unit whole, flag and all. */
function isWhole(layout: Layout, device: ArrayFlash, role: string): boolean {
  return layout.images
    .filter((each) => each.role === role)
    .every((each) =>
      each.segments.every((segment) => equalBytes(device.at(segment.address, segment.data.length), segment.data)),
    );
}

describe('carryOut', () => {
  it('leaves exactly the release in the unit, whatever was in it, and hashes what it read', async () => {
    await fc.assert(
      fc.asyncProperty(release, before, async (images, start) => {
        const { layout, device, plan } = await prepare(images, start);
        const outcome = await run(layout, device, plan);
        for (const page of layout.pages) expect(device.at(page.address, page.bytes.length)).toEqual(page.bytes);
        for (const each of images) {
          const data = concat(each.image.segments.map((segment) => segment.data));
          expect(outcome.readBack[each.role]).toBe(sha256Hex(data));
        }
        expect(outcome.bytesWritten).toBe(plan.bytesToWrite);
        expect(device.finished).toBeGreaterThan(0);
        const again = await planFor(layout, device);
        expect(again.operations.every((operation) => operation.op === 'verify')).toBe(true);
      }),
    );
  });

  it('changes content only while its flag is clear, and sets the flag only when all else is in place', async () => {
    await fc.assert(
      fc.asyncProperty(release, before, async (images, start) => {
        const { layout, device, plan } = await prepare(images, start);
        const broken: string[] = [];
        device.onCall = (call, address, size) => {
          if (call === 'read') return;
          for (const flag of layout.flags) {
            const cells = device.at(flag.address, flag.bytes.length);
            const zeroing = call === 'program' && within(flag, address, size) && !isFilledWith(cells, 0xff);
            if (zeroing) continue;
            const holdsFlag = address <= flag.address && flag.address < address + size;
            const touches = layout.pages.some(
              (page) => page.role === flag.role && page.address < address + size && address < page.address + 64,
            );
            if (call === 'program' && holdsFlag) {
              cells.set(flag.bytes);
              if (!isWhole(layout, device, flag.role)) broken.push(`${flag.role} flag set too early`);
              cells.fill(0xff);
            } else if (touches && !holdsFlag && !isFilledWith(cells, 0xff)) {
              broken.push(`${call} at ${address} while the ${flag.role} flag stands`);
            }
          }
        };
        await run(layout, device, plan);
        expect(broken).toEqual([]);
      }),
    );
  });

  it('ends, when anything fails at any call, with old content or a clear flag, and a closed controller', async () => {
    await fc.assert(
      fc.asyncProperty(release, before, fc.nat(30), async (images, start, failAt) => {
        const { layout, device, plan } = await prepare(images, start);
        const pagesOf = (role: string) =>
          layout.pages.filter((page) => page.role === role).map((page) => toHex(device.at(page.address, 64)));
        const original = new Map(layout.flags.map(({ role }) => [role, pagesOf(role)]));
        const flags = new Map(
          layout.flags.map(({ role, address, bytes }) => [role, device.at(address, bytes.length).slice()]),
        );
        let calls = 0;
        device.onCall = () => {
          if (calls++ === failAt) throw new FlashlineError('probe-lost', { params: { url: 'x' } });
        };
        const failed = await run(layout, device, plan).then(
          () => false,
          () => true,
        );
        expect(failed).toBe(calls > failAt);
        expect(device.finished).toBeGreaterThan(0);
        const torn = layout.flags.filter((flag) => {
          const changes = plan.operations.some((each) => each.op === 'validate' && each.role === flag.role);
          const cells = device.at(flag.address, flag.bytes.length);
          const ended = isOneBitOf(flags.get(flag.role) ?? cells, cells);
          const almost = isOneBitOf(cells, flag.bytes);
          const clear = isFilledWith(cells, 0xff) || ended || almost;
          const untouched = JSON.stringify(pagesOf(flag.role)) === JSON.stringify(original.get(flag.role));
          return changes && !clear && !untouched && !isWhole(layout, device, flag.role);
        });
        expect(torn).toEqual([]);
        device.onCall = () => undefined;
        await run(layout, device, await planFor(layout, device));
      }),
      { numRuns: 500 },
    );
  });

  it('names the first byte that does not hold, and leaves the flag clear', async () => {
    const data = Uint8Array.from({ length: 100 }, (_, index) => index + 1);
    const { layout, device, plan } = await prepare([image('application', [{ address: 0, data }])], {
      blank: true,
      damage: [],
    });
    device.onCall = (call, address, size) => {
      if (call === 'read' && address === 0 && size === 100) device.at(70, 1).fill(0x07);
    };
    await expect(run(layout, device, plan)).rejects.toMatchObject({
      failure: {
        code: 'verify-mismatch',
        where: { address: 70 },
        params: { address: '0x00000046', expected: '0x47', found: '0x07' },
      },
    });
    expect(isFilledWith(device.at(0, 8), 0xff)).toBe(true);
  });

  it('does not believe an erase: a flag that stays set stops the run before anything else is touched', async () => {
    const data = new Uint8Array(200).fill(0x11);
    const { layout, device, plan } = await prepare([image('application', [{ address: 0, data }])], {
      blank: false,
      damage: [150],
    });
    device.onCall = (call, address) => {
      if (call === 'read' && address === 0) device.at(4, 1).fill(0);
    };
    await expect(run(layout, device, plan)).rejects.toMatchObject({
      failure: { code: 'verify-mismatch', where: { address: 4 } },
    });
    // Where the reset vector is even already, the first word has the bit that falls.
    expect(device.calls.filter((call) => !call.startsWith('read'))).toEqual(['program 0 4', 'erase 0 64']);
  });

  it('believes no erase of the flag’s page, not even where the flag itself is clear', async () => {
    const data = new Uint8Array(200).fill(0x11);
    const { layout, device, plan } = await prepare([image('application', [{ address: 0, data }])], {
      blank: false,
      damage: [150],
    });
    device.onCall = (call, address) => {
      if (call === 'read' && address === 0) device.at(40, 1).fill(0x12);
    };
    await expect(run(layout, device, plan)).rejects.toMatchObject({
      failure: { code: 'verify-mismatch', where: { address: 40 } },
    });
    expect(device.calls.filter((call) => !call.startsWith('read'))).toEqual(['program 4 4', 'erase 0 64']);
  });

  it('believes no survey: a flag that stands where a blank page was seen stops the run untouched', async () => {
    const data = new Uint8Array(200).fill(0x11);
    const { layout, device, plan } = await prepare([image('application', [{ address: 0, data }])], {
      blank: true,
      damage: [],
    });
    device.at(0, 8).fill(0x12);
    await expect(run(layout, device, plan)).rejects.toMatchObject({ failure: { code: 'verify-mismatch' } });
    expect(device.calls.every((call) => call.startsWith('read'))).toBe(true);
  });

  it('is stopped by an abort before the next operation, whichever that is', async () => {
    const data = new Uint8Array(200).fill(0x22);
    const images = [image('application', [{ address: 0, data }])];
    const { plan: full } = await prepare(images, { blank: false, damage: [0, 100] });
    for (let stopAt = 0; stopAt < full.operations.length; stopAt++) {
      const { layout, device, plan } = await prepare(images, { blank: false, damage: [0, 100] });
      const abort = new AbortController();
      const reason = new FlashlineError('aborted');
      const finishedSteps: Step[] = [];
      let done = 0;
      const hooks: CarryOutHooks = {
        ...silent,
        progress: () => {
          if (done++ === stopAt) abort.abort(reason);
        },
        stepFinished: (step) => finishedSteps.push(step),
      };
      const end = await run(layout, device, plan, hooks, abort.signal).then(
        () => 'done',
        (error: unknown) => error,
      );
      const isLast = stopAt === full.operations.length - 1;
      expect(end).toBe(isLast ? 'done' : reason);
      expect(finishedSteps.includes('validate')).toBe(isLast);
      expect(device.finished).toBeGreaterThan(0);
    }
  });
});

/** Whether `after` is `before` with one bit fallen. What such a bit means is held by flag-tears.test.ts. */
function isOneBitOf(before: Uint8Array, after: Uint8Array): boolean {
  const fallen = before.map((byte, at) => byte & ~(after[at] ?? 0));
  const risen = after.some((byte, at) => byte & ~(before[at] ?? 0));
  const bits = fallen.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  return !risen && bits === 1;
}

/** Whether [address, address + size) lies in the flag's words. */
function within(flag: Pick<Flag, 'address' | 'bytes'>, address: number, size: number): boolean {
  return address >= flag.address && address + size <= flag.address + flag.bytes.length;
}

describe('the journal', () => {
  it('is told of every change before it happens, and of nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(release, before, async (images, start) => {
        const { layout, device, plan } = await prepare(images, start);
        const announced: MemoryOperation[] = [];
        device.onCall = (call, address, size) => {
          if (call === 'read') return;
          const last = announced.at(-1);
          const ending = last?.op === 'invalidate' && call === 'program' ? last.flag : undefined;
          // A flag is ended, and set, in words of its own.
          const flag = ending ?? (last?.op === 'validate' ? last : undefined);
          const isAnnounced = flag
            ? address >= flag.address && address + size <= flag.address + flag.size
            : last?.address === address && last.size === size;
          expect(isAnnounced, `${call} ${address} ${size}`).toBe(true);
        };
        const hooks = {
          ...silent,
          beforeChange: (operation: Operation) => {
            if (operation.op !== 'lock') announced.push(operation);
            return Promise.resolve();
          },
        };
        await run(layout, device, plan, hooks);
        const changing = plan.operations.filter(({ op }) => op !== 'verify' && op !== 'verify-flag');
        expect(announced).toEqual(changing);
      }),
    );
  });
});

describe('steps', () => {
  it('are opened and closed in turn, and their bytes add up to the plan’s over all roles', async () => {
    const images = [
      image('bootloader', [{ address: 0, data: new Uint8Array(70).fill(1) }]),
      image('application', [{ address: 192, data: new Uint8Array(70).fill(2) }]),
    ];
    const { layout, device, plan } = await prepare(images, { blank: true, damage: [] });
    const told: string[] = [];
    const last = new Map<Step, [number, number]>();
    await run(layout, device, plan, {
      beforeChange: () => Promise.resolve(),
      stepStarted: (step) => told.push(`+${step}`),
      progress: (step, done, total) => {
        expect(done).toBeGreaterThan(last.get(step)?.[0] ?? 0);
        last.set(step, [done, total]);
      },
      stepFinished: (step) => told.push(`-${step}`),
    });
    const stretch = ['+program', '-program', '+verify', '-verify', '+validate', '-validate'];
    expect(told).toEqual([...stretch, ...stretch]);
    for (const [done, total] of last.values()) expect(done).toBe(total);
  });
});

describe('a plan that would break an invariant', () => {
  const data = new Uint8Array(100).fill(0x33);
  const images = [image('application', [{ address: 0, data }])];

  it.each([
    ['validates without verifying', (operations: Operation[]) => operations.filter(({ op }) => op !== 'verify')],
    [
      'validates before verifying',
      (operations: Operation[]) =>
        operations.toSorted((a, b) => Number(b.op === 'validate') - Number(a.op === 'validate')),
    ],
    [
      'verifies only a part',
      (operations: Operation[]) =>
        operations.map((each) =>
          each.op === 'verify'
            ? { ...each, size: 50, sha256: sha256Hex(new Uint8Array(50).fill(0x33).fill(0xff, 0, 8)) }
            : each,
        ),
    ],
  ])('is refused with the flag clear: one that %s', async (_, spoil) => {
    const { layout, device, plan } = await prepare(images, { blank: true, damage: [] });
    const spoiled = { ...plan, operations: spoil(plan.operations) };
    await expect(run(layout, device, spoiled)).rejects.toMatchObject({ failure: { code: 'internal' } });
    expect(isFilledWith(device.at(0, 8), 0xff)).toBe(true);
  });

  it('cannot program a flag by a range that covers it', async () => {
    const { layout, device, plan } = await prepare(images, { blank: true, damage: [] });
    const program = plan.operations.find(({ op }) => op === 'program');
    const validate = plan.operations.find(({ op }) => op === 'validate');
    if (!program || !validate) throw new Error('a blank unit needs both');
    const operations = [{ ...program, address: 0, size: 100 }, validate];
    await expect(run(layout, device, { ...plan, operations })).rejects.toMatchObject({ failure: { code: 'internal' } });
    expect(device.at(8, 92)).toEqual(new Uint8Array(92).fill(0x33));
    expect(isFilledWith(device.at(0, 8), 0xff)).toBe(true);
  });
});
