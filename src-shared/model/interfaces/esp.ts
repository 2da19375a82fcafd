import { z } from 'zod';
import { Address, SeenMemories } from '../memory.ts';
import { EspEfuse } from './esp-efuse.ts';

/** Espressif's ROM loader on a serial port, and the flasher stub that it starts. */
export const EspUart = z.strictObject({
  kind: z.literal('esp'),
  memories: SeenMemories,
  /** The chip's file among the package's flasher stubs. */
  stub: z.enum(['esp32', 'esp32s2', 'esp32s3', 'esp32c2', 'esp32c3', 'esp32c6', 'esp32h2']),
  /** What an image's header calls the chip (bytes 12 and 13), and what `security: chip-id` ROMs answer. */
  chipId: z.number().int().min(0).max(0xffff),
  /** What GET_SECURITY_INFO tells: nothing (no such command), flags and keys, or the chip's id too. */
  security: z.enum(['none', 'flags', 'chip-id']),
  /** The word at 0x40001000 of a ROM that tells no chip id. */
  magic: Address.optional(),
  /** The eFuse registers that hold the factory MAC address, bytes 5 to 2 and then 1 and 0. */
  mac: z.strictObject({ low: Address, high: Address }),
  efuse: EspEfuse,
  /** The flash's SPI controller, and which generation of it this is. */
  spi: z.strictObject({ base: Address, layout: z.enum(['esp32', 'esp32s2']) }),
  /** Codes of the flash's clock in an image's header (lower half of byte 3) that this chip's ROM knows. */
  flashClocks: z.array(z.number().int().min(0).max(15)).min(1),
  /** Bits per second on a board's serial adapter; stepped down where the line is noisy. */
  baud: z.number().int().positive().default(921_600),
  /** How the board is put into its boot loader, in the order tried (programmer/esp/resets.ts). */
  resets: z.array(z.enum(['classic', 'classic-slow', 'usb-jtag-serial'])).min(1),
});
export type EspUart = z.infer<typeof EspUart>;
