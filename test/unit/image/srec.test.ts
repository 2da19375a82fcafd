import { describe, expect, test } from 'vitest';
import { readSRecords } from '#main/image/srec.ts';
import { failureOf, text } from './failure-of.ts';

/** A record with the right checksum; `address` in as many bytes as the type has. */
function record(type: number, address: number, ...data: number[]): string {
  const size = [2, 2, 3, 4, 2, 2, 3, 4, 3, 2][type] ?? 2;
  const field = Array.from({ length: size }, (_, i) => Math.floor(address / 256 ** (size - 1 - i)) & 0xff);
  const bytes = [size + data.length + 1, ...field, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return `S${type}${[...bytes, ~sum & 0xff].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('')}`;
}

function read(...lines: readonly string[]) {
  const { segments, entry } = readSRecords('a.s19', text(...lines));
  return { entry, segments: segments.map(({ address, data }) => [address].concat(Array.from(data))) };
}

const END = record(9, 0);

describe('Motorola S-records', () => {
  test('reads addresses of 16, 24 and 32 bits, header, counts and each kind of end', () => {
    const lines = [record(0, 0, 0x48, 0x44), record(1, 0x10, 1), record(2, 0x123456, 2), record(3, 0xfffffffe, 3, 4)];
    for (const [type, entry] of [
      [9, 0x1234],
      [8, 0x123456],
      [7, 0x12345678],
    ] as const) {
      const found = read(...lines, record(5, 3), record(6, 3), record(type, entry));
      expect(found).toEqual({
        entry,
        segments: [
          [0x10, 1],
          [0x123456, 2],
          [0xfffffffe, 3, 4],
        ],
      });
    }
  });

  test('reads the example of the format’s manual page', () => {
    const lines = [
      'S00F000068656C6C6F202020202000003C',
      'S11F00007C0802A6900100049421FFF07C6C1B787C8C23783C6000003863000026',
    ];
    expect(read(...lines, 'S5030001FB', 'S9030000FC').segments[0]?.slice(0, 5)).toEqual([0, 0x7c, 0x08, 0x02, 0xa6]);
  });

  test.each([
    ['no S', ['x'], 1, '"S" at the start'],
    ['S4', [record(0, 0), 'S4030000FC'], 2, 'a record type from S0 to S3 or S5 to S9'],
    ['only an S', ['S'], 1, 'a record type'],
    ['a wrong checksum', ['S9030000FD'], 1, 'checksum FC for these bytes (found FD)'],
    ['a wrong count', ['S9040000FC'], 1, '5 bytes, as the record’s count says (there are 4)'],
    ['no room for an address', ['S10200FD'], 1, 'a 2-byte address and a checksum'],
    [
      'a count that is not true',
      [record(1, 0, 1), record(5, 2), END],
      2,
      '2 data records before this count (there are 1)',
    ],
    ['a 24-bit count that is not true', [record(1, 0, 1), record(6, 0x10001), END], 2, '65537 data records'],
    ['no end', [record(1, 0, 1), record(1, 1, 1)], 2, 'a count or a start record (S5 to S9) after this line'],
    ['data after the end', [record(1, 0, 1), END, record(1, 1, 1)], 3, 'nothing after the start record'],
    ['data past 4 GiB', [record(3, 0xffffffff, 1, 2), END], 1, 'data that ends below 4 GiB'],
    ['data in an end record', [record(1, 0, 1), record(9, 0, 1)], 2, 'no data in this type of record'],
  ])('names the line and what was expected: %s', (_what, lines, line, expected) => {
    const failure = failureOf(() => read(...lines));
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'a.s19', line } });
    expect(failure.params['expected']).toContain(expected);
  });

  test('a file may end with its count, where it names no start', () => {
    expect(read(record(1, 0x10, 1), record(5, 1))).toEqual({ entry: undefined, segments: [[0x10, 1]] });
    expect(failureOf(() => read(record(5, 0), record(1, 0x10, 1))).code).toBe('image-syntax');
  });

  test('refuses an address given twice', () => {
    expect(failureOf(() => read(record(1, 0, 1, 2), record(2, 1, 2), END))).toMatchObject({
      code: 'image-overlap',
      where: { line: 2, address: 1 },
    });
  });

  test('a file without data is empty', () => {
    expect(failureOf(() => read(record(0, 0, 1), END)).code).toBe('image-empty');
  });
});
