import { z } from 'zod';

/** The unit that this process is to leave behind, and when it is to die: at so many things that happen, packets or log entries. */
export const KillOrder = z.object({ unit: z.number(), dieAt: z.number(), home: z.string() });
export type KillOrder = z.infer<typeof KillOrder>;

/** A line for the one who sent us here: what was found of the unit before, and how our runs ended. */
export const KillLine = z.discriminatedUnion('told', [
  z.object({ told: z.literal('started'), unit: z.number(), run: z.string() }),
  z.object({
    told: z.literal('found'),
    unit: z.number(),
    codes: z.array(z.string()),
    end: z.string(),
    holds: z.enum(['old', 'new', 'neither']),
  }),
  z.object({ told: z.literal('again'), unit: z.number(), run: z.string(), verdict: z.string(), isDone: z.boolean() }),
  z.object({ told: z.literal('outlived'), unit: z.number(), run: z.string(), verdict: z.string(), steps: z.number() }),
]);
export type KillLine = z.infer<typeof KillLine>;
