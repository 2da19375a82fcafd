import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** Boot loaders on a serial port. */
export const UartInterface = z.discriminatedUnion('kind', [
  /** ST's system memory boot loader (AN3155). */
  z.strictObject({ kind: z.literal('stm32'), memories: SeenMemories }),
  /** Espressif's ROM loader, and the flasher stub on it. */
  z.strictObject({ kind: z.literal('esp'), memories: SeenMemories }),
]);
export type UartInterface = z.infer<typeof UartInterface>;
