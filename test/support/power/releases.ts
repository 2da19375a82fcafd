import { fileURLToPath } from 'node:url';
import { concat, writeU32 } from '#shared/base/bytes.ts';
import { benchLoader, type LoaderDuty } from '#main/bench/boot/bench-loader.ts';
import { writeNvs } from '#main/image/nvs/nvs-writer.ts';
import { writePartitionTable } from '#main/image/partition-table.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import { memoryFiles } from '#test/unit/release/memory-files.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';
import { ED25519, espKeyDigest, espSigned, mcubootImage, RSA, signPlain } from './signing.ts';

let chips: Promise<ChipLibrary> | undefined;

function library(): Promise<ChipLibrary> {
  chips ??= loadChips([fileURLToPath(new URL('../../../resources/chips', import.meta.url))], nodeFiles);
  return chips;
}

interface Listed {
  readonly role: string;
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly more?: object;
}

async function release(
  head: object,
  images: readonly Listed[],
  keys: Readonly<Record<string, string>>,
): Promise<Release> {
  const recipe = {
    schema: 1,
    product: { id: 'powered', revision: 'A', name: 'Powered' },
    serial: { pattern: '.' },
    ...head,
    images: images.map(({ role, address, more }) => ({
      role,
      file: `${role}.bin`,
      version: '1.0.0',
      address,
      ...more,
    })),
  };
  const files: Record<string, string | Uint8Array> = { 'r/recipe.yaml': JSON.stringify(recipe) };
  for (const { role, bytes } of images) files[`r/${role}.bin`] = bytes;
  for (const [name, key] of Object.entries(keys)) files[`r/${name}`] = key;
  return openRelease('r', { chips: await library(), files: memoryFiles(files) });
}

/** Bytes that differ from seed to seed; no word of them is erased or zero. */
function content(size: number, seed: number): Uint8Array {
  return firmware(size, seed).map((byte) => (byte & 0x7f) | 1);
}

const PEM = 'key.pem';
const MCUBOOT = { signature: { kind: 'mcuboot', keys: [PEM] } };
const READOUT = { locks: [{ step: 'readout-protection' }], unlock: 'mass-erase' };

/** nRF52840 by SWD: an MCUboot slot that is confirmed, an NVS partition with a key that says so, access port protection. */
export function nrfRelease(seed: number): Promise<Release> {
  const duty: LoaderDuty = {
    checks: 'mcuboot',
    slot: { address: 0x2000, size: 0x2000 },
    key: ED25519.der.toString('base64'),
  };
  const entry = { namespace: 'unit', type: 'u8' } as const;
  const settings = writeNvs(
    [
      { namespace: 'unit', key: 'calibration', type: 'blob', value: content(700, seed + 3) },
      { ...entry, key: 'batch', value: BigInt(seed) },
      { ...entry, key: 'whole', value: 1n },
    ],
    { size: 0x3000, version: 2 },
  );
  const confirmed = { ...MCUBOOT, partition: 'slot0', valid: { by: 'mcuboot-trailer' } };
  const whole = { valid: { by: 'nvs-key', namespace: 'unit', key: 'whole' } };
  const partitions = [{ name: 'slot0', address: 0x2000, size: 0x2000 }];
  return release(
    { chip: 'nrf52840', interface: 'swd', partitions, ...READOUT },
    [
      { role: 'bootloader', address: 0, bytes: benchLoader(duty, [0x2000ff78, 0x3b5], content(1300, seed)) },
      {
        role: 'application',
        address: 0x2000,
        bytes: mcubootImage(content(4300, seed + 1), [1, seed]),
        more: confirmed,
      },
      { role: 'filesystem', address: 0x4000, bytes: content(3100, seed + 2) },
      { role: 'manufacturing', address: 0x5000, bytes: settings, more: whole },
    ],
    { [PEM]: ED25519.pem },
  );
}

const F4 = 0x08000000;

/** STM32F407 by its boot loader: it writes byte by byte. A signature and a word behind the application, and read-out protection. */
export function stm32Release(seed: number): Promise<Release> {
  const size = 900;
  const word = { address: F4 + 0x6000, value: 0x600dcafe };
  const duty: LoaderDuty = {
    checks: 'plain',
    slot: { address: F4 + 0x4000, size: size + 64 },
    key: ED25519.der.toString('base64'),
    word,
  };
  const application = content(size, seed + 1);
  writeU32(application, 0, 0x20010000);
  writeU32(application, 4, F4 + 0x4101);
  const signed = concat([application, signPlain(application)]);
  return release(
    { chip: 'stm32f407vg', interface: 'uart', ...READOUT },
    [
      { role: 'bootloader', address: F4, bytes: benchLoader(duty, [0x2000ff78, F4 + 0x1b7], content(300, seed)) },
      { role: 'application', address: F4 + 0x4000, bytes: signed, more: { valid: { by: 'word', ...word } } },
      { role: 'filesystem', address: F4 + 0x8000, bytes: content(600, seed + 2) },
      { role: 'manufacturing', address: F4 + 0xc000, bytes: content(300, seed + 3) },
    ],
    {},
  );
}

/** ESP32 by its ROM and our stub: an application in the second slot, OTA data that say so, Secure Boot v2, its eFuses at the end. */
export function espRelease(seed: number): Promise<Release> {
  const row = { encrypted: false, readOnly: false };
  const table = writePartitionTable([
    { label: 'nvs', type: 1, subtype: 2, offset: 0x9000, size: 0x1000, ...row },
    { label: 'otadata', type: 1, subtype: 0, offset: OTA_DATA.address, size: OTA_DATA.size, ...row },
    { label: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, size: 0x10000, ...row },
    { label: 'ota_1', type: 0, subtype: 0x11, offset: 0x20000, size: 0x10000, ...row },
    { label: 'storage', type: 1, subtype: 0x82, offset: 0x30000, size: 0x4000, ...row },
  ]);
  const settings = new Uint8Array(0x2000).fill(0xff);
  settings.set(table);
  settings.set(content(0x600, seed + 3), 0x1000);
  const signature = { signature: { kind: 'esp-secure-boot-v2', keys: [PEM] } };
  const locks = [
    { step: 'esp-key-digest', slot: 0, use: 0, digest: espKeyDigest() },
    { step: 'esp-disable-jtag' },
    { step: 'esp-secure-boot' },
  ];
  const image = (size: number, other: number) => espSigned(espImage(0, firmware(size, seed + other)));
  const second = { ...signature, valid: { by: 'esp-ota-data', partition: OTA_DATA.name, slot: 1 } };
  return release(
    { chip: 'esp32', interface: 'uart', partitions: [OTA_DATA], locks },
    [
      { role: 'bootloader', address: 0x1000, bytes: image(0x1800, 0), more: signature },
      { role: 'application', address: 0x20000, bytes: image(0x2800, 1), more: second },
      { role: 'filesystem', address: 0x30000, bytes: firmware(0x2000, seed + 2) },
      { role: 'manufacturing', address: 0x8000, bytes: settings },
    ],
    { [PEM]: RSA.pem },
  );
}

const OTA_DATA = { name: 'otadata', address: 0xa000, size: 0x2000 };
