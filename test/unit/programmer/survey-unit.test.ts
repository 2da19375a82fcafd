import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { isFilledWith } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import { ChipDescription, type FlashMemory } from '#shared/model/chip.ts';
import { layOut } from '#main/plan/layout.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { ArrayFlash, ioWith, TINY } from './array-flash.ts';

/** As TINY, with a mass erase that is worth a look at most pages. */
const CHIP = ChipDescription.parse({ ...TINY, massErase: { ms: 3, memories: ['flash', 'uicr'] } });

/** Says what it was asked. */
class SamplingFlash extends ArrayFlash {
  surveyed = 0;

  override survey(memory: FlashMemory, address: number, size: number) {
    this.surveyed += size;
    return super.survey(memory, address, size);
  }

  async sample(addresses: readonly number[], length: number): Promise<Uint8Array> {
    return Uint8Array.from(addresses.flatMap((address) => [...this.at(address, length)]));
  }

  eraseAll(): Promise<void> {
    return Promise.resolve();
  }
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('surveyUnit', () => {
  it('never calls a page blank or right that is not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 8, max: 512 }).chain(bytes),
        fc.constantFrom('blank', 'same', 'nearly'),
        fc.nat(511),
        fc.boolean(),
        async (data, before, damage, massErase) => {
          const layout = layOut(massErase ? CHIP : TINY, [
            {
              role: 'application',
              version: '1',
              file: 'a',
              image: { format: 'bin', segments: [{ address: 0, data }] },
            },
          ]);
          const device = new SamplingFlash();
          if (before !== 'blank') for (const page of layout.pages) device.at(page.address, 64).set(page.bytes);
          if (before === 'nearly') device.at(damage, 1).fill(0x5a);
          const wrong: string[] = [];
          for (const { address, blank, crc32: crc } of await surveyUnit(layout, device, ioWith())) {
            const held = device.at(address, 64);
            const isBlank = isFilledWith(held, 0xff);
            const wanted = layout.pages.find((page) => page.address === address);
            const isRight = crc32(held) === wanted?.crc32;
            if (blank && !isBlank) wrong.push(`${address} is not blank`);
            if (wanted && crc === wanted.crc32 && !isRight) wrong.push(`${address} is not as wanted`);
            if (isRight && !isBlank && crc !== wanted.crc32) wrong.push(`${address} would be written again`);
          }
          expect(wrong).toEqual([]);
        },
      ),
    );
  });

  it('reads nothing whole of a unit that is to be rewritten from its first bytes on', async () => {
    const data = new Uint8Array(512).fill(0x11);
    const layout = layOut(TINY, [
      { role: 'application', version: '1', file: 'a', image: { format: 'bin', segments: [{ address: 0, data }] } },
    ]);
    const device = new SamplingFlash();
    device.at(0, 512).fill(0x22);
    await surveyUnit(layout, device, ioWith());
    expect(device.surveyed).toBe(0);
  });
});
