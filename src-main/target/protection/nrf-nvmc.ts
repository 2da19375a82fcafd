import type { IoContext } from '#shared/base/clock.ts';
import type { Access } from './protection.ts';

/** Nordic's flash controller (nRF51 RM v3.0, 6; nRF52840 PS v1.1, 4.3), offsets from its base. */
const READY = 0x400;
const CONFIG = 0x504;
const ERASEALL = 0x50c;
const READ_ONLY = 0;
const WRITE_ENABLE = 1;
const ERASE_ENABLE = 2;

const WRITE_MS = 100;

/** One word of flash or UICR, past whatever the engine has set up. */
export async function programWord(
  { memory, chip }: Access,
  address: number,
  value: number,
  io: IoContext,
): Promise<void> {
  const { base } = chip.controller;
  await memory.writeWord(base + CONFIG, WRITE_ENABLE, io);
  await memory.writeWord(address, value, io);
  await memory.waitForWord(base + READY, 1, 1, WRITE_MS, io);
  await memory.writeWord(base + CONFIG, READ_ONLY, io);
}

export async function startEraseAll({ memory, chip }: Access, io: IoContext): Promise<void> {
  const { base } = chip.controller;
  await memory.writeWord(base + CONFIG, ERASE_ENABLE, io);
  await memory.writeWord(base + ERASEALL, 1, io);
}

export async function isReady({ memory, chip }: Access, io: IoContext): Promise<boolean> {
  return ((await memory.readWord(chip.controller.base + READY, io)) & 1) === 1;
}

export async function closeController({ memory, chip }: Access, io: IoContext): Promise<void> {
  await memory.writeWord(chip.controller.base + CONFIG, READ_ONLY, io);
}
