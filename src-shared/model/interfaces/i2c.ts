import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

/** A chip on an I2C bus. */
export const I2cInterface = z.discriminatedUnion('kind', [
  /** 24xx EEPROM. */
  z.strictObject({ kind: z.literal('eeprom'), memories: SeenMemories }),
  /** Microchip ATECC608 secure element. */
  z.strictObject({ kind: z.literal('atecc'), memories: SeenMemories }),
]);
export type I2cInterface = z.infer<typeof I2cInterface>;
