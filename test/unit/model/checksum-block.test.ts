import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { concat, wordsToBytes } from '#shared/base/bytes.ts';
import {
  blockSize,
  type ChecksumBlock,
  encodeChecksumBlock,
  markerFault,
  MOST_REGIONS,
  parseChecksumBlock,
  regionAgrees,
} from '#shared/model/checksum-block.ts';

const CASES = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const MEMORY = { start: 0x2000, size: 0x3e000, page: 256 };
const MARKER = 0x12345608;
const END = 0;
/** First page and pages of a region, as one word. */
const region = (first: number, pages: number) => (first | (pages << 16)) >>> 0;
const words = (...all: number[]) => wordsToBytes(all);
const faultOf = (bytes: Uint8Array) => {
  const found = parseChecksumBlock(bytes, MEMORY);
  return 'fault' in found ? found.fault : found;
};

const anyBlock: fc.Arbitrary<ChecksumBlock> = fc
  .record({
    frequent: fc.boolean(),
    markerAt: fc.integer({ min: 0x2000 / 4, max: 0x40000 / 4 - 1 }).map((word) => word * 4),
    marker: fc.nat(0xffffff).map((high) => high * 256 + 8),
    cuts: fc.uniqueArray(fc.integer({ min: 0x20, max: 0x400 }), { maxLength: 2 * MOST_REGIONS }),
    checksums: fc.array(fc.nat(0xffffffff), { minLength: MOST_REGIONS, maxLength: MOST_REGIONS }),
  })
  .filter(({ markerAt, marker }) => markerAt !== marker)
  .map(({ cuts, checksums, frequent, markerAt, marker }) => {
    const sorted = cuts.toSorted((a, b) => a - b);
    const regions = Array.from({ length: Math.floor(sorted.length / 2) }, (_, index) => {
      const [from = 0, to = 0] = sorted.slice(index * 2, index * 2 + 2);
      return { address: from * 256, size: (to - from) * 256, checksum: checksums[index] ?? 1 };
    });
    return { frequent, markerAt, marker, page: 256, regions };
  });

describe('a checksum block', () => {
  test('is read as it was written, whatever stands behind it', () => {
    fc.assert(
      fc.property(anyBlock, fc.uint8Array({ maxLength: 40 }), (block, behind) => {
        const bytes = encodeChecksumBlock(block);
        expect(bytes.length).toBe(blockSize(block.regions.length));
        expect(parseChecksumBlock(concat([bytes, behind]), MEMORY)).toEqual(block);
      }),
      { numRuns: CASES },
    );
  });

  test('any bytes are a block or a reason, and a block of them is written again as the same bytes', () => {
    const head = fc.constantFrom(words(0x07eeb07c, 0x3000, MARKER), words(0x87eeb07c), new Uint8Array());
    const word = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, region(0x20, 2), region(0x30, 1)));
    fc.assert(
      fc.property(head, fc.array(word, { maxLength: 80 }), fc.uint8Array({ maxLength: 3 }), (start, rest, tail) => {
        const bytes = concat([start, wordsToBytes(rest), tail]);
        const found = parseChecksumBlock(bytes, MEMORY);
        const again = 'fault' in found ? found.detail : encodeChecksumBlock(found);
        expect(again).not.toBe('');
        expect(again).toEqual(typeof again === 'string' ? again : bytes.subarray(0, again.length));
      }),
      { numRuns: CASES },
    );
  });

  test('cut at any byte it is none', () => {
    const bytes = words(0x07eeb07c, 0x3000, MARKER, region(0x21, 4), 1, region(0x30, 4), 2, END);
    for (let size = 0; size < bytes.length; size++)
      expect(faultOf(bytes.subarray(0, size))).toBe(size < 16 ? 'cut-short' : 'no-terminator');
  });

  test.each([
    ['no-magic', words(0x07eeb07d, 0x3000, MARKER, END)],
    ['placeholder', words(0x87eeb07c, 0x00ff00ff, 0x00ff00ff, END)],
    ['placeholder', words(0x87eeb07c, 0xffffffff, MARKER, END)],
    ['placeholder', words(0x87eeb07c, 0x3000, 0, END)],
    ['page-size', words(0x07eeb07c, 0x3000, 0x1234560a, END)],
    ['page-size', words(0x07eeb07c, 0x3000, 0x123456ff, END)],
    ['marker-misaligned', words(0x07eeb07c, 0x3002, MARKER, END)],
    ['marker-outside', words(0x07eeb07c, 0x1ffc, MARKER, END)],
    ['marker-outside', words(0x07eeb07c, 0x40000, MARKER, END)],
    ['region-empty', words(0x07eeb07c, 0x3000, MARKER, region(0x21, 0), 1, END)],
    ['region-outside', words(0x07eeb07c, 0x3000, MARKER, region(0x1f, 1), 1, END)],
    ['region-outside', words(0x07eeb07c, 0x3000, MARKER, region(0x3f0, 0x11), 1, END)],
    ['region-overlap', words(0x07eeb07c, 0x3000, MARKER, region(0x21, 4), 1, region(0x24, 1), 2, END)],
    ['no-terminator', words(0x07eeb07c, 0x3000, MARKER, region(0x21, 4), 1)],
    [
      'no-terminator',
      words(0x07eeb07c, 0x3000, MARKER, ...Array.from({ length: 66 }, (_, i) => (i % 2 ? 1 : region(0x21 + i, 1)))),
    ],
  ])('is none: %s', (fault, bytes) => {
    expect(faultOf(bytes)).toBe(fault);
  });

  test('counts only while its end marker stands', () => {
    const block = parseChecksumBlock(words(0x07eeb07c, 0x3000, MARKER, END), MEMORY);
    if ('fault' in block) throw new Error(block.detail);
    expect(markerFault(block, words(MARKER))).toBeUndefined();
    for (const found of [words(MARKER ^ 0x100), new Uint8Array(4), new Uint8Array(3), undefined])
      expect(markerFault(block, found)?.fault).toBe('marker-missing');
  });

  test('agrees about a region by its start, its length and its checksum, and never by no checksum', () => {
    const of = (...regions: ChecksumBlock['regions'][number][]): ChecksumBlock => {
      return { frequent: false, markerAt: 0x3000, marker: MARKER, page: 256, regions };
    };
    const mine = { address: 0x2100, size: 0x400, checksum: 7 };
    const others = of({ address: 0x9000, size: 0x100, checksum: 7 }, mine);
    expect(regionAgrees(mine, others)).toBe(true);
    expect(regionAgrees({ ...mine, address: 0x2200 }, others)).toBe(false);
    expect(regionAgrees({ ...mine, size: 0x500 }, others)).toBe(false);
    expect(regionAgrees({ ...mine, checksum: 8 }, others)).toBe(false);
    expect(regionAgrees({ ...mine, checksum: 0 }, of({ ...mine, checksum: 0 }))).toBe(false);
  });
});
