import { z } from 'zod';
import { LogOpening } from '../model/log-opening.ts';
import { Failure, Verdict } from '../model/failure.ts';
import { ReleaseRole } from '../model/recipe.ts';
import { ReasonTotal } from '../model/plan.ts';
import { RunEvent, Step } from '../model/run-event.ts';
import { UnitRecord } from '../model/unit-record.ts';
import { command, event, query } from './define.ts';
import { syncCalls, syncEvents } from './sync.ts';

/** The barcode that asks for rework of the unit that was just refused because it had already passed. */
export const REWORK_CODE = '*REWORK*';

/** The barcode (and the button) for a board without a label, where the station gives the serials. */
export const NEXT_CODE = '*NEXT*';

/** The barcode on a person's badge: whoever scans it is the operator of the records that follow. */
export const BADGE_CODE = /^\*BADGE:(.{1,128})\*$/u;

/** One board position as the screens show it; always sent whole. */
export const SlotState = z.object({
  id: z.string(),
  /** What the fixture's label says: `1`, `2`, ... */
  name: z.string(),
  probe: z.string(),
  /** Whether its probe can be used now; `unknown` where nobody can tell (a gdb server, the bench). */
  attached: z.enum(['yes', 'no', 'denied', 'busy', 'unknown']),
  /** `empty` waits for a scan, `ready` for Start, `finished` keeps its verdict until the next scan. */
  phase: z.enum(['empty', 'ready', 'running', 'finished']),
  serial: z.string().nullable(),
  rework: z.boolean(),
  run: z.string().nullable(),
  uid: z.string().nullable(),
  steps: z.array(z.object({ step: Step, ms: z.number().nullable() })),
  /** Of the step that runs now, in bytes; null for steps without a length. */
  progress: z.object({ done: z.number(), total: z.number() }).nullable(),
  /** UTC, ISO 8601. */
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  /** By the run's own clock. */
  elapsedMs: z.number(),
  cancelling: z.boolean(),
  verdict: Verdict.nullable(),
  failure: Failure.nullable(),
  /** What the plan writes and keeps, in whole pages, and why; null before there is one. */
  pages: z.array(ReasonTotal).nullable(),
  /** The wires are noisy, and were clocked down to this; null where they are clean. */
  noisyHz: z.number().nullable(),
  /** Written and proven, it waits for the badge of one of these before it is locked; null where it does not wait. */
  waitsFor: z.array(ReleaseRole).nullable(),
});
export type SlotState = z.infer<typeof SlotState>;

/** A barcode to try on the bench, and what it will show. */
export const Sample = z.object({ serial: z.string(), shows: z.enum(['pass', 'fail', 'no-target', 'wrong-serial']) });
export type Sample = z.infer<typeof Sample>;

/** The work order that records carry. */
export const OrderState = z.object({
  id: z.string(),
  quantity: z.number().int(),
  /** What the plant counted, and what was made here since. */
  passed: z.number().int(),
  /** `filled`: as many as were ordered have passed; work can go on, and every further unit is one too many. */
  standing: z.enum(['open', 'filled', 'closed']),
});
export type OrderState = z.infer<typeof OrderState>;

export const StationState = z.object({
  station: z.string(),
  /** By whom the next records are made. */
  operator: z.string(),
  /** Null: none was chosen, or this station has no plant. */
  order: OrderState.nullable(),
  /** Open orders for the release that this station runs. */
  orders: z.array(z.object({ id: z.string(), quantity: z.number().int(), passed: z.number().int() })),
  appVersion: z.string(),
  /** `bench`: everything is simulated, and every screen says so. */
  mode: z.enum(['probes', 'bench']),
  release: z
    .object({
      digest: z.string(),
      product: z.object({ id: z.string(), revision: z.string(), name: z.string() }),
      chip: z.string(),
      images: z.array(z.object({ role: z.string(), version: z.string(), size: z.number() })),
      serialPattern: z.string(),
      /** Only where nobody signed it and it is for real units: whether it runs, and who allowed that. */
      unsigned: z
        .object({
          rule: z.enum(['not-set-up', 'allowed', 'refused']),
          by: z.string().nullable(),
          at: z.string().nullable(),
        })
        .optional(),
      /** The station gives the serials: how many are left, null where only the plant knows. Left out where labels bring them. */
      serials: z.object({ left: z.number().int().nullable() }).optional(),
    })
    .nullable(),
  autoStart: z.boolean(),
  /** What screens go by where nobody chose at them; left out: by their own. */
  screen: z.object({ language: z.enum(['auto', 'en', 'zh-CN']), sound: z.boolean() }).optional(),
  slots: z.array(SlotState),
  samples: z.array(Sample),
  /** Runs that a dead process left behind, until acknowledged. */
  interrupted: z.array(UnitRecord),
  /** What is wrong with the station itself while boards can go on, until acknowledged; left out where nothing is. */
  troubles: z.array(Failure).optional(),
});
export type StationState = z.infer<typeof StationState>;

export const ScanOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('accepted'), slot: z.string(), serial: z.string() }),
  /** The same code within 2 s: taken once, said once. */
  z.object({ outcome: z.literal('repeated'), serial: z.string() }),
  /** A badge: this person works here now. */
  z.object({ outcome: z.literal('operator'), operator: z.string() }),
  /** A badge released the boards on these slots to be locked; who works here is as before. */
  z.object({ outcome: z.literal('released'), by: z.string(), slots: z.array(z.string()) }),
  z.object({ outcome: z.literal('refused'), code: z.string(), failure: Failure }),
]);
export type ScanOutcome = z.infer<typeof ScanOutcome>;

/** What a search of the log found: newest first. */
export const LogFindings = z.object({
  /** As what the text was found; `nothing` when it was not. */
  by: z.enum(['newest', 'serial', 'uid', 'mac', 'image', 'order', 'batch', 'nothing']),
  records: z.array(UnitRecord),
  next: z.number().int().nullable(),
});
export type LogFindings = z.infer<typeof LogFindings>;

const Empty = z.strictObject({});

/** Every call of the station's bridge. The host checks `params` and the client `result`. */
export const stationCalls = {
  /** Answered once the station is put together; until then it tells what the log is busy with, where that takes long. */
  'station.state': query(Empty, StationState, { progress: LogOpening }),
  /** A scanned or typed code: goes to `slot`, else to the next slot without a unit waiting. */
  'station.scan': command(z.strictObject({ code: z.string().max(256), slot: z.string().optional() }), ScanOutcome),
  'station.acknowledge-interrupted': command(Empty, Empty),
  /** By its failure's code. */
  'station.acknowledge-trouble': command(z.strictObject({ code: z.string().max(64) }), Empty),
  'station.set-auto-start': command(z.strictObject({ on: z.boolean() }), Empty),
  /** The order that the following records carry; null for none. `not-found` and `state-conflict` say why it cannot be. */
  'station.set-order': command(z.strictObject({ order: z.string().max(128).nullable() }), Empty),
  /** Starts a ready slot and resolves when the run has ended; cancelling the call aborts the run, losing the connection does not. */
  'slot.run': command(
    z.strictObject({ slot: z.string(), rework: z.boolean().default(false) }),
    z.object({ verdict: Verdict, run: z.string() }),
    {
      progress: RunEvent,
      onDisconnect: 'continue',
    },
  ),
  'slot.abort': command(z.strictObject({ slot: z.string() }), Empty),
  /** Takes a waiting or finished unit off the slot. */
  'slot.clear': command(z.strictObject({ slot: z.string() }), Empty),
  'log.records': query(
    z.strictObject({ serial: z.string().optional(), limit: z.number().int().min(1).max(500).default(50) }),
    z.array(UnitRecord),
  ),
  /** Finds records by whatever was scanned or typed; nothing typed finds the newest. */
  'log.search': query(
    z.strictObject({
      text: z.string().max(256),
      /** The last answer's `next`: the page after it. */
      before: z.number().int().optional(),
      limit: z.number().int().min(1).max(200).default(50),
    }),
    LogFindings,
  ),
  ...syncCalls,
} as const;

/** What the host tells every screen; broadcast state, they never steer. */
export const stationEvents = {
  'slot.changed': event(SlotState),
  'station.changed': event(StationState),
  ...syncEvents,
} as const;
