import { z } from 'zod';
import { Address, SeenMemories } from '../memory.ts';
import { BoardId, Uf2Families } from './uf2.ts';

/** Bytes of RAM that the code, what it is asked and what it answers take. */
export const HF2_DIGEST_WINDOW = 0x1800;

/**
 * READ and WRITE WORDS reach RAM and the core's VTOR, and the boot loader's SysTick is an exception: code of ours can be run in RAM, to hash
 * what the flash holds. Left out where that is not known of the boot loader: everything is then read back.
 */
export const Hf2Digest = z.strictObject({
  /** A folder of resources/unit-digests. */
  code: z.literal('sha256-v6m'),
  /** RAM that the boot loader does not use, 6 KiB from here on; above its stack. VTOR takes multiples of 256. */
  ram: Address.multipleOf(256),
  /** The boot loader's own vectors, where VTOR points while it runs. */
  vectors: Address,
});
export type Hf2Digest = z.infer<typeof Hf2Digest>;

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
  digest: Hf2Digest.optional(),
  memories: SeenMemories,
});
export type Hf2Interface = z.infer<typeof Hf2Interface>;
