import { z } from 'zod';
import { Failure } from '../model/failure.ts';
import { command, event, query } from './define.ts';

/** How this station stands with the plant, for the frame of every screen; always sent whole. */
export const SyncState = z.object({
  /** Null: not enrolled. */
  plant: z.object({ name: z.string(), url: z.string() }).nullable(),
  /** By which name the plant knows this station. */
  station: z.string().nullable(),
  /** `idle`: all sent, plant heard from lately. `waiting`: before the next try after a failure. */
  phase: z.enum(['off', 'idle', 'sending', 'waiting', 'refused']),
  /** Records that the plant does not have yet, and when the oldest was made. */
  pending: z.number().int(),
  oldestAt: z.string().nullable(),
  lastContactAt: z.string().nullable(),
  nextTryAt: z.string().nullable(),
  /** Until when this station may work without hearing from the plant; null without a plant. */
  leaseUntil: z.string().nullable(),
  /** This clock minus the plant's, in milliseconds; null before the first visit. */
  skewMs: z.number().nullable(),
  failure: Failure.nullable(),
  /** What is left of the numbers that this station has leased. */
  numbers: z.array(z.object({ pool: z.string(), left: z.number().int(), until: z.string() })),
});
export type SyncState = z.infer<typeof SyncState>;

const Empty = z.strictObject({});

export const syncCalls = {
  'sync.state': query(Empty, SyncState),
  /** A visit to the plant at once; resolves when it has ended, well or not. */
  'sync.now': command(Empty, SyncState),
  /** Binds this station to a plant, with the one-time code that the plant gave out. */
  'sync.enrol': command(z.strictObject({ url: z.string().max(512), code: z.string().max(256) }), SyncState),
} as const;

export const syncEvents = {
  'sync.changed': event(SyncState),
} as const;
