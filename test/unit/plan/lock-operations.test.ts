import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { layOut } from '#main/plan/layout.ts';
import { lockFaults } from '#main/plan/lock-faults.ts';
import { lockOperations } from '#main/plan/lock-operations.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { Recipe, type RecipeLock } from '#shared/model/recipe.ts';
import { ATECC, configImage, image } from '#test/bench/atecc-rig.ts';

const slot = fc.integer({ min: 0, max: 15 });
const anyLock: fc.Arbitrary<RecipeLock> = fc.oneof(
  fc.constant<RecipeLock>({ step: 'atecc-config' }),
  fc.constant<RecipeLock>({ step: 'atecc-data' }),
  slot.map((each): RecipeLock => ({ step: 'atecc-slot', slot: each })),
);
const anySteps = fc.record({
  locks: fc.array(anyLock, { maxLength: 8 }),
  keys: fc.array(fc.record({ slot }), { maxLength: 6 }),
});
const config = layOut(ATECC, [configImage()]);

test('steps of no return stand behind everything else, and in the chip’s order, whatever the recipe’s', () => {
  const order = ['atecc-config', 'atecc-key', 'atecc-data', 'atecc-slot'];
  fc.assert(
    fc.property(anySteps, (steps) => {
      const locks = lockOperations(steps, config);
      expect(locks).toHaveLength(steps.locks.length + steps.keys.length);
      const { operations } = makePlan({ layout: config, locks });
      const first = operations.findIndex(({ op }) => op === 'lock');
      expect(first < 0 ? [] : operations.slice(first)).toEqual(locks);
      const ranks = locks.map(({ step }) => order.indexOf(step));
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    }),
  );
});

test('memory that is written over is never erased, and all of what differs is written', () => {
  const { operations } = makePlan({ layout: config });
  expect(new Set(operations.map(({ op }) => op))).toEqual(new Set(['program', 'verify']));
  const written = operations.flatMap((each) => (each.op === 'program' ? [each.size] : []));
  // 112 bytes from 0x10 on, but for the word of UserExtra, UserExtraAdd and the two lock bytes.
  expect(written.reduce((sum, size) => sum + size, 0)).toBe(108);
});

describe('faults', () => {
  const details = (steps: Parameters<typeof lockFaults>[0], layout = config, via: Recipe['interface'] = 'i2c') =>
    lockFaults(steps, via, layout).map(({ path, detail }) => `${path.join('.')}: ${detail}`);

  test('none where nothing is asked for, or where it fits', () => {
    expect(details({})).toEqual([]);
    expect(details({ keys: [{ slot: 0 }], locks: [{ step: 'atecc-config' }, { step: 'atecc-data' }] })).toEqual([]);
    expect(
      details({ locks: [{ step: 'atecc-slot', slot: 8 }] }, layOut(ATECC, [image(0x2000, new Uint8Array(4))])),
    ).toEqual([]);
  });

  test('an interface without such steps', () => {
    expect(details({ keys: [{ slot: 0 }] }, config, 'swd')[0]).toContain('keys: ');
  });

  test('the same twice', () => {
    const twice = { locks: [{ step: 'atecc-data' }, { step: 'atecc-data' }] } satisfies Pick<Recipe, 'locks'>;
    expect(details(twice)[0]).toMatch(/^locks\.1: .*twice/u);
    expect(details({ keys: [{ slot: 1 }, { slot: 1 }] })[0]).toMatch(/^keys\.1: .*twice/u);
  });

  test('a configuration that the images do not define whole is not locked', () => {
    const some = layOut(ATECC, [image(0x10, new Uint8Array(36))]);
    expect(details({ locks: [{ step: 'atecc-config' }] }, some)[0]).toContain('all of the configuration zone');
  });

  test('images that could be read back only behind the lock', () => {
    const slots = layOut(ATECC, [image(0x2000, new Uint8Array(416))]);
    expect(details({ locks: [{ step: 'atecc-data' }] }, slots)[0]).toContain('a recipe of their own');
  });

  test('a recipe’s steps are of the known ones, with their slot', () => {
    const { locks } = Recipe.shape;
    expect(locks.safeParse([{ step: 'atecc-slot' }]).success).toBe(false);
    expect(locks.safeParse([{ step: 'fuse-everything' }]).success).toBe(false);
    expect(locks.safeParse([]).success).toBe(false);
  });
});
