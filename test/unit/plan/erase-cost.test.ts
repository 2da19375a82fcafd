import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { FlashMemory } from '#shared/model/chip.ts';
import { eraseMs, eraseUnits, pagesToErase } from '#main/plan/erase-cost.ts';

/** Pages of 16 bytes, blocks of 4 and of 8 pages. */
const NOR: FlashMemory = {
  kind: 'flash',
  name: 'nor',
  start: 0x1000,
  size: 32 * 16,
  page: 16,
  word: 4,
  erased: 0xff,
  zeroable: true,
  eraseMs: 45,
  wordUs: 1,
  eraseBlocks: [
    { size: 64, ms: 100 },
    { size: 128, ms: 150 },
    // Dearer than its pages one by one: never used.
    { size: 32, ms: 1000 },
  ],
};
const range = fc
  .tuple(fc.nat(31), fc.integer({ min: 1, max: 32 }))
  .map(([first, count]) => ({ address: 0x1000 + first * 16, size: Math.min(count, 32 - first) * 16 }));
const pageSet = fc.uniqueArray(fc.nat(31)).map((pages) => new Set(pages.map((page) => 0x1000 + page * 16)));

describe('erase commands', () => {
  it('cover exactly the range, each where its block begins', () => {
    fc.assert(
      fc.property(range, ({ address, size }) => {
        let at = address;
        for (const unit of eraseUnits(NOR, address, size)) {
          expect(unit.address).toBe(at);
          expect((unit.address - NOR.start) % unit.size).toBe(0);
          at += unit.size;
        }
        expect(at).toBe(address + size);
      }),
    );
  });

  it('cost no more than pages one by one, and a whole memory the least', () => {
    fc.assert(
      fc.property(range, ({ address, size }) => {
        expect(eraseMs(NOR, address, size)).toBeLessThanOrEqual((size / 16) * 45);
      }),
    );
    expect(eraseMs(NOR, 0x1000, 32 * 16)).toBe(4 * 150);
    expect(eraseMs(NOR, 0x1010, 16)).toBe(45);
  });
});

describe('pages to erase', () => {
  it('are all that must be, nothing that must not, and never dearer for the others', () => {
    fc.assert(
      fc.property(pageSet, pageSet, (must, may) => {
        const chosen = pagesToErase(NOR, must, may);
        for (const page of must) expect(chosen.has(page)).toBe(true);
        for (const page of chosen) expect(must.has(page) || may.has(page)).toBe(true);
        expect(cost(chosen)).toBeLessThanOrEqual(cost(must));
      }),
    );
  });

  it('take in a blank page where that lets a block go at once', () => {
    const eight = Array.from({ length: 8 }, (_, index) => 0x1000 + index * 16);
    const must = new Set(eight.filter((page) => page !== 0x1030));
    expect(pagesToErase(NOR, must, new Set(eight)).size).toBe(8);
    expect(pagesToErase(NOR, must, new Set()).size).toBe(7);
  });
});

function cost(pages: ReadonlySet<number>): number {
  const sorted = [...pages].toSorted((a, b) => a - b);
  let sum = 0;
  for (let i = 0; i < sorted.length;) {
    let count = 1;
    while (sorted[i + count] === (sorted[i] ?? 0) + count * 16) count++;
    sum += eraseMs(NOR, sorted[i] ?? 0, count * 16);
    i += count;
  }
  return sum;
}
