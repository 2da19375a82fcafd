import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import type { Recipe } from '#shared/model/recipe.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { placeRegions } from '#main/plan/regions.ts';
import { smallChip } from './model-flash.ts';

// 12 pages of 32 bytes at 0, one page of 64 at 0x1000.
const CHIP = smallChip();
type Map = Pick<Recipe, 'partitions' | 'keep' | 'images' | 'unlock'>;
type Listed = Partial<Recipe['images'][number]>;

function image(address: number, size: number): ReleaseImage {
  const segments = [{ address, data: new Uint8Array(size).fill(0x5a) }];
  return { role: 'application', version: '1', file: 'a.bin', image: { format: 'bin', segments } };
}

function recipe(more: Partial<Map>, listed: Listed = {}): Map {
  return { images: [{ role: 'application', file: 'a.bin', version: '1', ...listed }], ...more };
}

const faultsOf = (map: Map, placed = image(64, 40)) =>
  placeRegions(map, CHIP, [placed]).faults.map(({ path, detail }) => `${path.join('.')}: ${detail}`);
const APP = { name: 'app', address: 64, size: 96 };

describe('a map of the flash', () => {
  test('that fits says nothing, and names what is kept', () => {
    const map = recipe(
      {
        partitions: [APP, { name: 'cal', address: 352, size: 32 }],
        keep: [{ partition: 'cal' }, { name: 'id', address: 0x1010, size: 8 }],
      },
      { partition: 'app', align: 64, erase: 'pages' },
    );
    const { faults, kept, images } = placeRegions(map, CHIP, [image(64, 40)]);
    expect(faults).toEqual([]);
    expect(kept.map(({ name, memory, address, size }) => [name, memory.name, address, size])).toEqual([
      ['cal', 'flash', 352, 32],
      ['id', 'uicr', 0x1010, 8],
    ]);
    expect(images).toEqual([image(64, 40)]);
  });

  test.each<[string, Map, ReleaseImage, string[]]>([
    [
      'a partition outside',
      recipe({ partitions: [{ name: 'p', address: 0x800, size: 32 }] }),
      image(64, 40),
      ['partitions.0: 0x00000800 is in no flash memory of Small chip'],
    ],
    [
      'a partition too large',
      recipe({ partitions: [{ name: 'p', address: 352, size: 64 }] }),
      image(64, 40),
      ['partitions.0: it ends at 0x000001A0, flash of Small chip ends at 0x00000180'],
    ],
    [
      'a partition within pages',
      recipe({ partitions: [{ name: 'p', address: 8, size: 32 }] }),
      image(64, 40),
      [
        'partitions.0: 0x00000008 is not where a page begins; flash is erased by 32 bytes',
        'partitions.0: 0x00000028 is not where a page begins; flash is erased by 32 bytes',
      ],
    ],
    [
      'partitions that overlap',
      recipe({ partitions: [APP, { name: 'q', address: 128, size: 64 }] }),
      image(64, 40),
      ['partitions.1: it overlaps app at 0x00000080'],
    ],
    [
      'two of one name',
      recipe({ partitions: [APP, { name: 'app', address: 256, size: 64 }] }),
      image(64, 40),
      ['partitions.1: there is already a partition app'],
    ],
    [
      'an unknown partition',
      recipe({ partitions: [APP] }, { partition: 'ota' }),
      image(64, 40),
      ['images.0.partition: there is no partition ota in this recipe'],
    ],
    [
      'a gap before the image',
      recipe({ partitions: [APP] }, { partition: 'app' }),
      image(72, 8),
      ['images.0.partition: the image leaves a gap of 8 bytes: it begins at 0x00000048, app at 0x00000040'],
    ],
    [
      'an image before its partition',
      recipe({ partitions: [APP] }, { partition: 'app' }),
      image(32, 8),
      ['images.0.partition: the image begins at 0x00000020, before app at 0x00000040'],
    ],
    [
      'an image too large',
      recipe({ partitions: [APP] }, { partition: 'app' }),
      image(64, 97),
      ['images.0.partition: the image is 1 bytes too large: it ends at 0x000000A1, app at 0x000000A0'],
    ],
    [
      'a bad alignment',
      recipe({}, { align: 64 }),
      image(96, 8),
      ['images.0.align: the image begins at 0x00000060, which is not a multiple of 0x00000040'],
    ],
    [
      'an erase without a partition',
      recipe({}, { erase: 'partition' }),
      image(64, 8),
      ['images.0.erase: name the partition that is erased'],
    ],
    [
      'an unknown kept partition',
      recipe({ keep: [{ partition: 'cal' }] }),
      image(64, 8),
      ['keep.0: there is no partition cal in this recipe'],
    ],
    [
      'a kept region outside',
      recipe({ keep: [{ name: 'k', address: 0x103c, size: 8 }] }),
      image(64, 8),
      ['keep.0: it ends at 0x00001044, uicr of Small chip ends at 0x00001040'],
    ],
    [
      'a kept byte in a page that is written',
      recipe({ keep: [{ name: 'k', address: 95, size: 1 }] }),
      image(64, 8),
      ['keep.0: the application writes the page that holds 0x0000005F of it: pages of 32 bytes are erased whole'],
    ],
    [
      'a kept byte in a partition that is erased',
      recipe(
        { partitions: [APP], keep: [{ name: 'k', address: 128, size: 32 }] },
        { partition: 'app', erase: 'partition' },
      ),
      image(64, 8),
      ['keep.0: the application writes the page that holds 0x00000080 of it: pages of 32 bytes are erased whole'],
    ],
    [
      'a mass erase of what is kept',
      recipe({ keep: [{ name: 'k', address: 128, size: 32 }], unlock: 'mass-erase' }),
      image(64, 8),
      ['unlock: a mass erase leaves nothing of what is to be kept: drop one of the two'],
    ],
  ])('is refused with the reason: %s', (_, map, placed, reasons) => {
    expect(faultsOf(map, placed)).toEqual(reasons);
  });

  test('an image whose partition is erased is all of it, erased bytes behind its own', () => {
    const map = recipe({ partitions: [APP] }, { partition: 'app', erase: 'partition' });
    const { images } = placeRegions(map, CHIP, [image(64, 40)]);
    const layout = layOut(CHIP, images);
    const want = new Uint8Array(96).fill(0xff).fill(0x5a, 0, 40);
    expect(layout.contents.bytes(64, 96)).toEqual(want);
    const { operations } = makePlan({ layout });
    const verified = operations.flatMap((each) => (each.op === 'verify' ? [[each.address, each.size]] : []));
    expect(verified.reduce((sum, [, size = 0]) => sum + size, 0)).toBe(96);
    const erased = operations.flatMap((each) => (each.op === 'invalidate' || each.op === 'erase' ? [each.size] : []));
    expect(erased.reduce((sum, size) => sum + size, 0)).toBe(96);
  });
});

test('no plan changes a byte of what is kept, or the recipe is refused', () => {
  const area = fc.record({ address: fc.nat(383), size: fc.integer({ min: 1, max: 100 }) });
  fc.assert(
    fc.property(area, area, fc.boolean(), (written, keep, canMassErase) => {
      fc.pre(written.address + written.size <= 384 && keep.address + keep.size <= 384);
      const map = recipe({ keep: [{ name: 'k', ...keep }] });
      const { faults, images, kept } = placeRegions(map, CHIP, [image(written.address, written.size)]);
      const first = Math.floor(written.address / 32) * 32;
      const last = Math.ceil((written.address + written.size) / 32) * 32;
      const meets = keep.address < last && first < keep.address + keep.size;
      expect(faults.length > 0).toBe(meets);
      if (meets) return;
      const massErasing = { ...CHIP, massErase: { ms: 0, memories: ['flash'] } };
      const { operations } = makePlan({ layout: layOut(massErasing, images, kept), canMassErase });
      const checks = operations.filter(({ op }) => op === 'verify-kept');
      expect(checks).toEqual([{ op: 'verify-kept', name: 'k', memory: 'flash', ...keep }]);
      const flags = operations.map(({ op }) => op);
      const validate = flags.lastIndexOf('validate');
      expect(validate < 0 || flags.indexOf('verify-kept') < validate).toBe(true);
      for (const each of operations) {
        if (each.op === 'lock' || each.op.startsWith('verify')) continue;
        expect(each.op).not.toBe('mass-erase');
        const isApart = each.address + each.size <= keep.address || keep.address + keep.size <= each.address;
        expect([each.op, isApart]).toEqual([each.op, true]);
      }
    }),
    { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
  );
});
