import { z } from 'zod';

/**
 * What a station's log is busy with before anything of it can be used: it waits for another Flashline that mends it or looks
 * at it alone, it is looked through where it seems damaged, it is made anew of all that can be read.
 */
export const LogOpening = z.object({
  step: z.enum(['wait', 'check', 'mend']),
  /** Whole percents of this step; null where nobody knows. */
  percent: z.number().int().min(0).max(100).nullable(),
});
export type LogOpening = z.infer<typeof LogOpening>;
