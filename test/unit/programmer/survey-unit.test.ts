import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { isFilledWith } from '#shared/base/bytes.ts';
import { ChipDescription, type FlashMemory } from '#shared/model/chip.ts';
import { layOut } from '#main/plan/layout.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { ArrayFlash, ioWith, TINY } from './array-flash.ts';

/** As TINY, with a mass erase that is worth a look at most pages. */
const CHIP = ChipDescription.parse({ ...TINY, massErase: { ms: 3, memories: ['flash', 'uicr'] } });

const PAGE = 64;
/** So many pages that a few of them are tried first. */
const LARGE = ChipDescription.parse({
  ...CHIP,
  memories: CHIP.memories.map((memory) => (memory.name === 'flash' ? { ...memory, size: 64 * PAGE } : memory)),
});

function release(data: Uint8Array, chip = TINY) {
  const image = { format: 'bin', segments: [{ address: 0, data }] } as const;
  return layOut(chip, [{ role: 'application', version: '1', file: 'a', image }]);
}

/** Says what it was asked. */
class SamplingFlash extends ArrayFlash {
  surveyed = 0;
  sampled = 0;

  override survey(memory: FlashMemory, address: number, size: number) {
    this.surveyed += size;
    return super.survey(memory, address, size);
  }

  async sample(addresses: readonly number[], length: number): Promise<Uint8Array> {
    this.sampled += addresses.length;
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
        fc.oneof(fc.integer({ min: 8, max: 512 }), fc.integer({ min: 32 * PAGE, max: 64 * PAGE })).chain(bytes),
        fc.constantFrom('blank', 'same', 'nearly'),
        fc.nat(64 * PAGE - 1),
        fc.boolean(),
        async (data, before, damage, massErase) => {
          const layout = release(data, data.length > 512 ? LARGE : massErase ? CHIP : TINY);
          const device = new SamplingFlash(layout.chip);
          if (before !== 'blank') for (const page of layout.pages) device.at(page.address, 64).set(page.bytes);
          if (before === 'nearly') device.at(damage % data.length, 1).fill(0x5a);
          const wrong: string[] = [];
          for (const { address, blank, digest } of await surveyUnit(layout, device, ioWith())) {
            const held = device.at(address, 64);
            const isBlank = isFilledWith(held, 0xff);
            const wanted = layout.pages.find((page) => page.address === address);
            const isRight = pageDigest(held) === wanted?.digest;
            if (blank && !isBlank) wrong.push(`${address} is not blank`);
            if (wanted && digest === wanted.digest && !isRight) wrong.push(`${address} is not as wanted`);
            if (isRight && !isBlank && digest !== wanted.digest) wrong.push(`${address} would be written again`);
          }
          expect(wrong).toEqual([]);
        },
      ),
    );
  });

  it('reads nothing whole of a unit that is to be rewritten from its first bytes on', async () => {
    const layout = release(new Uint8Array(512).fill(0x11));
    const device = new SamplingFlash();
    device.at(0, 512).fill(0x22);
    await surveyUnit(layout, device, ioWith());
    expect(device.surveyed).toBe(0);
  });

  it.each([
    ['nothing', [], 8],
    ['a page that is not tried', [33], 8],
    ['a page that is tried', [27], 8 + 40],
  ] as const)(
    'asks for digests of all where the few pages that it tries look right: %s differs',
    async (_, pages, sampled) => {
      const layout = release(new Uint8Array(40 * PAGE).fill(0x11), LARGE);
      const device = new SamplingFlash(LARGE);
      device.at(0, 40 * PAGE).fill(0x11);
      for (const page of pages) device.at(page * PAGE, 1).fill(0x22);
      const wanted = new Map(layout.pages.map(({ address, digest }) => [address, digest]));
      const states = await surveyUnit(layout, device, ioWith());
      expect(states).toHaveLength(40);
      const differing = states.filter(({ address, digest }) => digest !== wanted.get(address));
      expect(differing.map(({ address }) => address / PAGE)).toEqual(pages);
      expect(device.sampled).toBe(sampled);
      expect(device.surveyed).toBe(PAGE * (sampled === 8 ? 40 : 39));
    },
  );
});
