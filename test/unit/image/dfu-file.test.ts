import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { describeImage } from '#main/image/describe-image.ts';
import { writeDfu, writeDfuSe } from '#main/image/dfu-file.ts';
import { openImage } from '#main/image/open-image.ts';
import { failureOf } from './failure-of.ts';
import { anySegments } from './segments-arbitrary.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };
const DEVICE = { vendorId: 0x0483, productId: 0xdf11, release: 0xffff };
const DATA = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
const FILE = writeDfuSe([{ address: 0x0800_0000, data: DATA }], DEVICE, 'ST');

/** `read`, or the failure's code; anything thrown that is not ours stays thrown. */
function endOf(work: () => unknown): string {
  try {
    work();
    return 'read';
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}

describe('a DfuSe file', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(anySegments, (segments) => {
        fc.pre(segments.length > 0);
        const image = openImage('a.dfu', writeDfuSe(segments, DEVICE, 'target'));
        expect(image).toEqual({ format: 'dfuse', segments, device: DEVICE });
      }),
      { numRuns: 200 },
    );
  });

  test('says which device it is for', () => {
    expect(describeImage(openImage('a.dfu', FILE))).toMatchObject({ format: 'dfuse', device: '0483:df11', size: 40 });
  });

  test('that lost or changed a byte is damaged, wherever that was', () => {
    for (let at = 0; at < FILE.length; at++) {
      const bad = FILE.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      expect(['image-syntax', 'image-format']).toContain(failureOf(() => openImage('a.dfu', bad)).code);
      expect(failureOf(() => openImage('a.dfu', FILE.subarray(0, at))).code).toMatch(/^image-/u);
    }
  });

  test('whose CRC is right may still be nonsense', () => {
    fc.assert(
      fc.property(fc.nat(FILE.length - 17), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, noise) => {
        const body = FILE.slice(0, -16);
        body.set(noise.subarray(0, body.length - at), at);
        expect(endOf(() => openImage('a.dfu', writeDfu(body, DEVICE), { address: 0 }))).toMatch(/^(?:read|image-)/u);
      }),
      RUNS,
    );
  });
});

describe('a plain DFU file', () => {
  test('is bytes that go where the recipe says', () => {
    const file = writeDfu(DATA, DEVICE);
    expect(openImage('a.dfu', file, { address: 0x100 })).toEqual({
      format: 'dfu',
      segments: [{ address: 0x100, data: DATA }],
      device: DEVICE,
    });
    expect(failureOf(() => openImage('a.dfu', file)).code).toBe('image-needs-address');
    expect(
      describeImage(openImage('noname', writeDfu(DATA, { ...DEVICE, productId: 0xffff }), { address: 0 })).device,
    ).toBe('0483:any');
  });

  test('may be any bytes with any name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(endOf(() => openImage('a.dfu', bytes, { address: 0 }))).toMatch(/^(?:read|image-)/u);
      }),
      RUNS,
    );
  });
});
