import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { writeBin } from '#main/image/bin.ts';
import { describeImage } from '#main/image/describe-image.ts';
import { writeIntelHex } from '#main/image/ihex.ts';
import type { Image } from '#main/image/image.ts';
import { openImage } from '#main/image/open-image.ts';
import { failureOf, text } from './failure-of.ts';
import { anySegments } from './segments-arbitrary.ts';
import { tinyElf } from './tiny-elf.ts';

const data = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
const hex = writeIntelHex([{ address: 0x100, data }], 0x101);
const srec = text('S00600004844521B', 'S107000001020304EE', 'S10500080506E7', 'S5030002FA', 'S9030000FC', '');
const elf = tinyElf([{ physical: 0x100, data }]);

describe('the format of a file', () => {
  test.each([
    ['firmware.hex', hex, 'ihex'],
    ['firmware.txt', hex, 'ihex'],
    ['firmware', srec, 'srec'],
    ['misnamed.hex', srec, 'srec'],
    ['firmware.axf', elf, 'elf'],
    ['misnamed.bin', elf, 'elf'],
    ['a:b.bin', text(':not hex'), 'bin'],
    ['noname', Uint8Array.of(1, 2), 'bin'],
  ] as const)('%s', (name, bytes, format) => {
    expect(openImage(name, bytes, { address: 0x4000 }).format).toBe(format);
  });

  test('a file that is neither known by content nor by name', () => {
    expect(failureOf(() => openImage('notes.txt', text('hello')))).toMatchObject({
      code: 'image-format',
      params: { file: 'notes.txt' },
    });
    expect(failureOf(() => openImage('a.constructor', text('hello'))).code).toBe('image-format');
  });

  test('a .hex file with other text in it says what a HEX file begins with', () => {
    expect(failureOf(() => openImage('a.HEX', text('', 'hello')))).toMatchObject({
      code: 'image-syntax',
      where: { line: 2 },
    });
  });

  test.each(['a.hex', 'a.s19', 'a.elf', 'a.bin', 'a'])('no bytes at all: %s', (name) => {
    expect(failureOf(() => openImage(name, new Uint8Array(0), { address: 0 })).code).toBe('image-empty');
  });
});

describe('BIN', () => {
  test('needs an address', () => {
    expect(failureOf(() => openImage('a.bin', data)).code).toBe('image-needs-address');
    expect(openImage('a.bin', data, { address: 0x4000 }).segments).toEqual([{ address: 0x4000, data }]);
  });

  test('must end below 4 GiB', () => {
    expect(failureOf(() => openImage('a.bin', data, { address: 0xffffffff }))).toMatchObject({
      code: 'image-syntax',
      where: { offset: 1 },
    });
  });

  test('is written from the lowest address to the highest, gaps filled', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { minLength: 1 }),
        fc.nat(7),
        (parts, gap) => {
          const segments: { address: number; data: Uint8Array }[] = [];
          let address = 0x100;
          for (const part of parts) {
            segments.push({ address, data: part });
            address += part.length + gap;
          }
          const bin = writeBin(segments, 0xa5);
          expect(bin).toHaveLength(address - gap - 0x100);
          const covered = new Uint8Array(bin.length).fill(0xa5);
          for (const segment of segments) covered.set(segment.data, segment.address - 0x100);
          expect(bin).toEqual(covered);
        },
      ),
    );
  });

  test('is not written across gigabytes of nothing', () => {
    const far = [0, 0xf000_0000].map((address) => ({ address, data }));
    expect(failureOf(() => writeBin(far, 0xff)).code).toBe('usage');
  });
});

describe('a description', () => {
  test('names every segment, and the hash over all of them', () => {
    fc.assert(
      fc.property(anySegments, (segments) => {
        const described = describeImage({ format: 'ihex', segments });
        expect(described.segments).toEqual(
          segments.map((s) => ({ address: s.address, size: s.data.length, sha256: sha256Hex(s.data) })),
        );
        const all = Uint8Array.from(segments.flatMap((segment) => [...segment.data]));
        expect(described).toMatchObject({ entry: null, size: all.length, sha256: sha256Hex(all) });
      }),
    );
  });
});

/** An image, or a FlashlineError that says where; anything else fails the test. */
function opened(name: string, bytes: Uint8Array): Image | FlashlineError {
  try {
    return openImage(name, bytes);
  } catch (error) {
    if (error instanceof FlashlineError && error.failure.code.startsWith('image-')) return error;
    throw error;
  }
}

/** What is wrong with an answer; undefined when it is a failure that names its file, or a sound image. */
function faultOf(found: Image | FlashlineError): string | undefined {
  if (found instanceof FlashlineError) return found.failure.where.file === undefined ? 'no file named' : undefined;
  if (found.segments.length === 0) return 'an image of nothing';
  let free = -1;
  for (const { address, data: bytes } of found.segments) {
    if (bytes.length === 0) return 'an empty segment';
    if (address <= free) return 'segments that touch, overlap or are not sorted';
    free = address + bytes.length;
    if (free > 2 ** 32) return 'a segment past 4 GiB';
  }
  return undefined;
}

describe.each([
  ['a.hex', hex],
  ['a.s19', srec],
  ['a.elf', elf],
])('a damaged %s', (name, whole) => {
  test('cut at any byte is refused, unless what is left still proves itself whole', () => {
    const { segments } = openImage(name, whole);
    for (let length = 0; length < whole.length; length++) {
      const found = opened(name, whole.subarray(0, length));
      expect(found instanceof FlashlineError ? segments : found.segments, `${length} bytes`).toEqual(segments);
    }
  });

  test('with any bits flipped gives a failure with its place, or a sound image', () => {
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = whole.slice();
        for (const [at, mask] of changes) bytes[at] = (bytes[at] ?? 0) ^ mask;
        expect(faultOf(opened(name, bytes))).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  test('with parts of it moved about gives a failure with its place, or a sound image', () => {
    const cuts = fc.array(fc.tuple(fc.nat(whole.length), fc.nat(whole.length)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(cuts, (parts) => {
        const bytes = parts.flatMap(([a, b]) => [...whole.subarray(Math.min(a, b), Math.max(a, b))]);
        expect(faultOf(opened(name, Uint8Array.from(bytes)))).toBeUndefined();
      }),
    );
  });

  test('any bytes at all under its name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(faultOf(opened(name, bytes))).toBeUndefined();
      }),
    );
  });
});
