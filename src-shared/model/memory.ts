import { z } from 'zod';

/** Addresses and sizes are plain integers (YAML reads 0x...); times are milliseconds unless named otherwise. */
export const Address = z.number().int().min(0).max(0xffffffff);
export const Size = z.number().int().positive();
export const Byte = z.number().int().min(0).max(255);

/** One memory of a chip. `page` is the smallest erasable unit, `word` the smallest programmable one, in bytes. */
export const Memory = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ram'), name: z.string(), start: Address, size: Size }),
  z.strictObject({
    kind: z.literal('flash'),
    name: z.string(),
    start: Address,
    size: Size,
    page: Size,
    word: Size,
    erased: z.number().int().min(0).max(255),
    /** Words that were programmed may be programmed to zero once more without an erase (no ECC, at least two writes a word). */
    zeroable: z.boolean().default(false),
    /** Writing a word replaces what it held, as in an EEPROM: nothing is erased, and all of the image is written. */
    overwrite: z.boolean().optional(),
    /** Typical times from the data sheet, for the cost model; deadlines allow ten times as much. */
    eraseMs: z.number().positive(),
    wordUs: z.number().positive(),
    /** What else one command can erase: aligned blocks of several pages, with their typical times. */
    eraseBlocks: z.array(z.strictObject({ size: Size, ms: z.number().positive() })).optional(),
  }),
]);
export type Memory = z.infer<typeof Memory>;
export type FlashMemory = Extract<Memory, { kind: 'flash' }>;

/** The memory map as one interface of the chip has it; left out where that is the chip's own. */
export const SeenMemories = z.array(Memory).min(1).optional();
