import { createHash } from 'node:crypto';
import { assert, integer, nat, property, uint8Array } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat, wordsToBytes } from '#shared/base/bytes.ts';
import { readPartitionTable, TABLE_BYTES } from '#main/image/partition-table.ts';

const AT = 0x8000;

function row(label: string, type: number, offset: number, size: number): Uint8Array {
  const name = new Uint8Array(16);
  name.set(new TextEncoder().encode(label));
  return concat([Uint8Array.of(0xaa, 0x50, type, 0), wordsToBytes([offset, size]), name, new Uint8Array(4)]);
}

function table(rows: readonly Uint8Array[], { md5 = true, end = true } = {}): Uint8Array {
  const body = concat(rows);
  const digest = createHash('md5').update(body).digest();
  const sum = md5 ? concat([Uint8Array.of(0xeb, 0xeb), new Uint8Array(14).fill(0xff), digest]) : new Uint8Array();
  const whole = new Uint8Array(TABLE_BYTES).fill(end ? 0xff : 0xaa);
  whole.set(concat([body, sum]));
  return whole;
}

const rows = [row('nvs', 1, 0x9000, 0x6000), row('factory', 0, 0x10000, 0x100000), row('storage', 1, 0x110000, 0x1000)];

describe('a partition table', () => {
  it.each([true, false])('is read, with and without its MD5 (%s)', (md5) => {
    const { partitions, fault } = readPartitionTable(table(rows, { md5 }), AT);
    expect(fault).toBeUndefined();
    expect(partitions.map(({ label, offset, size }) => [label, offset, size])).toEqual([
      ['nvs', 0x9000, 0x6000],
      ['factory', 0x10000, 0x100000],
      ['storage', 0x110000, 0x1000],
    ]);
  });

  it.each([
    ['an application off its 64 KiB', [row('factory', 0, 0x11000, 0x1000)], 'multiple of 64 KiB'],
    ['data off a sector', [row('nvs', 1, 0x9100, 0x1000)], 'multiple of 4 KiB'],
    ['two that overlap', [row('nvs', 1, 0x9000, 0x8000), row('factory', 0, 0x10000, 0x1000)], 'reaches into'],
    ['one on the table', [row('nvs', 1, 0x8000, 0x1000)], 'on the table itself'],
    ['one without a size', [row('nvs', 1, 0x9000, 0)], 'no size'],
    ['no row', [], 'no rows'],
  ])('with %s is none', (_words, wrong, fault) => {
    expect(readPartitionTable(table(wrong), AT).fault).toContain(fault);
  });

  it('whose bytes changed is told by its MD5, whichever it is', () => {
    const good = table(rows);
    assert(
      property(nat(rows.length * 32 + 31), integer({ min: 1, max: 255 }), (at, change) => {
        const bad = good.slice();
        bad[at] = (bad[at] ?? 0) ^ change;
        // What fills the row of the MD5 says nothing.
        const says = at < rows.length * 32 || at >= rows.length * 32 + 16 || at < rows.length * 32 + 2;
        expect(readPartitionTable(bad, AT).fault !== undefined).toBe(says);
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });

  it('without an end is none', () => {
    expect(readPartitionTable(table(rows, { md5: false, end: false }), AT).fault).toBeDefined();
    expect(readPartitionTable(concat(rows), AT).fault).toContain('no end');
  });

  it('of any bytes at all throws nothing', () => {
    assert(
      property(uint8Array({ maxLength: 256 }), (bytes) => {
        expect(readPartitionTable(bytes, AT).partitions.length).toBeLessThanOrEqual(8);
      }),
      { numRuns: 500 },
    );
  });
});
