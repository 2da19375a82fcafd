import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeU32 } from '#shared/base/bytes.ts';
import { Prng } from '#main/bench/prng.ts';
import type { GuestEnd } from './guest-process.ts';
import type { Guest } from './guest.ts';

/** An application for an nRF52840 at address 0: vectors, a reset handler that stays where it is, and noise. */
export function application(size: number): Uint8Array {
  const image = new Uint8Array(size);
  new Prng(7).scramble(image);
  writeU32(image, 0, 0x20008000);
  writeU32(image, 4, 0x101);
  writeU32(image, 0x100, 0xe7fee7fe);
  return image;
}

/** Puts it into the guest as a release, `/out/release`, beside the bare image in `application.bin`. */
export function writeRelease(guest: Guest, image: Uint8Array): void {
  const folder = join(guest.out, 'release');
  mkdirSync(folder);
  writeFileSync(join(folder, 'application.bin'), image);
  const recipe = `schema: 1
product: { id: guest, revision: A, name: Guest board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: application.bin, address: 0, version: 1.0.0 }
serial: { pattern: '^HB[0-9]{6}$' }
`;
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
}

/** Erases, programs and verifies the release's image by OpenOCD's own nRF5 driver, and starts it. */
export function programByOpenOcd(guest: Guest, probeSerial: string): Promise<GuestEnd> {
  const commands = [
    'adapter driver cmsis-dap',
    'cmsis_dap_backend usb_bulk',
    `adapter serial ${probeSerial}`,
    'transport select swd',
    'gdb_port disabled; tcl_port disabled; telnet_port disabled',
    'source [find target/nrf52.cfg]',
    'program /out/release/application.bin 0 verify reset exit',
  ];
  return guest.run(['openocd', ...commands.flatMap((command) => ['-c', command])]);
}
