import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import {
  covers,
  type PageLocks,
  pageAreas,
  rangesText,
  sectorBits,
  writeProtection,
} from '#main/target/protection/write-protection.ts';
import { shippedChip } from '#test/bench/bench-run.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };
const io: IoContext = { clock: new VirtualClock(0), signal: new AbortController().signal };

describe('option words', () => {
  it('of sectors say which are protected, and are made of that again', () => {
    fc.assert(
      fc.property(fc.nat(0xfff), (nwrp) => {
        expect(sectorBits.encode(sectorBits.decode(nwrp, 12), 12)).toBe(nwrp);
      }),
      RUNS,
    );
  });

  it('of areas, whatever they hold, are pages, and two runs of pages are two areas', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (first, second) => {
        const pages = pageAreas.decode([first, second]);
        expect(pageAreas.decode(pageAreas.encode(pages))).toEqual(pages);
        expect([...pages].every((page) => page < 64)).toBe(true);
      }),
      RUNS,
    );
    expect(() => pageAreas.encode(new Set([1, 3, 5]))).toThrow(RangeError);
    expect(pageAreas.encode(new Set())).toEqual([0x3f, 0x3f]);
  });
});

/** A chip that keeps its pages' numbers as they are given. */
function kept(mostRuns: number): PageLocks & { pages: ReadonlySet<number> } {
  const locks = {
    mostRuns,
    pages: new Set<number>() as ReadonlySet<number>,
    read: () => Promise.resolve(locks.pages),
    write: async (pages: ReadonlySet<number>) => void (locks.pages = pages),
  };
  return locks;
}

describe.each(['stm32f407vg', 'stm32g071rb'])('pages of %s', (id) => {
  const chip = shippedChip(id);
  const last = id === 'stm32f407vg' ? 0x080f_ffff : 0x0801_ffff;
  const range = fc
    .tuple(fc.integer({ min: 0x0800_0000, max: last }), fc.integer({ min: 1, max: 0x30000 }))
    .map(([address, size]) => ({ address, size: Math.min(size, last + 1 - address) }));

  it('that are protected cover what was asked for, keep what was, and are told as stretches that do not touch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 3 }), range, async (first, second) => {
        const protection = writeProtection(chip, kept(99));
        await protection.protect(first, io);
        await protection.protect([second], io);
        const found = await protection.read(io);
        for (const asked of [...first, second]) expect(covers(found, asked)).toBe(true);
        const gaps = found
          .slice(1)
          .map(({ address }, index) => address - ((found[index]?.address ?? 0) + (found[index]?.size ?? 0)));
        expect(gaps.every((gap) => gap > 0)).toBe(true);
        await protection.lift(io);
        expect(rangesText(await protection.read(io))).toBe('none');
      }),
      { numRuns: 200 },
    );
  });

  it('in more stretches than the chip keeps are refused, and nothing is changed', async () => {
    const locks = kept(1);
    const protection = writeProtection(chip, locks);
    const apart = [
      { address: 0x0800_0000, size: 4 },
      { address: last - 3, size: 4 },
    ];
    expect(await protection.fault(apart, io)).toContain('2 separate stretches');
    expect(await protection.fault(apart.slice(1), io)).toBeUndefined();
    expect(locks.pages.size).toBe(0);
  });
});
