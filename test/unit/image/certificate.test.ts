import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import {
  COMPRESSED_BYTES,
  type CompressedCertificate,
  readCompressed,
  SERIAL_SOURCES,
  type SerialSource,
  writeCompressed,
} from '#main/image/certificate/compressed.ts';
import { childrenOf, readDer } from '#main/image/certificate/der.ts';
import { compressCertificate, expandCertificate } from '#main/image/certificate/x509.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };

const fields: fc.Arbitrary<CompressedCertificate> = fc.record({
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  issued: fc
    .date({ min: new Date(Date.UTC(2000, 0, 1)), max: new Date(Date.UTC(2031, 11, 31, 23)), noInvalidDate: true })
    .map((date) => ({
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
    })),
  expireYears: fc.integer({ min: 0, max: 31 }),
  signerId: fc.integer({ min: 0, max: 0xffff }),
  templateId: fc.integer({ min: 0, max: 15 }),
  chainId: fc.integer({ min: 0, max: 15 }),
  serialSource: fc.constantFrom(...(Object.keys(SERIAL_SOURCES) as SerialSource[])),
});

/** Undefined where it was refused; anything but that stays thrown. */
function orRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

describe('the 72 bytes', () => {
  it('say what they were made of, whatever that is', () => {
    fc.assert(
      fc.property(fields, (each) => {
        const bytes = writeCompressed(each);
        expect(bytes).toHaveLength(COMPRESSED_BYTES);
        expect(readCompressed(bytes)).toEqual(each);
      }),
      RUNS,
    );
  });

  it('have their fields where Microchip has them', () => {
    const bytes = writeCompressed({
      signature: new Uint8Array(64).fill(0x11),
      issued: { year: 2013, month: 11, day: 10, hour: 9 },
      expireYears: 28,
      signerId: 0xc0fe,
      templateId: 3,
      chainId: 5,
      serialSource: 'key-hash',
    });
    // 01101 1011 01010 01001 11100
    expect([...bytes.subarray(64)]).toEqual([0x6d, 0xa9, 0x3c, 0xc0, 0xfe, 0x35, 0xa0, 0x00]);
  });

  it('of any bytes are a certificate’s that is written the same, or refused with a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 70, maxLength: 74 }), (bytes) => {
        const read = orRefused(() => readCompressed(bytes));
        expect(read === undefined || equalBytes(writeCompressed(read), bytes)).toBe(true);
      }),
      RUNS,
    );
  });

  it.each([
    ['a day that there is not', { issued: { year: 2023, month: 2, day: 29, hour: 0 } }],
    ['a year that five bits cannot say', { issued: { year: 2032, month: 1, day: 1, hour: 0 } }],
    ['too many years', { expireYears: 32 }],
    ['an id of another size', { templateId: 16 }],
  ])('are not made of %s', (_, wrong) => {
    const [good] = fc.sample(fields, { numRuns: 1, seed: 1 });
    expect(() => writeCompressed({ ...(good as CompressedCertificate), ...wrong })).toThrow(RangeError);
  });
});

describe('any bytes as a certificate', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.uint8Array({ minLength: 4, maxLength: 60 }).map((bytes) => Uint8Array.of(0x30, bytes.length, ...bytes)),
  );

  it('are read as DER to their end, or refused', () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const der = orRefused(() => readDer(bytes));
        const children = orRefused(() => childrenOf(der ?? { content: bytes })) ?? [];
        const sum = children.reduce((size, child) => size + child.bytes.length, 0);
        expect([0, (der?.content ?? bytes).length]).toContain(sum);
      }),
      RUNS,
    );
  });

  it('are compressed by nobody, and are no template', () => {
    const options = { templateId: 0, chainId: 0, serialSource: 'key-hash' } as const;
    const [good] = fc.sample(fields, { numRuns: 1, seed: 2 });
    const compressed = writeCompressed(good as CompressedCertificate);
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(() => compressCertificate(bytes, options)).toThrow(RangeError);
        expect(() => expandCertificate(compressed, bytes, new Uint8Array(64))).toThrow(RangeError);
      }),
      RUNS,
    );
  });
});
