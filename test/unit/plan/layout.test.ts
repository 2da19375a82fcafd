import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { bootMemories, type ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Role } from '#shared/model/recipe.ts';
import { programRuns, withErased } from '#main/plan/contents.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { smallChip } from './model-flash.ts';

function image(role: Role, ...segments: readonly (readonly [address: number, ...bytes: number[]])[]): ReleaseImage {
  const parsed = segments.map(([address, ...bytes]) => ({ address, data: Uint8Array.from(bytes) }));
  return { role, version: '1', file: `${role}.hex`, image: { format: 'ihex', segments: parsed } };
}

function failureOf(chip: ChipDescription, ...images: readonly ReleaseImage[]) {
  try {
    layOut(chip, images);
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  return undefined;
}

const chip = smallChip();

describe('what may not be laid out', () => {
  test('two images in one page', () => {
    const failure = failureOf(chip, image('application', [0x30, 1]), image('bootloader', [0, 1], [0x2f, 2]));
    expect(failure).toMatchObject({ code: 'image-overlap', params: { address: '0x00000020' } });
    expect(failure?.cause).toContain('bootloader.hex');
  });

  test.each([
    ['beyond the end', [0x17f, 1, 2], '0x00000180'],
    ['in RAM', [0x20000000, 1], '0x20000000'],
    ['before a memory', [0xfff, 1, 2], '0x00000FFF'],
  ] as const)('bytes %s', (_what, segment, address) => {
    expect(failureOf(chip, image('application', [...segment]))).toMatchObject({
      code: 'image-outside-memory',
      where: { file: 'application.hex' },
      params: { address, chip: 'Small chip' },
    });
  });

  test('a lock word, even a part of it, with any but its unlocked value', () => {
    expect(failureOf(chip, image('application', [0x1009, 0xff, 0x5a]))).toMatchObject({
      code: 'image-writes-lock',
      where: { address: 0x100a },
      params: { lock: 'LOCK', address: '0x00001008' },
    });
  });

  test('nothing but an unlocked lock word', () => {
    expect(failureOf(chip, image('application', [0x1008, 0xff, 0xff, 0xff, 0xff]))?.code).toBe('image-empty');
  });
});

describe('lock words', () => {
  test('with their unlocked value are dropped: their page stays untouched', () => {
    const layout = layOut(chip, [image('application', [0, 1], [0x1008, 0xff, 0xff, 0xff, 0xff])]);
    expect(layout.pages.map((page) => page.address)).toEqual([0]);
  });

  test('stay unlocked in a page that is rewritten, where unlocked is not erased', () => {
    const odd = { ...chip, locks: [{ name: 'LOCK', memory: 'uicr', address: 0x1008, size: 4, unlocked: 0x5aa55a01 }] };
    const layout = layOut(odd, [image('application', [0x1000, 7])]);
    expect(layout.contents.bytes(0x1006, 8)).toEqual(Uint8Array.of(0xff, 0xff, 0x01, 0x5a, 0xa5, 0x5a, 0xff, 0xff));
  });
});

describe('a layout', () => {
  test('splits a segment where one flash memory ends and the next begins', () => {
    const [flash] = chip.memories;
    if (flash?.kind !== 'flash') throw new Error('the small chip begins with flash');
    const second = { ...flash, name: 'bank2', start: flash.size };
    const layout = layOut({ ...chip, memories: [flash, second] }, [image('application', [flash.size - 2, 1, 2, 3, 4])]);
    const segments = layout.images[0]?.segments.map(({ memory, address, data }) => [memory.name, address, ...data]);
    expect(segments).toEqual([
      ['flash', flash.size - 2, 1, 2],
      ['bank2', flash.size, 3, 4],
    ]);
    expect(layout.images[0]?.sha256).toBe(sha256Hex(Uint8Array.of(1, 2, 3, 4)));
  });

  test('flags are whole words of the lowest segment in the memory that the chip boots from', () => {
    const layout = layOut(chip, [
      image('bootloader', [2, 1, 2, 3]),
      image('application', [0x1000, 9], [0x42, ...Array.from({ length: 20 }, (_, i) => i)]),
      image('filesystem', [0x100, 1]),
    ]);
    expect(layout.flags.map(({ role, address, bytes }) => [role, address, [...bytes]])).toEqual([
      ['bootloader', 0, [0xff, 0xff, 1, 2, 3, 0xff, 0xff, 0xff]],
      ['application', 0x40, [0xff, 0xff, 0, 1, 2, 3, 4, 5]],
    ]);
  });

  test('hashes a segment as it is, and as it is before its flag is set', () => {
    const bytes = Array.from({ length: 12 }, (_, i) => i + 1);
    const segment = layOut(chip, [image('application', [0, ...bytes])]).images[0]?.segments[0];
    expect(segment?.sha256).toBe(sha256Hex(Uint8Array.from(bytes)));
    expect(segment?.sha256WithoutFlag).toBe(sha256Hex(Uint8Array.from(bytes).fill(0xff, 0, 8)));
  });
});

describe('contents', () => {
  const layout = layOut(chip, [image('application', [0x1e, 1, 2, 3, 4], [0x1000, 5])]);

  test('are the images’ bytes on an erased background, across pages', () => {
    expect([...layout.contents.bytes(0x1c, 8)]).toEqual([0xff, 0xff, 1, 2, 3, 4, 0xff, 0xff]);
    expect([...layout.contents.bytes(0x100, 2)]).toEqual([0xff, 0xff]);
  });

  test('exist in one flash memory only', () => {
    expect(() => layout.contents.bytes(0x17e, 4)).toThrow(RangeError);
  });

  test('can be had with a range still erased', () => {
    const [flag] = layout.flags;
    if (!flag) throw new Error('no flag');
    const without = withErased(layout.contents, flag.memory, flag.address, flag.bytes.length);
    expect(flag.bytes).toHaveLength(8);
    expect([...without.bytes(0x1c, 10)]).toEqual(Array.from({ length: 10 }, () => 0xff));
    expect([...layout.contents.bytes(0x1e, 2)]).toEqual([1, 2]);
  });
});

describe('runs to program', () => {
  const [memory] = chip.memories;
  const bytes = fc
    .array(
      fc.oneof(fc.constant([0xff, 0xff, 0xff, 0xff]), fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))),
    )
    .map((words) => Uint8Array.from(words.flat()));

  test('hold every word that is not erased, begin and end with one, and join only small gaps', () => {
    if (memory?.kind !== 'flash') throw new Error('the small chip begins with flash');
    fc.assert(
      fc.property(bytes, fc.nat(12), (data, maxGap) => {
        const back = new Uint8Array(data.length).fill(0xff);
        let end = Number.NEGATIVE_INFINITY;
        for (const run of programRuns(memory, 0x40, data, maxGap)) {
          expect(run.address - end).toBeGreaterThan(maxGap);
          expect([...run.bytes.subarray(0, 4)]).not.toEqual([0xff, 0xff, 0xff, 0xff]);
          expect([...run.bytes.subarray(-4)]).not.toEqual([0xff, 0xff, 0xff, 0xff]);
          back.set(run.bytes, run.address - 0x40);
          end = run.address + run.bytes.length;
        }
        expect(back).toEqual(data);
      }),
    );
  });
});

describe('a chip whose sectors differ in size', () => {
  const flash = { kind: 'flash', word: 4, erased: 0xff, zeroable: true, eraseMs: 1, wordUs: 1 } as const;
  const chip = {
    ...smallChip(),
    memories: [
      { ...flash, name: 'small', start: 0, size: 64, page: 32 },
      { ...flash, name: 'large', start: 64, size: 256, page: 128 },
      { ...flash, name: 'apart', start: 0x400, size: 256, page: 128 },
    ],
  };
  const at = (role: 'bootloader' | 'application', address: number): ReleaseImage => {
    const segments = [{ address, data: new Uint8Array(40).fill(7) }];
    return { role, version: '1', file: role, image: { format: 'bin', segments } };
  };

  test('has its flags in any of the memories that follow one another from the boot vectors on', () => {
    expect(bootMemories(chip).map(({ name }) => name)).toEqual(['small', 'large']);
    const { flags } = layOut(chip, [at('bootloader', 0), at('application', 64)]);
    expect(flags.map(({ memory, address }) => [memory.name, address])).toEqual([
      ['small', 0],
      ['large', 64],
    ]);
  });

  test('and none in a memory apart from them', () => {
    expect(layOut(chip, [at('application', 0x400)]).flags).toEqual([]);
  });
});
