import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** USB device firmware upgrade. */
export const DfuInterface = z.discriminatedUnion('kind', [
  /** USB DFU 1.1: one image an alternate setting, without addresses. */
  z.strictObject({ kind: z.literal('dfu'), memories: SeenMemories }),
  /** ST's extension (AN3156, UM0424): addresses and erase commands in blocks 0. */
  z.strictObject({ kind: z.literal('dfuse'), memories: SeenMemories }),
]);
export type DfuInterface = z.infer<typeof DfuInterface>;
