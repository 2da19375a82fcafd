import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** A boot loader that shows itself as a drive and takes a UF2 file. */
export const Uf2Interface = z.strictObject({ memories: SeenMemories });
export type Uf2Interface = z.infer<typeof Uf2Interface>;
