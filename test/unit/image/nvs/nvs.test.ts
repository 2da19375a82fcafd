import {
  array,
  assert,
  bigInt,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  record,
  string,
  uint8Array,
  uniqueArray,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { nvsEntryOf, readNvsCsv } from '#main/image/nvs/nvs-csv.ts';
import { NVS_INTEGERS, NVS_PAGE, type NvsEntry, type NvsInteger } from '#main/image/nvs/nvs-format.ts';
import { looksLikeNvs, readNvs } from '#main/image/nvs/nvs-reader.ts';
import { writeNvs } from '#main/image/nvs/nvs-writer.ts';
import { codeOf, failureOf } from '../failure-of.ts';
import { NVS_SAMPLES, type NvsSample } from './samples.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

function entriesOf({ csv, files }: NvsSample): NvsEntry[] {
  return readNvsCsv('in.csv', csv).map((row) => nvsEntryOf('in.csv', row, row.isFile ? files[row.value] : undefined));
}

const plain = (entries: readonly NvsEntry[]) =>
  entries.map(({ namespace, key, type, value }) => [namespace, key, type, type === 'blob' ? [...value] : value]);

const name = string({ unit: constantFrom('a', 'b', '_', '7'), minLength: 1, maxLength: 15 });
const integers = Object.keys(NVS_INTEGERS) as NvsInteger[];
const value = oneof(
  ...integers.map((type) => {
    const { bits, signed } = NVS_INTEGERS[type];
    const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
    return record({ type: constantFrom(type), value: bigInt({ min, max: min + (1n << BigInt(bits)) - 1n }) });
  }),
  record({
    type: constantFrom('string' as const),
    value: string({ maxLength: 60 }).map((each) => each.replaceAll('\0', '')),
  }),
  record({ type: constantFrom('blob' as const), value: uint8Array({ maxLength: 1900 }) }),
);
const content = uniqueArray(record({ namespace: constantFrom('one', 'two', 'three'), key: name, value }), {
  maxLength: 24,
  selector: ({ namespace, key }) => `${namespace}/${key}`,
}).map((all) => all.map(({ namespace, key, value: each }): NvsEntry => ({ namespace, key, ...each })));

describe('an NVS partition', () => {
  it.each(NVS_SAMPLES)('is byte by byte what Espressif’s generator writes: $name', (sample) => {
    const bytes = writeNvs(entriesOf(sample), sample);
    expect(sha256Hex(bytes)).toBe(sample.sha256);
    expect(readNvs(bytes).problems).toEqual([]);
    expect(plain(readNvs(bytes).entries)).toEqual(plain(entriesOf(sample)));
    expect(looksLikeNvs(bytes)).toBe(true);
  });

  it('gives back what was written, whatever that was', () => {
    assert(
      property(content, constantFrom(1 as const, 2 as const), (entries, version) => {
        const bytes = writeNvs(entries, { size: 26 * NVS_PAGE, version });
        const found = readNvs(bytes);
        expect(found.problems).toEqual([]);
        expect(plain(found.entries)).toEqual(plain(entries));
        // What lies behind the last page in use stays erased: NVS moves entries there.
        expect(bytes.subarray(-NVS_PAGE).every((byte) => byte === 0xff)).toBe(true);
      }),
      { numRuns: numRuns / 10 },
    );
  });

  it('with one bit flipped says so, or holds the same: no other value is ever believed', () => {
    const entries: NvsEntry[] = [
      { namespace: 'a', key: 'number', type: 'i16', value: -5n },
      { namespace: 'a', key: 'text', type: 'string', value: 'some letters' },
      { namespace: 'b', key: 'bytes', type: 'blob', value: Uint8Array.of(1, 2, 3) },
    ];
    const bytes = writeNvs(entries, { size: NVS_PAGE, version: 2 });
    const right = plain(entries).join('|');
    assert(
      property(nat(511), integer({ min: 0, max: 7 }), (at, bit) => {
        const spoilt = bytes.slice();
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << bit);
        const { problems } = readNvs(spoilt);
        const found = plain(readNvs(spoilt).entries).join('|');
        const inBitmap = at >= 32 && at < 64;
        expect(found === right || problems.length > 0 || inBitmap).toBe(true);
      }),
      { numRuns },
    );
  });

  it('is told from any other bytes without a throw', () => {
    assert(
      property(uint8Array({ maxLength: 300 }), nat(NVS_PAGE), (some, at) => {
        const bytes = new Uint8Array(NVS_PAGE).fill(0xff);
        bytes.set(some.subarray(0, NVS_PAGE - at), at);
        expect(Array.isArray(readNvs(bytes).problems)).toBe(true);
        expect(readNvs(some).entries).toEqual([]);
      }),
      { numRuns },
    );
    expect(looksLikeNvs(new Uint8Array(NVS_PAGE))).toBe(false);
    expect(looksLikeNvs(new Uint8Array(NVS_PAGE).fill(0xff))).toBe(false);
  });

  it('entries with damaged headers and right CRCs are read without a throw', () => {
    const bytes = writeNvs([{ namespace: 'a', key: 'b', type: 'blob', value: new Uint8Array(100) }], {
      size: NVS_PAGE,
      version: 2,
    });
    assert(
      property(array(integer({ min: 0, max: 255 }), { minLength: 32, maxLength: 32 }), nat(4), (header, entry) => {
        const changed = bytes.slice();
        changed.set(header, 64 + entry * 32);
        expect(Array.isArray(readNvs(changed).entries)).toBe(true);
      }),
      { numRuns },
    );
  });
});

describe('an NVS partition cannot be written', () => {
  const one = (entry: Partial<NvsEntry>, size = NVS_PAGE) =>
    failureOf(() =>
      writeNvs([{ namespace: 'a', key: 'k', type: 'u8', value: 1n, ...entry } as NvsEntry], { size, version: 2 }),
    );
  it.each<[string, Partial<NvsEntry>, number | undefined, string]>([
    ['with a number that is too large', { value: 256n }, undefined, 'a/k: 256 does not fit into u8'],
    ['with a number below', { type: 'i16', value: -32769n } as const, undefined, 'does not fit into i16'],
    ['with a key of 16 letters', { key: 'a'.repeat(16) }, undefined, '1 to 15 are possible'],
    ['with an empty key', { key: '' }, undefined, '1 to 15'],
    ['in a namespace with a long name', { namespace: 'é'.repeat(8) }, undefined, '16 bytes'],
    [
      'with a string that is too long',
      { type: 'string', value: 'x'.repeat(4000) } as const,
      undefined,
      'the most is 4000',
    ],
    ['with a zero in a string', { type: 'string', value: 'a\0b' } as const, undefined, 'a string with a zero'],
    [
      'that is too small',
      { type: 'blob', value: new Uint8Array(9000) } as const,
      3 * NVS_PAGE,
      'of which one page stays empty',
    ],
    ['of no whole pages', {}, 5000, 'whole 4096-byte pages'],
  ])('%s', (_, entry, size, words) => {
    const failure = one(entry, size);
    expect(failure).toMatchObject({ code: 'nvs-invalid', blame: 'recipe' });
    expect(failure.params['detail']).toContain(words);
  });

  it('with a key twice in a namespace; in two namespaces it may be', () => {
    const twice = [
      { namespace: 'a', key: 'k', type: 'u8', value: 1n },
      { namespace: 'b', key: 'k', type: 'u8', value: 2n },
      { namespace: 'a', key: 'k', type: 'u16', value: 1n },
    ] as const;
    expect(failureOf(() => writeNvs(twice, { size: NVS_PAGE, version: 2 })).params['detail']).toBe(
      'a/k: is there twice',
    );
    expect(readNvs(writeNvs(twice.slice(0, 2), { size: NVS_PAGE, version: 2 })).entries).toHaveLength(2);
  });
});

describe('the CSV of an NVS partition', () => {
  const fail = (csv: string) => failureOf(() => readNvsCsv('in.csv', csv).map((row) => nvsEntryOf('in.csv', row)));
  it.each([
    ['a wrong head', 'name,type\n', 1, 'columns'],
    ['a key before a namespace', 'key,type,encoding,value\nk,data,u8,1\n', 2, 'namespace'],
    ['an unknown type', 'key,type,encoding,value\nk,date,u8,1\n', 2, 'namespace, data or file'],
    ['an unknown encoding', 'key,type,encoding,value\nn,namespace,,\n# no\nk,data,u9,1\n', 4, 'an encoding'],
    ['no number', 'key,type,encoding,value\nn,namespace,,\nk,data,u8,many\n', 3, 'a whole number'],
    ['odd hexadecimal', 'key,type,encoding,value\nn,namespace,,\nk,data,hex2bin,abc\n', 3, 'hexadecimal'],
    ['bad Base64', 'key,type,encoding,value\nn,namespace,,\nk,data,base64,*\n', 3, 'Base64'],
  ])('with %s is refused at its line', (_, csv, line, words) => {
    const failure = fail(csv);
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'in.csv', line } });
    expect(failure.params['expected']).toContain(words);
  });

  it('whatever it holds is read, or refused as what it is', () => {
    const cell = oneof(
      constantFrom('namespace', 'data', 'file', 'u8', '"', ',', '\n', '0x', '-1', '#'),
      string({ maxLength: 4 }),
    );
    assert(
      property(array(cell, { maxLength: 20 }), (cells) => {
        const csv = `key,type,encoding,value\n${cells.join(',')}\n`;
        expect([undefined, 'image-syntax']).toContain(codeOf(() => readNvsCsv('in.csv', csv)));
      }),
      { numRuns },
    );
  });
});
