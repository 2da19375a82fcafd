import { assert, double, integer, property } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { finalYield, firstPassYield, rolledYield, wilsonInterval } from '#shared/model/yield.ts';

describe('yield', () => {
  it('is by units: FPY counts the first attempt, final yield the last', () => {
    const counts = { attempted: 40, passedFirst: 36, passedLater: 2 };
    expect(firstPassYield(counts)).toBeCloseTo(0.9, 12);
    expect(finalYield(counts)).toBeCloseTo(0.95, 12);
  });

  it('has no value where nothing was attempted', () => {
    const none = { attempted: 0, passedFirst: 0, passedLater: 0 };
    expect([firstPassYield(none), finalYield(none), wilsonInterval(0, 0)]).toEqual([null, null, null]);
  });

  it('rolls over the steps', () => {
    expect(rolledYield([0.95, 0.84, 0.88])).toBeCloseTo(0.70224, 12);
  });

  it.each([
    [8, 10, 0.4902, 0.9433],
    [97, 100, 0.9155, 0.9897],
  ])('has the published Wilson interval of %i in %i', (good, all, low, high) => {
    const interval = wilsonInterval(good, all);
    expect(interval?.low).toBeCloseTo(low, 4);
    expect(interval?.high).toBeCloseTo(high, 4);
  });

  it('holds the share itself inside its interval', () => {
    assert(
      property(integer({ min: 1, max: 1_000_000 }), double({ min: 0, max: 1, noNaN: true }), (all, part) => {
        const good = Math.round(all * part);
        const interval = wilsonInterval(good, all) ?? { low: 1, high: 0 };
        expect(interval.low).toBeLessThanOrEqual(good / all + 1e-12);
        expect(interval.high).toBeGreaterThanOrEqual(good / all - 1e-12);
      }),
    );
  });
});
