import { z } from 'zod';
import { Failure } from '../model/failure.ts';

/** The bridge's messages, the same over Electron IPC and WebSocket. `id` is the caller's, unique on its connection. */
export const ToHost = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('call'), id: z.number().int(), call: z.string(), params: z.unknown() }),
  z.strictObject({ type: z.literal('cancel'), id: z.number().int() }),
]);
export type ToHost = z.infer<typeof ToHost>;

export const ToClient = z.discriminatedUnion('type', [
  z.object({ type: z.literal('result'), id: z.number().int(), result: z.unknown() }),
  z.object({ type: z.literal('failure'), id: z.number().int(), failure: Failure }),
  z.object({ type: z.literal('progress'), id: z.number().int(), progress: z.unknown() }),
  z.object({ type: z.literal('event'), event: z.string(), payload: z.unknown() }),
]);
export type ToClient = z.infer<typeof ToClient>;
