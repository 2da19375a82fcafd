import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { writeNvs } from '#main/image/nvs/nvs-writer.ts';
import { withValidFlags } from '#main/release/valid-flags.ts';
import { image } from '#test/bench/releases.ts';

const PARTITIONS = [
  { name: 'slot', address: 0x2000, size: 0x2000 },
  { name: 'otadata', address: 0x8000, size: 0x2000 },
  { name: 'small', address: 0xc000, size: 0x1000 },
];

function flagged(valid: object, data: Uint8Array, address = 0x2000, partition?: string) {
  const recipe = Recipe.parse({
    schema: 1,
    product: { id: 'a', revision: 'A', name: 'A' },
    chip: 'c',
    interface: 'swd',
    images: [{ role: 'application', file: 'a.bin', version: '1', valid, ...(partition ? { partition } : {}) }],
    partitions: PARTITIONS,
    serial: { pattern: '.' },
  });
  return withValidFlags(recipe, [image('application', { address, data })]);
}

/** The bytes of the one flag, as they will stand in flash. */
function flagOf(...given: Parameters<typeof flagged>): string {
  const [made] = flagged(...given).images;
  const flag = made?.flags?.[0];
  const segment = made?.image.segments.find(
    ({ address, data }) => flag && address <= flag.address && flag.address + flag.size <= address + data.length,
  );
  if (!flag || !segment) return 'none';
  const from = flag.address - segment.address;
  return `${flag.address.toString(16)}: ${toHex(segment.data.subarray(from, from + flag.size))}`;
}

const CODE = new Uint8Array(0x100).fill(0x42);
const NVS = writeNvs(
  [
    { namespace: 'other', key: 'whole', type: 'u8', value: 7n },
    { namespace: 'unit', key: 'serial', type: 'string', value: 'HB000001' },
    { namespace: 'unit', key: 'whole', type: 'u8', value: 1n },
  ],
  { size: 0x3000, version: 2 },
);

describe('a valid flag of a recipe', () => {
  it('is a word, in the image or beside it', () => {
    expect(flagOf({ by: 'word', address: 0x3000, value: 0x600dcafe }, CODE)).toBe('3000: feca0d60');
    const padded = new Uint8Array(0x1004).fill(0xff);
    padded.set(CODE);
    expect(flagOf({ by: 'word', address: 0x3000, value: 0x600dcafe }, padded)).toBe('3000: feca0d60');
  });

  it('is MCUboot’s trailer at the end of the slot, confirmed as imgtool does it', () => {
    const trailer = '01ffffffffffffff77c295f360d2ef7f3552500f2cb67980';
    expect(flagOf({ by: 'mcuboot-trailer' }, CODE, 0x2000, 'slot')).toBe(`3fe8: ${trailer}`);
    const padded = new Uint8Array(0x2000).fill(0xff);
    padded.set(fromHex(trailer), 0x1fe8);
    expect(flagOf({ by: 'mcuboot-trailer' }, padded, 0x2000, 'slot')).toBe(`3fe8: ${trailer}`);
  });

  it.each([
    // The CRCs of otatool's entries for ota_0 and ota_1.
    [0, `01000000${'ff'.repeat(20)}020000009a984347`],
    [1, `02000000${'ff'.repeat(20)}020000007437f655`],
  ])('is an entry of OTA data for slot %i', (slot, entry) => {
    const found = flagOf({ by: 'esp-ota-data', partition: 'otadata', slot }, CODE, 0x10000);
    expect(found).toBe(`8000: ${entry}`);
  });

  it('is the entry of an NVS key, in its own namespace', () => {
    const found = flagOf({ by: 'nvs-key', namespace: 'unit', key: 'whole' }, NVS, 0x9000);
    // Namespace 2, type u8, one entry, no chunk; at the end its value.
    expect(found).toMatch(/^9[0-9a-f]{3}: 020101ff[0-9a-f]{8}77686f6c65[0-9a-f]{22}01f{14}$/u);
  });

  it('leaves the image’s own beginning where it was', () => {
    const [made] = flagged({ by: 'esp-ota-data', partition: 'otadata', slot: 0 }, CODE, 0x10000).images;
    expect(made?.start).toBe(0x10000);
    expect(made?.image.segments.map(({ address }) => address)).toEqual([0x8000, 0x10000]);
  });

  it.each<[string, object, Uint8Array?, number?]>([
    ['is not a multiple of 4', { by: 'word', address: 0x3001, value: 1 }],
    ['the image has something else at', { by: 'word', address: 0x2000, value: 1 }],
    ['the image ends in the middle of', { by: 'word', address: 0x2100, value: 1 }, new Uint8Array(0x102)],
    ['name the partition', { by: 'mcuboot-trailer' }],
    ['there is no partition nowhere', { by: 'esp-ota-data', partition: 'nowhere', slot: 0 }],
    ['is not of 8192 bytes', { by: 'esp-ota-data', partition: 'small', slot: 0 }],
    ['no key absent in a namespace unit', { by: 'nvs-key', namespace: 'unit', key: 'absent' }, NVS],
    ['no key serial in a namespace other', { by: 'nvs-key', namespace: 'other', key: 'serial' }, NVS],
  ])('is refused where %s', (detail, valid, data = CODE, address = 0x2000) => {
    const { faults } = flagged(valid, data, address);
    expect(faults).toMatchObject([{ path: ['images', 0, 'valid'], detail: expect.stringContaining(detail) }]);
  });
});
