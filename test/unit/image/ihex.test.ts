import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { readIntelHex, writeIntelHex } from '#main/image/ihex.ts';
import { openImage } from '#main/image/open-image.ts';
import { failureOf, text } from './failure-of.ts';
import { anySegments } from './segments-arbitrary.ts';

const END = ':00000001FF';

/** A record with the right checksum. */
function record(type: number, offset: number, ...data: number[]): string {
  const bytes = [data.length, offset >> 8, offset & 0xff, type, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return `:${[...bytes, -sum & 0xff].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('')}`;
}

function read(...lines: readonly string[]) {
  const { segments, entry } = readIntelHex('a.hex', text(...lines));
  return { entry, segments: segments.map(({ address, data }) => [address].concat(Array.from(data))) };
}

describe('Intel HEX', () => {
  test('reads the specification’s own kinds of records', () => {
    expect(read(':0300300002337A1E', END).segments).toEqual([[0x30, 0x02, 0x33, 0x7a]]);
    expect(read(':020000021200EA', record(0, 4, 1), END).segments).toEqual([[0x12004, 1]]);
    expect(read(':020000040800F2', record(0, 4, 1), END).segments).toEqual([[0x08000004, 1]]);
    expect(read(':0400000300003800C1', record(0, 0, 1), END).entry).toBe(0x3800);
    expect(read(':04000005000000CD2A', record(0, 0, 1), END).entry).toBe(0xcd);
  });

  test('a segment’s offsets wrap at 64 KiB; linear addresses run on and wrap at 4 GiB', () => {
    expect(read(record(2, 0, 0x10, 0), record(0, 0xffff, 1, 2), END).segments).toEqual([
      [0x10000, 2],
      [0x1ffff, 1],
    ]);
    expect(read(record(0, 0xffff, 1, 2), END).segments).toEqual([
      [0, 2],
      [0xffff, 1],
    ]);
    expect(read(record(4, 0, 0x10, 0), record(0, 0xffff, 1, 2), END).segments).toEqual([[0x1000ffff, 1, 2]]);
    expect(read(record(4, 0, 0xff, 0xff), record(0, 0xffff, 1, 2), END).segments).toEqual([
      [0, 2],
      [0xffffffff, 1],
    ]);
  });

  test('records in any order become sorted segments, merged where they touch', () => {
    const lines = [record(0, 8, 8, 9), record(0, 0, 1, 2), record(0, 2, 3), record(0, 0x20, 5), record(0, 3, 4), END];
    expect(read(...lines).segments).toEqual([
      [0, 1, 2, 3, 4],
      [8, 8, 9],
      [0x20, 5],
    ]);
  });

  test('takes lower case, CR, CR LF, blank lines and blanks at line ends', () => {
    const bytes = new TextEncoder().encode(
      `\r\n${record(0, 0, 0xab).toLowerCase()} \t\r\n\r${record(0, 1, 2)}\r\n\n${END}\r\n \n`,
    );
    expect(readIntelHex('a.hex', bytes).segments).toEqual([{ address: 0, data: Uint8Array.of(0xab, 2) }]);
  });

  test.each([
    ['no colon', [record(0, 0, 1), 'x', END], 2, '":" at the start'],
    ['a character that is no digit', [':0000000gFF'], 1, 'hexadecimal digit in column 9'],
    ['half a byte', [`${END}0`], 1, 'even number of hexadecimal digits (there are 11)'],
    ['fewer bytes than its length', [':10000000FF'], 1, '21 bytes, as the record’s length byte says (there are 5)'],
    ['more bytes than its length', [':00000001FF00'], 1, '5 bytes, as the record’s length byte says (there are 6)'],
    ['a wrong checksum', [':0300300002337A1F'], 1, 'checksum 1E for these bytes (found 1F)'],
    ['an unknown type', [record(6, 0), END], 1, 'record type from 00 to 05 (found 06)'],
    ['a base of one byte', [record(4, 0, 1), END], 1, '2 data bytes in a record of type 04 (found 1)'],
    ['an end of file with data', [record(1, 0, 1)], 1, '0 data bytes in a record of type 01 (found 1)'],
    ['data after the end of file', [record(0, 0, 1), END, '', record(0, 1, 2)], 4, 'nothing after the end-of-file'],
    ['a second end of file', [record(0, 0, 1), END, END], 3, 'nothing after the end-of-file'],
    [
      'no end of file',
      ['', record(0, 0, 1), record(0, 1, 1), ''],
      3,
      'an end-of-file record (:00000001FF) after this line',
    ],
    ['a line of 2000 digits', [`:${'00'.repeat(1000)}`], 1, 'at most 260 bytes in a record (there are 1000)'],
  ])('names the line and what was expected: %s', (_what, lines, line, expected) => {
    const failure = failureOf(() => read(...lines));
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'a.hex', line } });
    expect(failure.params['expected']).toContain(expected);
  });

  test.each([
    ['the same byte', 1],
    ['another byte', 7],
  ])('refuses an address given twice: %s', (_what, value) => {
    const lines = [record(0, 4, 1, 1), record(0, 9, 5), record(0, 5, value), END];
    expect(failureOf(() => read(...lines))).toMatchObject({
      code: 'image-overlap',
      where: { file: 'a.hex', line: 3, address: 5 },
      params: { address: '0x00000005' },
    });
  });

  test('a file of records without data is empty', () => {
    expect(failureOf(() => read(record(4, 0, 0, 1), record(0, 0), END)).code).toBe('image-empty');
  });

  test('what is written is read back the same', () => {
    fc.assert(
      fc.property(anySegments, fc.option(fc.nat(0xffffffff), { nil: undefined }), (segments, entry) => {
        const image = openImage('a.hex', writeIntelHex(segments, entry));
        expect(image.segments).toEqual(segments);
        expect(image.entry).toBe(entry);
      }),
    );
  });

  test('1 MiB is read well under 100 ms', () => {
    const data = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 2654435761) >>> 13);
    const hex = writeIntelHex([{ address: 0x8000, data }]);
    // Processor time, best of five: what else runs on the machine is not our reader's.
    const times = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      readIntelHex('a.hex', hex);
      return process.cpuUsage(start).user / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});
