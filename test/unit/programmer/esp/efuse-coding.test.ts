import { assert, constantFrom, integer, property, uint8Array, uniqueArray } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import { decode, encode } from '#main/bench/uart/esp/efuse/rs-code.ts';
import { threeQuarters } from '#main/bench/uart/esp/efuse/three-quarters.ts';
import { CAPACITY, checkBytes, coded, generator, macCrc, reedSolomon } from '#main/programmer/esp/efuse/coding.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const block = uint8Array({ minLength: 32, maxLength: 32 });

/** Powers of 2 in GF(256) of the polynomial 0x11D. */
function power(exponent: number): number {
  let value = 1;
  for (let left = exponent; left > 0; left--) value = value >= 0x80 ? ((value << 1) ^ 0x11d) & 0xff : value << 1;
  return value;
}

describe('the Reed-Solomon code of eFuse blocks', () => {
  it('has the generators that QR codes have, which use the same field (ISO/IEC 18004, annex A)', () => {
    expect([...generator(10)]).toEqual([251, 67, 46, 61, 118, 70, 64, 94, 32, 45].map(power));
    expect([...generator(12)]).toEqual([102, 43, 98, 121, 187, 113, 198, 143, 131, 87, 157, 66].map(power));
  });

  it('makes the check words of a QR code that is often printed (HELLO WORLD, 1-M)', () => {
    const data = Uint8Array.of(32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17);
    expect([...checkBytes(data, 10)]).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
  });

  it('is what another encoder makes, and a decoder takes without a correction', () => {
    assert(
      property(block, (data) => {
        const code = reedSolomon(data);
        expect(toHex(code)).toBe(toHex(encode(data)));
        expect(decode(code)).toMatchObject({ data, corrected: 0, failed: false });
      }),
      { numRuns },
    );
  });

  it('puts up to six spoiled bytes right, and says how many', () => {
    const spoils = uniqueArray(integer({ min: 0, max: 43 }), { maxLength: 6 });
    assert(
      property(block, spoils, integer({ min: 1, max: 255 }), (data, places, change) => {
        const code = reedSolomon(data);
        for (const at of places) code[at] = (code[at] ?? 0) ^ change;
        expect(decode(code)).toMatchObject({ data, corrected: places.length, failed: false });
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it('never takes seven spoiled bytes for the data that was written', () => {
    const spoils = uniqueArray(integer({ min: 0, max: 43 }), { minLength: 7, maxLength: 20 });
    assert(
      property(block, spoils, integer({ min: 1, max: 255 }), (data, places, change) => {
        const code = reedSolomon(data);
        for (const at of places) code[at] = (code[at] ?? 0) ^ change;
        const found = decode(code);
        expect(found.failed || toHex(found.data) !== toHex(data)).toBe(true);
      }),
      { numRuns: numRuns / 4 },
    );
  });
});

describe('ESP32’s coding schemes', () => {
  it('3/4 is undone by a decoder, which tells of each bit that is another', () => {
    assert(
      property(uint8Array({ minLength: 24, maxLength: 24 }), integer({ min: 0, max: 255 }), (data, bit) => {
        const code = coded('3/4', data);
        expect(threeQuarters(code)).toEqual({ data, failed: false });
        code[bit >>> 3] = (code[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        expect(threeQuarters(code).failed).toBe(true);
      }),
      { numRuns },
    );
  });

  it('of six bytes 3/4 keeps their exclusive or and the places of their ones', () => {
    // 1 at place 1, two ones at place 6: 1 + 12.
    expect(toHex(coded('3/4', Uint8Array.of(0x01, 0, 0, 0, 0, 0x81)).subarray(0, 8))).toBe('010000000081800d');
  });

  it('none leaves the data, repeat writes it twice', () => {
    assert(
      property(constantFrom('none' as const, 'repeat' as const), block, (scheme, data) => {
        const kept = toHex(data.subarray(0, CAPACITY[scheme]));
        expect(toHex(coded(scheme, data))).toBe(scheme === 'none' ? kept : kept + kept);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the CRC of a MAC address', () => {
  it.each([
    ['94b97e5a6e58', 0xe2],
    ['486392157216', 0x75],
  ])('of %s is what Espressif’s documentation of espefuse shows', (mac, crc) => {
    expect(macCrc(fromHex(mac))).toBe(crc);
  });
});
