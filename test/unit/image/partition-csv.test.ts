import {
  array,
  assert,
  boolean,
  constantFrom,
  integer,
  nat,
  property,
  record,
  string,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { partitionCsv, readPartitionCsv } from '#main/image/partition-csv.ts';
import { readPartitionTable, writePartitionTable } from '#main/image/partition-table.ts';
import { codeOf, failureOf } from './failure-of.ts';
import { PARTITION_SAMPLES } from './partition-samples.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const TABLE = { tableOffset: 0x8000 };

/** Partitions beside each other, with gaps. */
const partitions = array(
  record({
    type: integer({ min: 0, max: 0xfe }),
    subtype: integer({ min: 0, max: 0xfe }),
    pages: integer({ min: 1, max: 64 }),
    gap: nat(3),
    name: string({ unit: constantFrom('a', 'b', '_', '4'), maxLength: 12 }),
    encrypted: boolean(),
    readOnly: boolean(),
  }),
  { minLength: 1, maxLength: 30 },
).map((rows) => {
  let next = 0x9000;
  return rows.map(({ type, subtype, pages, gap, name, encrypted, readOnly }, index) => {
    const unit = type === 0 ? 0x10000 : 0x1000;
    const offset = (Math.ceil(next / unit) + gap) * unit;
    next = offset + pages * 0x1000;
    return { label: `${name}${index}`, type, subtype, offset, size: pages * 0x1000, encrypted, readOnly };
  });
});

describe('a partition table of a CSV', () => {
  it.each(PARTITION_SAMPLES)('is byte by byte what Espressif’s program writes: $name', ({ csv, sha256 }) => {
    const table = writePartitionTable(readPartitionCsv('in.csv', csv, TABLE));
    expect(sha256Hex(table)).toBe(sha256);
    expect(readPartitionTable(table)).toMatchObject({
      md5: 'right',
      partitions: readPartitionCsv('in.csv', csv, TABLE),
    });
    expect(readPartitionTable(table, 0x8000).fault).toBeUndefined();
  });

  it('gives back what was written, as rows and as CSV', () => {
    assert(
      property(partitions, (wanted) => {
        const table = writePartitionTable(wanted);
        expect(readPartitionTable(table)).toEqual({ partitions: wanted, md5: 'right' });
        expect(readPartitionCsv('in.csv', partitionCsv(wanted), TABLE)).toEqual(wanted);
      }),
      { numRuns: numRuns / 10 },
    );
  });
});

describe('the CSV of a partition table', () => {
  it.each([
    ['an offset in the table itself', 'a,data,nvs,0x8000,0x1000', 'from 0x9000 on'],
    ['an overlap', 'a,data,nvs,0x9000,0x2000\nb,data,phy,0xa000,0x1000', 'from 0xb000 on'],
    ['an application at an odd offset', 'a,app,factory,0x9000,1M', 'whole 0x10000'],
    ['data at an odd offset', 'a,data,nvs,0x9004,0x1000', 'whole 0x1000'],
    ['an application without a subtype', 'a,app,,,1M', 'a subtype'],
    ['no size', 'a,data,nvs,,', 'a number such as'],
    ['a size of nothing', 'a,data,nvs,,0', 'a size'],
    ['a size beyond 4 GiB', 'a,data,nvs,0xfffff000,8K', 'within 4 GiB'],
    ['a name twice', 'a,data,nvs,,4K\na,data,phy,,4K', 'once more'],
    ['a long name', 'seventeen_letters,data,nvs,,4K', '1 to 16 bytes'],
    ['an unknown type', 'a,dada,nvs,,4K', 'one of app, data'],
    ['an unknown flag', 'a,data,nvs,,4K,secret', 'encrypted and readonly'],
    ['too many rows', Array.from({ length: 96 }, (_, at) => `n${at},data,nvs,,4K`).join('\n'), 'no more than 95'],
  ])('with %s is refused at its line', (_, csv, words) => {
    const failure = failureOf(() => readPartitionCsv('in.csv', csv, TABLE));
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'in.csv', line: csv.split('\n').length } });
    expect(failure.params['expected']).toContain(words);
  });

  it('whatever it holds is read, or refused as what it is', () => {
    const cell = constantFrom(
      'a',
      'app',
      'data',
      'nvs',
      'factory',
      '0x9000',
      '1M',
      '-1',
      '',
      '#',
      '\n',
      '4294967296',
      'encrypted',
    );
    assert(
      property(array(cell, { maxLength: 24 }), (cells) => {
        const read = () => readPartitionCsv('in.csv', cells.join(','), TABLE);
        const code = codeOf(read);
        const found = code === undefined ? read() : [];
        expect([undefined, 'image-syntax']).toContain(code);
        expect(readPartitionTable(writePartitionTable(found)).partitions).toEqual(found);
      }),
      { numRuns },
    );
  });
});
