import { z } from 'zod';
import { Byte, SeenMemories } from '../memory.ts';

/** A memory on an SPI bus. */
export const SpiInterface = z.discriminatedUnion('kind', [
  /** Serial NOR flash (JESD216). What is left out is taken from the chip's own parameters (SFDP). */
  z.strictObject({
    kind: z.literal('nor'),
    maxHz: z.number().int().positive(),
    /**
     * What instruction 9Fh answers: manufacturer, type, capacity. Absent: any chip that describes itself and is no
     * larger than the memory below.
     */
    jedecId: z
      .array(z.string().regex(/^[0-9a-f]{6}$/u))
      .min(1)
      .optional(),
    /** Instruction 4Bh tells an id of so many bytes, after four that say nothing. */
    uid: z.strictObject({ size: z.number().int().min(4).max(32) }).optional(),
    /** Bits that protect blocks from being written, by status register: all clear where nothing is protected. */
    blockProtection: z.strictObject({ sr1: Byte, sr2: Byte.default(0) }).default({ sr1: 0x1c, sr2: 0 }),
    /** How the chip is made to take addresses beyond 16 MiB, where it does not say so itself. */
    enterFourByte: z.enum(['b7', 'wren-b7']).optional(),
    memories: SeenMemories,
  }),
]);
export type SpiInterface = z.infer<typeof SpiInterface>;
