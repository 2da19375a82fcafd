import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test, vi } from 'vitest';
import { elementCrc } from '#main/bench/i2c/atecc608/commands.ts';
import { placeAddress, read, write } from '#main/programmer/atecc/commands.ts';
import { readConfigZone } from '#main/programmer/atecc/config-zone.ts';
import { ateccCrc } from '#main/programmer/atecc/crc.ts';
import { commandBytes, readAnswer } from '#main/programmer/atecc/packets.ts';
import { fromHex, toHex } from '#shared/base/bytes.ts';

vi.setConfig({ testTimeout: 60_000 });
const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };
const bytes = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength });

describe('the CRC', () => {
  // The answer to waking up and the two shortest statuses are in every data sheet and driver.
  test.each([
    ['0411', '3343'],
    ['0400', '0340'],
    ['0730000000', '035d'],
    ['0702000000', '1e2d'],
  ])('of %s is %s, low byte first', (content, expected) => {
    const crc = ateccCrc(fromHex(content));
    expect(toHex(Uint8Array.of(crc & 0xff, crc >>> 8))).toBe(expected);
  });

  test('is the same by the bench’s own arithmetic', () => {
    fc.assert(
      fc.property(bytes(160), (content) => {
        expect(ateccCrc(content)).toBe(elementCrc(content));
      }),
      RUNS,
    );
  });
});

describe('commands', () => {
  test('say count, opcode and parameters, little endian', () => {
    const block = read({ zone: 'data', slot: 9, offset: 64 - 32 }, 32);
    expect(toHex(commandBytes(block)).slice(0, 12)).toBe('030702824801');
  });

  // DS20005927A, 9.1.4: bits 0-2 word; then the block, or the slot and the block above it.
  test.each([
    [{ zone: 'config', offset: 84 }, 0x15],
    [{ zone: 'otp', offset: 32 }, 0x08],
    [{ zone: 'data', slot: 0, offset: 32 }, 0x100],
    [{ zone: 'data', slot: 8, offset: 412 }, 0xc47],
    [{ zone: 'data', slot: 15, offset: 64 }, 0x278],
  ] as const)('address %j as 0x%s', (place, expected) => {
    expect(placeAddress(place)).toBe(expected);
  });

  test('carry 4 bytes or 32', () => {
    expect(commandBytes(write({ zone: 'config', offset: 16 }, new Uint8Array(4)))).toHaveLength(12);
    expect(commandBytes(write({ zone: 'config', offset: 96 }, new Uint8Array(32)))[3]).toBe(0x80);
  });
});

describe('answers', () => {
  const answer = (content: Uint8Array) => {
    const head = Uint8Array.of(content.length + 3, ...content);
    const crc = ateccCrc(head);
    return Uint8Array.of(...head, crc & 0xff, crc >>> 8);
  };

  test('of any bytes are data, a status or spoiled, and never more than was sent', () => {
    fc.assert(
      fc.property(bytes(80), fc.constantFrom(1, 4, 32, 64), (sent, expected) => {
        const found = readAnswer(sent, expected);
        const whole =
          found.kind === 'data' ? found.data.length === expected : found.kind === 'spoiled' || sent.length > 3;
        expect(whole).toBe(true);
      }),
      RUNS,
    );
  });

  test('are read whatever follows them, and not with any one bit turned', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 4, 32, 64),
        fc.nat(),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (size, at, all) => {
          const content = all.subarray(0, size);
          const sent = answer(content);
          const found = readAnswer(Uint8Array.of(...sent, 0xff, 0xff), size);
          expect(found).toEqual(size === 1 ? { kind: 'status', status: content[0] } : { kind: 'data', data: content });
          const bit = at % (sent.length * 8);
          sent[bit >> 3] = (sent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(readAnswer(sent, size).kind).toBe('spoiled');
        },
      ),
      RUNS,
    );
  });
});

test('every 128 bytes are a configuration', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), (zone) => {
      const { serial, slots, configLocked } = readConfigZone(zone);
      expect(serial).toHaveLength(18);
      expect(slots).toHaveLength(16);
      expect(configLocked).toBe(zone[87] !== 0x55);
    }),
    RUNS,
  );
  expect(() => readConfigZone(new Uint8Array(127))).toThrow(RangeError);
});
