import { assert, integer, nat, property, uint8Array } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { readEspImage } from '#main/image/esp-image.ts';
import { espImage } from '#test/support/esp-unit.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const content = uint8Array({ minLength: 1, maxLength: 200 });

describe('an Espressif image', () => {
  it('tells its chip, its segments and that it is whole', () => {
    expect(readEspImage(espImage(9, Uint8Array.of(1, 2, 3, 4)))).toEqual({
      chipId: 9,
      chip: 'ESP32-S3',
      entry: 0x40080000,
      flashSize: '4 MiB',
      flashBytes: 0x400000,
      flashMode: 'dio',
      flashClock: 0,
      revisions: { min: 0, max: null },
      segments: [{ address: 0x40080000, size: 4 }],
      checksum: 'right',
      digest: 'right',
      size: 48 + 32,
    });
  });

  it.each([
    ['of the new fields', 9, 0, 2, 199, { min: 2, max: 199 }],
    ['any newer one', 9, 0, 2, 0xffff, { min: 2, max: null }],
    ['of the old field, which was the major one', 0, 3, 0, 0, { min: 300, max: null }],
    ['of the old field, which on ESP32-C3 was the minor one', 5, 3, 0, 0, { min: 3, max: null }],
    ['of the new fields, whatever the old one says', 5, 3, 4, 99, { min: 4, max: 99 }],
  ])('says on which revisions it runs: %s', (_words, chipId, old, min, max, revisions) => {
    const image = espImage(chipId, Uint8Array.of(1, 2, 3, 4), { min, max });
    image[14] = old;
    expect(readEspImage(image)?.revisions).toEqual(revisions);
  });

  it('with one bit flipped is no image, or one that says so, or one for other purposes', () => {
    assert(
      property(content, nat(), integer({ min: 0, max: 7 }), (some, place, bit) => {
        const image = espImage(0, some);
        const at = place % image.length;
        image[at] = (image[at] ?? 0) ^ (1 << bit);
        const found = readEspImage(image);
        // Byte 23 is the one that says whether a digest follows.
        const told = found?.checksum === 'wrong' || found?.digest === 'wrong' || at === 23;
        expect(found === undefined || told).toBe(true);
      }),
      { numRuns },
    );
  });

  it('cut short is none, or misses its digest', () => {
    assert(
      property(content, nat(), (some, length) => {
        const image = espImage(0, some);
        const found = readEspImage(image.subarray(0, length % image.length));
        expect(found?.digest ?? 'wrong').toBe('wrong');
      }),
      { numRuns },
    );
  });

  it('is told from any other bytes without a throw', () => {
    assert(
      property(uint8Array({ maxLength: 120 }), (bytes) => {
        const found = readEspImage(Uint8Array.of(0xe9, ...bytes));
        expect(found === undefined || found.size <= bytes.length + 1).toBe(true);
      }),
      { numRuns },
    );
    expect(readEspImage(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46))).toBeUndefined();
    expect(readEspImage(new Uint8Array())).toBeUndefined();
  });
});
