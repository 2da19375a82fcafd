import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** A memory on an SPI bus. */
export const SpiInterface = z.discriminatedUnion('kind', [
  /** Serial NOR flash (JESD216). */
  z.strictObject({ kind: z.literal('nor'), memories: SeenMemories }),
]);
export type SpiInterface = z.infer<typeof SpiInterface>;
