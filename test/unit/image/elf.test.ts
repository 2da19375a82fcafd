import { describe, expect, test } from 'vitest';
import { writeU32 } from '#shared/base/bytes.ts';
import { readElf } from '#main/image/elf.ts';
import { failureOf } from './failure-of.ts';
import { tinyElf } from './tiny-elf.ts';

const segments = [
  { physical: 0x1000, data: Uint8Array.of(5, 6) },
  { physical: 0x2000, data: new Uint8Array(0) },
  { type: 4, physical: 0x3000, data: Uint8Array.of(9) },
  { physical: 0, data: Uint8Array.of(1, 2, 3) },
];
const FIRST = 52;

function patched(change: (elf: Uint8Array) => void): Uint8Array {
  const elf = tinyElf(segments);
  change(elf);
  return elf;
}

describe('ELF', () => {
  test('loads what PT_LOAD headers hold, at physical addresses', () => {
    expect(readElf('a.elf', tinyElf(segments))).toEqual({
      format: 'elf',
      entry: 0x101,
      segments: [
        { address: 0, data: Uint8Array.of(1, 2, 3) },
        { address: 0x1000, data: Uint8Array.of(5, 6) },
      ],
    });
  });

  test.each([
    ['a cut header', tinyElf(segments).subarray(0, 51), 51, 'an ELF header of 52 bytes'],
    ['no magic', patched((elf) => elf.set([0x7e])), 0, 'the ELF magic'],
    ['64 bits', patched((elf) => elf.set([2], 4)), 4, '32-bit'],
    ['big endian', patched((elf) => elf.set([2], 5)), 5, 'little-endian'],
    ['an object file', patched((elf) => elf.set([1], 16)), 16, 'a linked program'],
    ['another machine', patched((elf) => elf.set([62], 18)), 18, 'a program for Arm'],
    ['no program headers', patched((elf) => elf.set([0], 44)), 44, 'program headers; the file has none'],
    ['headers too small', patched((elf) => elf.set([31], 42)), 42, 'program headers of 32 bytes'],
    ['headers outside', patched((elf) => writeU32(elf, 28, 0xfffffff0)), 28, 'program headers inside the file'],
    ['a segment outside', patched((elf) => writeU32(elf, FIRST + 4, 0xffffffff)), FIRST, 'a segment inside the file'],
    ['a segment past 4 GiB', patched((elf) => writeU32(elf, FIRST + 12, 0xffffffff)), FIRST, 'ends below 4 GiB'],
    ['less memory than file', patched((elf) => writeU32(elf, FIRST + 20, 1)), FIRST, 'memory size holds its file size'],
  ])('names the offset and what was expected: %s', (_what, elf, offset, expected) => {
    const failure = failureOf(() => readElf('a.elf', elf));
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'a.elf', offset } });
    expect(failure.params['expected']).toContain(expected);
  });

  test('headers that share the file’s bytes cannot ask for more than the file holds', () => {
    const data = new Uint8Array(4096);
    const elf = tinyElf([
      { physical: 0, data },
      ...Array.from({ length: 9 }, () => ({ physical: 0, data: data.subarray(0, 0) })),
    ]);
    for (let index = 1; index < 10; index++) elf.copyWithin(52 + 32 * index, 52, 52 + 32);
    for (let index = 1; index < 10; index++) writeU32(elf, 52 + 32 * index + 12, index * 0x10000);
    expect(failureOf(() => readElf('a.elf', elf)).params['expected']).toContain('do not share bytes');
  });

  test('segments that overlap are refused, with the offset of the header', () => {
    const elf = tinyElf([
      { physical: 0x10, data: Uint8Array.of(1, 2) },
      { physical: 0x11, data: Uint8Array.of(2) },
    ]);
    expect(failureOf(() => readElf('a.elf', elf))).toMatchObject({
      code: 'image-overlap',
      where: { offset: 84, address: 0x11 },
    });
  });

  test('a program that loads nothing is empty', () => {
    expect(failureOf(() => readElf('a.elf', tinyElf([{ type: 4, physical: 0, data: Uint8Array.of(1) }]))).code).toBe(
      'image-empty',
    );
  });
});
