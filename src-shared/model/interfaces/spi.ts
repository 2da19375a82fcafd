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
    /**
     * Bits that protect blocks from being written, by status register: all clear where nothing is protected. `all` of
     * register 1, with the others clear, protect the whole chip: BP2 to BP0 in most.
     */
    blockProtection: z
      .strictObject({ sr1: Byte, sr2: Byte.default(0), all: Byte.default(0x1c) })
      .default({ sr1: 0x1c, sr2: 0, all: 0x1c }),
    /** It has a flag status register (70h) that tells what failed, and does not say so itself. */
    flagStatus: z.boolean().default(false),
    /** Where its quad enable bit is (JESD216, DWORD 15), where it does not say so itself. */
    quadEnable: z.enum(['none', 'sr2-bit1', 'sr1-bit6', 'sr2-bit7', 'sr2-bit1-by-31']).optional(),
    /** How the chip is made to take addresses beyond 16 MiB, where it does not say so itself. */
    enterFourByte: z.enum(['b7', 'wren-b7', 'segment-c5']).optional(),
    memories: SeenMemories,
  }),
]);
export type SpiInterface = z.infer<typeof SpiInterface>;
