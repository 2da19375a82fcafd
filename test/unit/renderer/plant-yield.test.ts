import { array, assert, constantFrom, integer, nat, property, record } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { barsOf, rowsOf, totalOf } from '#renderer/stores/plant-yield.ts';

const HOUR = 3_600_000;
const FROM = new Date(2028, 1, 29, 0);

const cell = record({
  hour: integer({ min: 0, max: 47 }),
  product: constantFrom('a', 'b'),
  process: constantFrom('flash', 'test'),
  station: constantFrom('S1', 'S2', 'S3'),
  passedFirst: nat(50),
  passedLater: nat(5),
  failed: nat(5),
}).map(({ hour, product, process, station, passedFirst, passedLater, failed }) => ({
  at: new Date(FROM.getTime() + hour * HOUR).toISOString(),
  product,
  process,
  station,
  passedFirst,
  passedLater,
  attempted: passedFirst + passedLater + failed,
}));

describe('the plant’s yield', () => {
  it('counts the same units in the total, in the rows and in the bars', () => {
    assert(
      property(array(cell), constantFrom('hour' as const, 'day' as const), (cells, by) => {
        const sum = (parts: readonly { attempted: number; passedFirst: number; passedLater: number }[]) =>
          parts.reduce((all, each) => all + each.attempted * 1e6 + each.passedFirst * 1e3 + each.passedLater, 0);
        const bars = barsOf(cells, FROM, new Date(FROM.getTime() + 48 * HOUR), by);
        expect(sum(rowsOf(cells))).toBe(sum([totalOf(cells)]));
        expect(sum(bars)).toBe(sum([totalOf(cells)]));
      }),
    );
  });

  it('names a station that is below the others, never one that chance put there', () => {
    const make = (station: string, attempted: number, passedFirst: number) => ({
      at: FROM.toISOString(),
      product: 'a',
      process: 'flash',
      station,
      attempted,
      passedFirst,
      passedLater: 0,
    });
    const below = (cells: Parameters<typeof rowsOf>[0]) =>
      rowsOf(cells)
        .filter((row) => row.below)
        .map((row) => row.station);
    expect(below([make('S1', 500, 495), make('S2', 500, 440), make('S3', 500, 493)])).toEqual(['S2']);
    expect(below([make('S1', 500, 495), make('S2', 10, 9), make('S3', 500, 493)])).toEqual([]);
    expect(below([make('S1', 500, 100)])).toEqual([]);
  });

  it('has a bar for every hour of a day without units, and none twice', () => {
    const bars = barsOf([], FROM, new Date(FROM.getTime() + 24 * HOUR), 'hour');
    expect(bars).toHaveLength(24);
    expect(new Set(bars.map(({ at }) => at)).size).toBe(24);
  });
});
