import { z } from 'zod';
import { Address, SeenMemories } from '../memory.ts';
import { EspUart } from './esp.ts';

/** Boot loaders on a serial port. */
export const UartInterface = z.discriminatedUnion('kind', [
  /** ST's system memory boot loader (AN3155). */
  z.strictObject({
    kind: z.literal('stm32'),
    /** What it answers to GET ID; the debug port's DEV_ID. */
    pid: z.number().int().min(0).max(0xfff),
    /** The start that a READ is taken at to reach the hardware id and the flash size: it may refuse those of the words. */
    signature: Address,
    flashSize: z.strictObject({ address: Address, kib: z.number().int().positive() }),
    /** The byte of read-out protection among the option bytes. */
    rdp: Address,
    /**
     * The option bytes that say which pages are write protected, by the kind of their words: a bit a sector, or areas by
     * their first and last page.
     */
    writeProtection: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('sectors'), address: Address }),
        z.strictObject({ kind: z.literal('areas'), addresses: z.array(Address).length(2) }),
      ])
      .optional(),
    /** Typical time of its erase of everything, milliseconds. */
    massEraseMs: z.number().positive(),
    memories: SeenMemories,
  }),
  EspUart,
]);
export type UartInterface = z.infer<typeof UartInterface>;
