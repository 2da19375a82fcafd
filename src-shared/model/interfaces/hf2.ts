import { z } from 'zod';
import { Address, SeenMemories } from '../memory.ts';
import { BoardId, Uf2Families } from './uf2.ts';

/** A UF2 boot loader's HID side (HF2). */
export const Hf2Interface = z.strictObject({
  families: Uf2Families,
  board: BoardId,
  /** What the boot loader looks at before it starts the firmware. */
  boot: z.strictObject({ vectors: Address }),
  /**
   * READ and WRITE WORDS reach this flash controller's registers, so that single words can be programmed; left out where
   * whole pages are all that it writes.
   */
  words: z.literal('samd-nvmctrl').optional(),
  memories: SeenMemories,
});
export type Hf2Interface = z.infer<typeof Hf2Interface>;
