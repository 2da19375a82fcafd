import { assert, integer, nat, property, string, tuple } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { toHex } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { readNvs } from '#main/image/nvs/nvs-reader.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { crcOf } from '#main/release/manufacturing/crc.ts';
import { unitImage } from '#main/release/manufacturing/for-unit.ts';
import type { UnitValues } from '#main/release/manufacturing/unit-values.ts';
import { openRelease } from '#main/release/open-release.ts';
import { memoryFiles } from './memory-files.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

const TEMPLATE = `
manufacturing:
  kind: template
  version: '1'
  address: 0x30000
  size: 64
  macs: { pool: boards }
  fields:
    - { at: 0, type: u32, value: 0x464c4d31, endian: big }
    - { name: number, at: 4, type: u32, from: serial.number }
    - { name: serial, at: 8, type: string, size: 12, from: serial }
    - { name: mac, at: 20, type: bytes, size: 6, from: mac }
    - { at: 26, type: bytes, size: 8, from: uid, reversed: true }
    - { name: batch, at: 34, type: string, size: 4, terminated: false, pad: 0x20, from: scan.batch }
    - { at: 38, type: i16, value: -2 }
    - { at: 60, type: crc32, over: { at: 0, size: 60 } }
`;
const NVS = `
manufacturing:
  kind: nvs
  version: '1'
  address: 0x30000
  size: 0x3000
  macs: { pool: boards, count: 2 }
  namespaces:
    - namespace: factory
      keys:
        - { key: serial, type: string, from: serial }
        - { key: number, type: u32, from: serial.number }
        - { key: mac, type: blob, from: mac.2 }
        - { key: revision, type: string, from: product.revision }
        - { key: limit, type: u64, value: '18446744073709551615' }
`;
const recipeText = (section: string, images = '') => `schema: 1
product: { id: hello, revision: C, name: Hello board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.2.3, address: 0 }
${images}serial: { pattern: '^HB(?<number>[0-9]{6})$' }
${section}`;

const UNIT: UnitValues = {
  serial: 'HB000258',
  uid: '0011223344556677',
  macs: ['02:00:5e:00:53:01', '02:00:5e:00:53:02'],
  scans: { batch: '7B' },
};

let chips: ChipLibrary;
beforeAll(async () => {
  chips = await loadChips([fileURLToPath(new URL('../../../resources/chips', import.meta.url))], nodeFiles);
});

async function opened(section: string, images?: string): Promise<Recipe> {
  const files = memoryFiles({
    '/r/recipe.yaml': recipeText(section, images),
    '/r/app.bin': Uint8Array.from({ length: 5000 }, (_, at) => at & 0x7f),
  });
  return (await openRelease('/r', { chips, files })).recipe;
}

async function refused(section: string, images?: string) {
  try {
    await opened(section, images);
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  throw new Error('it was opened');
}

function made(recipe: Recipe, unit: Partial<UnitValues> = {}): Uint8Array {
  return unitImage(recipe, { ...UNIT, ...unit })?.image.segments[0]?.data ?? new Uint8Array();
}

function failureOf(call: () => unknown) {
  try {
    call();
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a manufacturing partition of fields', () => {
  it('holds each value in its place, width and order, and the CRC of them all', async () => {
    const bytes = made(await opened(TEMPLATE));
    expect(toHex(bytes.subarray(0, 4))).toBe('464c4d31');
    expect(toHex(bytes.subarray(4, 8))).toBe('02010000');
    expect(new TextDecoder().decode(bytes.subarray(8, 16))).toBe('HB000258');
    expect(toHex(bytes.subarray(16, 26))).toBe('0000000002005e005301');
    expect(toHex(bytes.subarray(26, 40))).toBe('776655443322110037422020feff');
    expect(toHex(bytes.subarray(40, 60))).toBe('ff'.repeat(20));
    expect(new DataView(bytes.buffer).getUint32(60, true)).toBe(crc32(bytes.subarray(0, 60)));
  });

  it('differs from another unit’s only where their values do', async () => {
    const recipe = await opened(TEMPLATE);
    assert(
      property(integer({ min: 0, max: 999_999 }), nat(0xffff), (number, low) => {
        const serial = `HB${String(number).padStart(6, '0')}`;
        const mac = `02:00:5e:00:${[low >> 8, low & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
        const [one, other] = [made(recipe), made(recipe, { serial, macs: [mac] })];
        const differing = [...one.keys()].filter((at) => one[at] !== other[at]);
        const own = (at: number) => (at >= 4 && at < 16) || (at >= 20 && at < 26) || at >= 60;
        expect(differing.every(own)).toBe(true);
        expect(new DataView(other.buffer).getUint32(4, true)).toBe(number);
        expect(new DataView(other.buffer).getUint32(60, true)).toBe(crc32(other.subarray(0, 60)));
      }),
      { numRuns },
    );
  });

  it.each<[string, Partial<UnitValues>, string, string | undefined]>([
    ['a chip without an id', { uid: null }, 'value-missing', 'the bytes at 0x1a'],
    ['no MAC', { macs: [] }, 'value-missing', 'mac'],
    ['nothing scanned', { scans: {} }, 'value-missing', 'batch'],
    ['a name of JavaScript’s for a scan', { scans: Object.create({ batch: 'x' }) }, 'value-missing', 'batch'],
    ['a text that is too long', { scans: { batch: 'seven' } }, 'value-unsuited', 'batch'],
    ['an id of another width', { uid: '001122' }, 'value-unsuited', 'the bytes at 0x1a'],
    ['a text with a zero', { scans: { batch: 'a\0' } }, 'value-unsuited', 'batch'],
  ])('is not made with %s, and says for which field', async (_, unit, code, path) => {
    const recipe = await opened(TEMPLATE);
    expect(failureOf(() => made(recipe, unit))).toMatchObject({ code, where: { path } });
  });

  it('whatever was scanned: it is made, or the field is named', async () => {
    const recipe = await opened(TEMPLATE);
    assert(
      property(tuple(string({ maxLength: 6 }), string({ maxLength: 20 })), ([batch, uid]) => {
        const end = (() => {
          try {
            return made(recipe, { scans: { batch }, uid }).length;
          } catch (error) {
            return error instanceof FlashlineError ? error.failure.code : String(error);
          }
        })();
        expect([64, 'value-unsuited', 'value-missing']).toContain(end);
      }),
      { numRuns },
    );
  });
});

describe('a CRC', () => {
  // "Catalogue of parametrised CRC algorithms": the check values, over the digits 1 to 9.
  it.each([
    ['crc16-ccitt-false', 0x29b1],
    ['crc16-xmodem', 0x31c3],
    ['crc16-modbus', 0x4b37],
    ['crc32', 0xcbf43926],
  ] as const)('%s has its catalogue’s check value', (type, check) => {
    expect(crcOf(type, new TextEncoder().encode('123456789'))).toBe(check);
  });
});

describe('a manufacturing partition of NVS', () => {
  it('holds the unit’s values under their keys', async () => {
    const { entries, problems } = readNvs(made(await opened(NVS)));
    expect(problems).toEqual([]);
    expect(entries.map(({ namespace, key, value }) => [`${namespace}/${key}`, value])).toEqual([
      ['factory/serial', 'HB000258'],
      ['factory/number', 258n],
      ['factory/mac', Uint8Array.of(2, 0, 0x5e, 0, 0x53, 2)],
      ['factory/revision', 'C'],
      ['factory/limit', 18446744073709551615n],
    ]);
  });

  it('has no room for a serial that is too long: said before anything is touched', async () => {
    const recipe = await opened(NVS.replace('size: 0x3000', 'size: 0x1000'));
    expect(failureOf(() => made(recipe, { serial: 'x'.repeat(5000) })).code).toBe('value-missing');
    const long = { ...recipe, serial: { pattern: '^(?<number>[0-9]+)$' } };
    expect(failureOf(() => made(long, { serial: '0'.repeat(4100) })).code).toBe('nvs-invalid');
  });
});

describe('a recipe with a manufacturing section is refused when it is opened', () => {
  it.each<[string, string, string, string]>([
    [
      'a field beyond the end',
      TEMPLATE.replace('at: 60, type: crc32', 'at: 61, type: crc32'),
      'fields[7]',
      'ends at 65',
    ],
    ['two fields in one place', TEMPLATE.replace('at: 38', 'at: 37'), 'fields[6]', 'lies on batch'],
    [
      'a CRC of itself',
      TEMPLATE.replace('over: { at: 0, size: 60 }', 'over: { at: 0, size: 61 }'),
      'over',
      'made of itself',
    ],
    [
      'a CRC beyond the end',
      TEMPLATE.replace('over: { at: 0, size: 60 }', 'over: { at: 63, size: 2 }'),
      'over',
      'beyond',
    ],
    ['a group that the pattern lacks', TEMPLATE.replace('serial.number', 'serial.year'), 'from', 'no group (?<year>'],
    ['a MAC without a pool', TEMPLATE.replace('  macs: { pool: boards }\n', ''), 'from', 'the pool'],
    ['a second MAC of one', NVS.replace(', count: 2', ''), 'from', 'a unit is given 1'],
    [
      'a role that is not there',
      TEMPLATE.replace('scan.batch', 'version.bootloader'),
      'from',
      'no image with the role',
    ],
    ['a source that nobody knows', TEMPLATE.replace('scan.batch', 'weather'), 'from', ''],
    ['neither value nor source', TEMPLATE.replace(', value: -2', ''), 'fields[6]', 'either a value or a source'],
    ['both', TEMPLATE.replace('value: -2', 'value: -2, from: serial'), 'fields[6]', 'either a value or a source'],
    [
      'a constant that does not fit',
      TEMPLATE.replace('value: -2', 'value: -40000'),
      'manufacturing',
      '-40000 does not fit into i16',
    ],
    ['an NVS key twice', NVS.replace('key: limit', 'key: revision'), 'manufacturing', 'is there twice'],
    ['an NVS of no whole pages', NVS.replace('size: 0x3000', 'size: 0x3100'), 'size', 'whole pages'],
  ])('%s', async (_, section, path, words) => {
    const failure = await refused(section);
    expect(failure.code).toBe('recipe-invalid');
    expect(failure.where.path).toContain(path);
    expect(failure.params['detail']).toContain(words);
  });

  it('where its pages are another image’s, or outside of the flash', async () => {
    expect((await refused(TEMPLATE.replace('0x30000', '0x1200'))).code).toBe('image-overlap');
    expect((await refused(TEMPLATE.replace('0x30000', '0x20000000'))).code).toBe('image-outside-memory');
    const twice = "  - { role: manufacturing, file: app.bin, version: '1', address: 0x40000 }\n";
    expect((await refused(TEMPLATE, twice)).where.path).toBe('images[1].role');
  });

  it('and the section counts for the release’s digest, not a unit’s values', async () => {
    const digest = async (section: string) => {
      const files = memoryFiles({ '/r/recipe.yaml': recipeText(section), '/r/app.bin': new Uint8Array(64) });
      return (await openRelease('/r', { chips, files })).digest;
    };
    const digests = await Promise.all([
      digest(TEMPLATE),
      digest(TEMPLATE.replace('pad: 0x20', 'pad: 0x21')),
      digest(NVS),
    ]);
    expect(new Set(digests).size).toBe(3);
  });
});
