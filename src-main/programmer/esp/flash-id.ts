import type { IoContext } from '#shared/base/clock.ts';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import { OP, type RegisterWrite, writeRegisters } from './commands.ts';
import { type EspLoader, Refused } from './loader.ts';

/** Registers of the SPI controller, from its base: USER, USER2, MISO length, W0 (TRMs, SPI Controller). */
const LAYOUTS = {
  esp32: { user: 0x1c, user2: 0x24, misoLength: 0x2c, w0: 0x80 },
  esp32s2: { user: 0x18, user2: 0x20, misoLength: 0x28, w0: 0x58 },
} as const;
const START = 0x40000;
const USER_COMMAND = 0x8000_0000;
const USER_MISO = 0x1000_0000;
const READ_ID = 0x9f;

/** JEDEC READ ID, by the controller's registers: manufacturer in the low byte, then type, then capacity. */
export async function readFlashId({ spi }: EspUart, loader: EspLoader, io: IoContext): Promise<number> {
  const at = LAYOUTS[spi.layout];
  const user = await loader.readRegister(spi.base + at.user, io);
  const user2 = await loader.readRegister(spi.base + at.user2, io);
  const write = (writes: readonly RegisterWrite[]) => loader.ask(OP.WRITE_REG, writeRegisters(writes), io);
  await write([
    { address: spi.base + at.misoLength, value: 24 - 1 },
    { address: spi.base + at.user, value: USER_COMMAND | USER_MISO },
    // The command's length less one stands above it.
    { address: spi.base + at.user2, value: (7 << 28) | READ_ID },
    { address: spi.base + at.w0, value: 0 },
    { address: spi.base, value: START },
  ]);
  for (let left = 10; ((await loader.readRegister(spi.base, io)) & START) !== 0; left--) {
    if (left === 0) throw new Refused('flash', 'the SPI controller does not finish');
  }
  const id = (await loader.readRegister(spi.base + at.w0, io)) & 0xffffff;
  await write([
    { address: spi.base + at.user, value: user },
    { address: spi.base + at.user2, value: user2 },
  ]);
  return id;
}

/** Bytes, from the id's capacity: a power of two; some makers count 1 Gbit parts from 0x20. Undefined for what is none. */
export function flashSizeOf(id: number): number | undefined {
  const capacity = (id >>> 16) & 0xff;
  if (id === 0 || id === 0xffffff) return undefined;
  if (capacity >= 0x12 && capacity <= 0x1c) return 2 ** capacity;
  if (capacity >= 0x20 && capacity <= 0x22) return 2 ** (capacity + 6);
  return capacity >= 0x32 && capacity <= 0x3a ? 2 ** (capacity - 0x20) : undefined;
}
