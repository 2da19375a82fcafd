import * as fc from '#test/support/fast-check.ts';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { wordsToBytes } from '#shared/base/bytes.ts';
import { markerFault, MOST_BLOCK_BYTES, parseChecksumBlock } from '#shared/model/checksum-block.ts';
import { addChecksumBlock, type AddBlockOptions, equalRanges } from '#main/image/add-checksum-block.ts';
import type { Segment } from '#main/image/image.ts';
import { bytesAt, spliced } from '#main/image/splice.ts';

const MEMORY = { start: 0x2000, size: 0x3e000, page: 256, erased: 0xff };
const POSITION = 0x20b4;
const ROOM = 64;

/** A program from the flash's start with free bytes where the block goes. */
function program(pages: number, tail: number, value: (at: number) => number): Segment {
  const data = Uint8Array.from({ length: pages * 256 + tail }, (_, at) => value(at) | 1);
  data.fill(0xff, POSITION - 0x2000, POSITION - 0x2000 + ROOM);
  return { address: 0x2000, data };
}

function add(segments: readonly Segment[], more: Partial<AddBlockOptions> = {}) {
  const regions = segments.map(({ address, data }) => ({ address, size: data.length }));
  return addChecksumBlock({
    segments,
    position: POSITION,
    memory: MEMORY,
    frequent: false,
    mayGrow: true,
    regions,
    ...more,
  });
}

describe('adding a checksum block', () => {
  test('the block counts, its checksums are SHA-256, and no other byte of the program changes', () => {
    const ranges = fc.array(fc.record({ address: fc.integer({ min: 0x1f00, max: 0x6000 }), size: fc.nat(0x1800) }), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(255), fc.nat(), ranges, (pages, tail, seed, regions) => {
        const old = program(pages, tail, (at) => (Math.imul(at + seed, 2_654_435_761) >>> 13) & 0xfe);
        const { segments, block, changes } = add([old], { regions, room: ROOM });
        const bytes = bytesAt(segments, POSITION, ROOM) ?? new Uint8Array();
        expect(parseChecksumBlock(bytes, MEMORY)).toEqual(block);
        expect(markerFault(block, bytesAt(segments, block.markerAt, 4))).toBeUndefined();
        expect(block.regions.length).toBeLessThanOrEqual((ROOM - 16) / 8);
        expect(block.markerAt).toBeGreaterThanOrEqual(0x2000 + old.data.length);
        const own = [POSITION, block.markerAt].map((at) => at - (at % 256));
        for (const { address, size, checksum } of block.regions) {
          const digest = createHash('sha256')
            .update(bytesAt(segments, address, size) ?? '')
            .digest();
          expect(digest.readUInt32LE(0)).toBe(checksum);
          for (const page of own) expect(page >= address && page < address + size).toBe(false);
          const meant = (at: number) =>
            regions.some((range) => at >= range.address && at + 256 <= range.address + range.size);
          for (let at = address; at < address + size; at += 256) expect(meant(at)).toBe(true);
        }
        const changed = changes.reduce<Segment[]>((all, change) => spliced(all, change, 0xff), [old]);
        expect(segments).toEqual(changed);
        expect(add(segments, { regions, markerAt: block.markerAt }).segments).toEqual(segments);
      }),
      { numRuns: 60 },
    );
  });

  test('one byte of the program that changes anywhere changes the end marker', () => {
    const old = program(4, 0, (at) => at);
    const markers = new Set([add([old]).block.marker]);
    for (let at = 0; at < old.data.length; at += 7) {
      if (at >= POSITION - 0x2000 && at < POSITION - 0x2000 + ROOM) continue;
      const data = old.data.slice();
      data[at] = (data[at] ?? 0) ^ 0x80;
      const { marker } = add([{ address: 0x2000, data }]).block;
      expect(marker & 0xff).toBe(8);
      markers.add(marker);
    }
    expect(markers.size).toBeGreaterThan(130);
  });

  test('what another program has in common is one region, and the rest others', () => {
    const [a, b] = [
      program(40, 0, (at) => at),
      program(40, 0, (at) => (at >= 20 * 256 && at < 22 * 256 ? at ^ 4 : at)),
    ];
    const everything = { address: a.address, size: a.data.length };
    const equal = equalRanges([a], [b], 256);
    expect(equal).toEqual([
      { address: 0x2000, size: 20 * 256 },
      { address: 0x2000 + 22 * 256, size: 18 * 256 },
    ]);
    const [one, two] = [a, b].map((segment) => add([segment], { regions: [...equal, everything] }).block.regions);
    expect(one?.map(({ address, size }) => [address, size / 256])).toEqual([
      [0x2100, 19],
      [0x3400, 2],
      [0x3600, 18],
    ]);
    expect(one?.map(({ checksum }, index) => checksum === two?.[index]?.checksum)).toEqual([true, false, true]);
  });

  test('a placeholder is filled in, in its own room', () => {
    const old = program(8, 0, (at) => at);
    const placeholder = [0x87eeb07c, 0x00ff00ff, 0x00ff00ff, 0x00010001, 0x12345678, 0x00010002, 0x12345678, 0];
    const reserved = spliced([old], { address: POSITION, data: wordsToBytes([...placeholder, 0x11111111]) }, 0xff);
    const { segments, block } = add(reserved, { frequent: true });
    expect(block.regions).toHaveLength(1);
    expect(parseChecksumBlock(bytesAt(segments, POSITION, MOST_BLOCK_BYTES) ?? new Uint8Array(), MEMORY)).toEqual(
      block,
    );
    expect(bytesAt(segments, POSITION + 32, 4)).toEqual(wordsToBytes([0x11111111]));
  });

  test('a block in the chip’s user registers is a segment of its own', () => {
    const { segments, block } = add([program(8, 0, (at) => at)], { position: 0x100010c0 });
    expect(segments.map(({ address }) => address)).toEqual([0x2000, 0x100010c0]);
    expect(block.regions).toMatchObject([{ address: 0x2000, size: 8 * 256 }]);
  });

  test.each([
    ['no room', { segments: [{ address: 0x2000, data: new Uint8Array(1024).fill(7) }] }],
    ['position', { position: 0x20b6 }],
    ['marker outside', { markerAt: 0x1000 }],
    ['marker on code', { markerAt: 0x2300 }],
    ['nothing in the flash', { segments: [{ address: 0x100000, data: new Uint8Array(64) }] }],
    ['an ELF file with nothing there', { position: 0x9000, mayGrow: false, markerAt: 0x2300 }],
    ['an ELF file without a free last word', { mayGrow: false }],
  ])('is refused: %s', (_, more) => {
    expect(() => add([program(8, 0, (at) => at)], more)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: 'usage' }) }),
    );
  });
});
