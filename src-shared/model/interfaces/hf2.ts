import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** A UF2 boot loader's HID side (HF2). */
export const Hf2Interface = z.strictObject({ memories: SeenMemories });
export type Hf2Interface = z.infer<typeof Hf2Interface>;
