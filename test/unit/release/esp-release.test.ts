import { describe, expect, it } from 'vitest';
import { concat, wordsToBytes } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { checkEspRelease } from '#main/release/esp-release.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { ESP_CHIPS, espChip, espImage, firmware } from '#test/support/esp-unit.ts';
import { sha256 } from '#test/support/sha256.ts';

const IDS: Readonly<Record<string, number>> = {
  esp32: 0,
  'esp32-s2': 2,
  'esp32-s3': 9,
  'esp32-c2': 12,
  'esp32-c3': 5,
  'esp32-c6': 13,
  'esp32-h2': 16,
};

function row(label: string, type: number, offset: number, size: number): Uint8Array {
  const name = new Uint8Array(16);
  name.set(new TextEncoder().encode(label));
  return concat([Uint8Array.of(0xaa, 0x50, type, 0), wordsToBytes([offset, size]), name, new Uint8Array(4)]);
}

const TABLE = [row('nvs', 1, 0x9000, 0x6000), row('factory', 0, 0x10000, 0x8000), row('storage', 1, 0x20000, 0x2000)];

function imageAt(role: ReleaseImage['role'], ...segments: readonly (readonly [number, Uint8Array])[]): ReleaseImage {
  const listed = segments.map(([address, data]) => ({ address, data }));
  return { role, version: '1.0.0', file: `${role}.bin`, image: { format: 'bin', segments: listed } };
}

/** With its SHA-256 made anew, so that only what was changed is wrong. */
function changed(image: Uint8Array, at: number, value: number): Uint8Array {
  const out = image.slice();
  out[at] = value;
  out.set(sha256(out.subarray(0, -32)), out.length - 32);
  return out;
}

interface Parts {
  readonly chip?: string;
  readonly loader?: (image: Uint8Array) => Uint8Array;
  readonly application?: (image: Uint8Array) => Uint8Array;
  readonly applicationAt?: number;
  readonly table?: readonly Uint8Array[];
  readonly more?: readonly ReleaseImage[];
}

function check({
  chip = 'esp32',
  loader,
  application,
  applicationAt = 0x10000,
  table = TABLE,
  more = [],
}: Parts): unknown {
  const described = espChip(chip);
  if (described.uart?.kind !== 'esp') throw new Error(chip);
  const id = IDS[chip] ?? 0;
  const boot = espImage(id, firmware(0x1800, 1));
  const app = espImage(id, firmware(0x3000, 2));
  const rows = new Uint8Array(0xc00).fill(0xff);
  rows.set(concat(table));
  const images = [
    imageAt('bootloader', [described.boot?.vectors ?? 0, loader?.(boot) ?? boot], [0x8000, rows]),
    imageAt('application', [applicationAt, application?.(app) ?? app]),
    ...more,
  ];
  try {
    checkEspRelease(layOut(described, images), described.uart);
    return undefined;
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
}

describe('a release for an Espressif chip', () => {
  it.each(ESP_CHIPS)('whose images and table are right for %s is taken', (chip) => {
    expect(check({ chip })).toBeUndefined();
  });

  it.each<[string, Parts, string, string]>([
    [
      'a boot loader of another chip',
      { loader: () => espImage(5, firmware(0x1800, 1)) },
      'image-wrong-chip',
      'bootloader.bin',
    ],
    [
      'an application of another chip',
      { application: () => espImage(9, firmware(0x1800, 1)) },
      'image-wrong-chip',
      'application.bin',
    ],
    [
      'an application that is no image',
      { application: () => firmware(0x1000, 4) },
      'image-format-esp',
      'application.bin',
    ],
    [
      'an image that ends early',
      { application: (image) => image.subarray(0, 0x800) },
      'image-format-esp',
      'application.bin',
    ],
    [
      'a wrong checksum',
      { application: (image) => changed(image, image.length - 33, image.at(-33) === 0 ? 1 : 0) },
      'image-damaged',
      'application.bin',
    ],
    [
      'a wrong SHA-256',
      { application: (image) => image.with(image.length - 1, (image.at(-1) ?? 0) ^ 1) },
      'image-damaged',
      'application.bin',
    ],
    [
      'a flash mode that there is not',
      { loader: (image) => changed(image, 2, 9) },
      'image-flash-settings',
      'bootloader.bin',
    ],
    [
      'a flash clock that the chip has not',
      { loader: (image) => changed(image, 3, 0x27) },
      'image-flash-settings',
      'bootloader.bin',
    ],
    [
      'a flash size that there is not',
      { loader: (image) => changed(image, 3, 0xf0) },
      'image-flash-settings',
      'bootloader.bin',
    ],
    [
      'a table beyond the boot loader’s flash',
      { table: [...TABLE, row('big', 1, 0x30000, 0x400000)] },
      'partition-table',
      'bootloader.bin',
    ],
    [
      'partitions that overlap',
      { table: [...TABLE, row('big', 1, 0x21000, 0x1000)] },
      'partition-table',
      'bootloader.bin',
    ],
    ['an application where the table has none', { applicationAt: 0x40000 }, 'partition-table', 'application.bin'],
    ['an application in a partition for data', { applicationAt: 0x20000 }, 'partition-table', 'application.bin'],
    [
      'an application larger than its partition',
      { application: () => espImage(0, firmware(0x9000, 3)) },
      'partition-too-small',
      'application.bin',
    ],
    [
      'a file system larger than its partition',
      { more: [imageAt('filesystem', [0x20000, firmware(0x3000, 7)])] },
      'partition-too-small',
      'filesystem.bin',
    ],
  ])('with %s is the recipe’s fault', (_words, parts, code, file) => {
    expect(check(parts)).toMatchObject({ code, blame: 'recipe', where: { file } });
  });

  it('without a table is held against none', () => {
    const chip = espChip('esp32');
    if (chip.uart?.kind !== 'esp') throw new Error('esp32');
    const application = imageAt('application', [0x110000, espImage(0, firmware(0x3000, 2))]);
    const { uart } = chip;
    expect(() => checkEspRelease(layOut(chip, [application]), uart)).not.toThrow();
  });
});
