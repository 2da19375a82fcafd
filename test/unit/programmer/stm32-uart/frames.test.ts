import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import {
  addressFrame,
  commandFrame,
  dataFrame,
  eraseAllFrame,
  eraseFrame,
  extendedEraseFrame,
  lengthFrame,
  massEraseFrame,
} from '#main/programmer/stm32-uart/frames.ts';

const xor = (bytes: Iterable<number>) => [...bytes].reduce((sum, byte) => sum ^ byte, 0);

/** Examples of AN3155, 3, byte for byte. */
describe('frames of the boot loader’s protocol', () => {
  it.each([
    ['GET', commandFrame(0x00), [0x00, 0xff]],
    ['READ', commandFrame(0x11), [0x11, 0xee]],
    ['EXTENDED ERASE', commandFrame(0x44), [0x44, 0xbb]],
    ['READOUT UNPROTECT', commandFrame(0x92), [0x92, 0x6d]],
    ['an address', addressFrame(0x0800_0000), [0x08, 0x00, 0x00, 0x00, 0x08]],
    ['256 bytes to read', lengthFrame(256), [0xff, 0x00]],
    ['one byte to read', lengthFrame(1), [0x00, 0xff]],
    ['one byte to write', dataFrame(Uint8Array.of(0xa5)), [0x00, 0xa5, 0xa5]],
    ['one page to erase', eraseFrame([3]), [0x00, 0x03, 0x03]],
    ['everything to erase', eraseAllFrame(), [0xff, 0x00]],
    ['two pages of many to erase', extendedEraseFrame([0x102, 3]), [0x00, 0x01, 0x01, 0x02, 0x00, 0x03, 0x01]],
    ['everything of many to erase', massEraseFrame('all'), [0xff, 0xff, 0x00]],
    ['bank 1 to erase', massEraseFrame('bank-1'), [0xff, 0xfe, 0x01]],
    ['bank 2 to erase', massEraseFrame('bank-2'), [0xff, 0xfd, 0x02]],
  ])('%s', (_, frame, bytes) => {
    expect([...frame]).toEqual(bytes);
  });

  it('sum up to nothing, whatever they carry', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 256 }),
        fc.nat(0xffff_ffff),
        fc.array(fc.nat(0xffef), { minLength: 1, maxLength: 300 }),
        (data, address, pages) => {
          expect(xor(dataFrame(data))).toBe(0);
          expect(dataFrame(data).length).toBe(data.length + 2);
          expect(xor(addressFrame(address))).toBe(0);
          expect(xor(extendedEraseFrame(pages))).toBe(0);
        },
      ),
    );
  });
});
