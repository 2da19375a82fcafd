import { z } from 'zod';
import { Failure } from '#shared/model/failure.ts';
import { LogOpening } from '#shared/model/log-opening.ts';

/** What the station's thread asks of the worker: one method of one served object. */
export const Request = z.object({
  id: z.number().int(),
  object: z.string(),
  method: z.string(),
  args: z.array(z.unknown()),
});
export type Request = z.infer<typeof Request>;

/** Asked for by the worker's opening, before anything can be called. */
export const OPENING = 0;

/** The object that is every worker's own: its `close` closes what is served, then the thread. */
export const WORKER = '';

export const Told = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: z.number().int(), result: z.unknown() }),
  z.object({ type: z.literal('refusal'), id: z.number().int(), failure: Failure }),
  /** Before the opening's answer: what it is busy with. */
  z.object({ type: z.literal('opening'), opening: LogOpening }),
  /** Changes no result: a statement that took long, say. */
  z.object({ type: z.literal('warning'), failure: Failure }),
]);
export type Told = z.infer<typeof Told>;
