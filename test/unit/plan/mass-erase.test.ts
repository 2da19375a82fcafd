import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes, isFilledWith } from '#shared/base/bytes.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { ModelFlash, simulate, smallChip } from './model-flash.ts';

/** Sixteen times cheaper than the twelve pages one by one. */
const MASS_MS = 15;
const CHIP: ChipDescription = { ...smallChip(), massErase: { ms: MASS_MS, memories: ['flash', 'uicr'] } };

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

interface Case {
  readonly images: readonly ReleaseImage[];
  /** What the unit held: by page, undefined where it was blank. */
  readonly old: readonly (Uint8Array | undefined)[];
  readonly oldRegisters: Uint8Array | undefined;
  readonly looked: boolean;
  readonly noise: Uint8Array;
}

/** A bootloader in pages 0-3 and an application behind it, over anything; what they leave alone is mostly blank. */
const anyCase: fc.Arbitrary<Case> = fc
  .record({
    bootloader: fc.option(fc.integer({ min: 8, max: 128 }).chain(bytes)),
    application: fc.integer({ min: 8, max: 256 }).chain(bytes),
    old: fc.array(fc.option(bytes(32), { freq: 3, nil: undefined }), { minLength: 12, maxLength: 12 }),
    oldRegisters: fc.option(bytes(64), { freq: 1, nil: undefined }),
    tidy: fc.boolean(),
    looked: fc.boolean(),
    noise: bytes(7),
  })
  .map(({ bootloader, application, old, oldRegisters, tidy, looked, noise }) => {
    const images = [image('application', 128, application)];
    if (bootloader) images.push(image('bootloader', 0, bootloader));
    const touched = new Set(layOut(CHIP, images).pages.map(({ address }) => address / 32));
    const kept = old.map((page, index) => (tidy && !touched.has(index) ? undefined : page));
    return { images, old: kept, oldRegisters: tidy ? undefined : oldRegisters, looked, noise };
  });

function image(role: 'bootloader' | 'application', address: number, data: Uint8Array): ReleaseImage {
  return { role, version: '1', file: `${role}.bin`, image: { format: 'bin', segments: [{ address, data }] } };
}

function setUp({ images, old, oldRegisters, looked, noise }: Case) {
  const layout = layOut(CHIP, images);
  let turn = 0;
  const flash = new ModelFlash(CHIP, () => noise[turn++ % noise.length] ?? 0);
  old.forEach((page, index) => page && flash.preset(index * 32, page));
  if (oldRegisters) flash.preset(0x1000, oldRegisters);
  const pages = flashMemories(CHIP).flatMap(({ start, size, page }) =>
    Array.from({ length: size / page }, (_, index) => start + index * page),
  );
  const survey = looked ? pages.map((address) => flash.state(address)) : [];
  const plan = makePlan({ layout, survey, canMassErase: true });
  const wanted = (address: number, size: number) => layout.contents.bytes(address, size);
  return { layout, flash, pages, plan, wanted };
}

const isMass = ({ op }: { readonly op: string }) => op === 'mass-erase';

describe('a mass erase', () => {
  it('is chosen in some of these cases and not in others', () => {
    const plans = fc.sample(anyCase, { numRuns: 300, seed: 1 }).map((given) => setUp(given).plan);
    const chosen = plans.filter(({ operations }) => operations.some(isMass)).length;
    expect(chosen).toBeGreaterThan(20);
    expect(chosen).toBeLessThan(280);
  });

  it('changes nothing that the release does not name, and ends in what it wants', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { layout, flash, pages, plan, wanted } = setUp(given);
        const touched = new Map(layout.pages.map((page) => [page.address, page.bytes]));
        const goal = pages.map(
          (address) => [address, touched.get(address) ?? flash.read(address, address < 0x1000 ? 32 : 64)] as const,
        );
        simulate(plan, flash, wanted, { onState: () => undefined });
        for (const [address, page] of goal) expect(flash.read(address, page.length), `page ${address}`).toEqual(page);
      }),
      { numRuns: 200 },
    );
  });

  it('comes after every flag was cleared, so that a unit cut off at any time does not start what is half there', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { layout, flash, plan, wanted } = setUp(given);
        const isOld = ({ address, size }: { address: number; size: number }) => {
          const before = given.old.slice(address / 32, Math.ceil((address + size) / 32));
          const found = flash.read(address, size);
          return before.every((page, index) =>
            equalBytes(found.subarray(index * 32, index * 32 + 32), page ?? new Uint8Array(32).fill(0xff)),
          );
        };
        const broken: string[] = [];
        const oldFlags = new Map(layout.flags.map((flag) => [flag, flash.read(flag.address, flag.bytes.length)]));
        const starts = (flag: Uint8Array) =>
          !isFilledWith(flag.subarray(4), 0) && !isFilledWith(flag.subarray(4), 0xff);
        simulate(plan, flash, wanted, {
          onState: (operation, torn) => {
            // A torn mass erase leaves chance; chance may write anything, as a torn page's erase does.
            if (torn && (operation.op === 'mass-erase' || operation.op === 'invalidate')) return;
            for (const flag of layout.flags) {
              const mine = layout.pages.filter(({ role }) => role === flag.role);
              const first = mine[0]?.address ?? 0;
              const range = { address: first, size: mine.length * 32 };
              const now = flash.read(flag.address, flag.bytes.length);
              const stands =
                [flag.bytes, oldFlags.get(flag)].some((known) => known && equalBytes(now, known)) && starts(now);
              const whole = mine.every((page) => equalBytes(flash.read(page.address, 32), page.bytes));
              if (stands && !whole && !isOld(range)) broken.push(`${operation.op} ${flag.role}`);
            }
          },
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('is preceded, in the plan, by zeros over every flag that is not known to be blank', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { layout, flash, plan } = setUp(given);
        const at = plan.operations.findIndex(isMass);
        fc.pre(at >= 0);
        for (const flag of layout.flags) {
          const page = flash.state(flag.address - (flag.address % 32));
          const cleared = plan.operations
            .slice(0, at)
            .some((operation) => operation.op === 'invalidate' && operation.role === flag.role);
          expect(cleared || (given.looked && page.blank)).toBe(true);
        }
        expect(plan.operations.filter(({ op }) => op === 'erase')).toEqual([]);
        expect(
          plan.operations.slice(0, at).every((operation) => operation.op === 'invalidate' && operation.zerosOnly),
        ).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is counted in what the plan costs', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { flash, plan, wanted } = setUp(given);
        const mass = plan.operations.some(isMass);
        simulate(plan, flash, wanted, { onState: () => undefined });
        const words = ((flash.wordsProgrammed + flash.wordsZeroed) * 40) / 1000;
        expect(plan.pagesToErase).toBe(flash.pagesErased);
        expect(plan.flashMs).toBeCloseTo(words + (mass ? MASS_MS : flash.pagesErased * 20), 6);
      }),
      { numRuns: 200 },
    );
  });

  it('is not planned for a way of writing that has none', () => {
    const layout = layOut(CHIP, [image('application', 0, new Uint8Array(300).fill(1))]);
    const pages = [...Array.from({ length: 12 }, (_, index) => index * 32), 0x1000];
    const survey = pages.map((address) => ({ address, blank: address >= 320 }));
    expect(makePlan({ layout, survey, canMassErase: true }).operations.some(isMass)).toBe(true);
    expect(makePlan({ layout, survey }).operations.some(isMass)).toBe(false);
  });
});
