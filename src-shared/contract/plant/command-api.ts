import { z } from 'zod';
import { sha256Hex } from '../../base/digest.ts';
import { canonicalJson } from '../../model/record-chain.ts';
import { API, Instant, Jws, Label, Name, Sha256 } from './common.ts';
import { endpoint } from './endpoint.ts';
import { KeyPolicy } from './signing-api.ts';

/** What a command of the plant may give for one unit. */
export const MAX_UNIT_DATA_BYTES = 1024 * 1024;
/** The longest that a command may take; a station waits longer than that. */
export const MAX_COMMAND_SECONDS = 60;

export const CommandName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);
export type CommandName = z.infer<typeof CommandName>;

/** A unit before a command, and what its recipe sends. */
export const UnitDataRequest = z.strictObject({
  /** Of the station's making, one a run: asked again with it, the answer is the same. */
  request: z.string().regex(/^[\w-]{16,64}$/),
  command: CommandName,
  product: Label,
  revision: Label,
  release: Sha256,
  serial: Label,
  uid: Label.nullable(),
  macs: z.array(z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/)).max(9),
  run: Label,
  order: Label.nullable(),
  /** By the names that recipes have for sources: `scan.batch`, `test.vref`. */
  values: z.record(z.string().max(80), z.string().max(16_384)),
  /** Bytes that the partition can take. */
  atLeast: z.number().int().min(1).max(MAX_UNIT_DATA_BYTES),
  atMost: z.number().int().min(1).max(MAX_UNIT_DATA_BYTES),
});
export type UnitDataRequest = z.infer<typeof UnitDataRequest>;

/** The plant's word for one answer: what was asked, by whom, and the digest of what was given. */
export const UnitDataStatement = z.object({
  station: Name,
  request: z.string(),
  /** SHA-256 of the whole request (askedDigest). */
  asked: Sha256,
  command: CommandName,
  /** By which the plant's audit log and the program have it. */
  use: z.string(),
  sha256: Sha256,
  size: z.number().int().min(1),
  madeAt: Instant,
  /** It was made before, for an earlier run of this unit. */
  again: z.boolean(),
});
export type UnitDataStatement = z.infer<typeof UnitDataStatement>;

/** `working`: ask again, with the same request. */
export const UnitDataAnswer = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('made'),
    /** JWS of UnitDataStatement, by the plant's key. */
    statement: Jws,
    /** base64 */
    data: z.string().max(Math.ceil(MAX_UNIT_DATA_BYTES / 3) * 4),
  }),
  z.object({ state: z.literal('working') }),
]);
export type UnitDataAnswer = z.infer<typeof UnitDataAnswer>;

/** What makes one request another. */
export function askedDigest(request: UnitDataRequest): string {
  return sha256Hex(new TextEncoder().encode(canonicalJson(request)));
}

/**
 * What a unit that was given has when it comes again: the `same` bytes; nothing (`refuse`); `new` ones, of another use of the
 * command.
 */
export const CommandAgain = z.enum(['same', 'refuse', 'new']);
export type CommandAgain = z.infer<typeof CommandAgain>;

/** As the plant's command line shows it. */
export const PlantCommand = z.object({
  name: CommandName,
  run: z.array(z.string()),
  seconds: z.number(),
  maxBytes: z.number().int(),
  atOnce: z.number().int(),
  again: CommandAgain,
  repeatable: z.boolean(),
  policy: KeyPolicy,
  /** Uses that gave something, and those whose end is not known. */
  given: z.number().int(),
  lost: z.number().int(),
});
export type PlantCommand = z.infer<typeof PlantCommand>;

/** One use of a command. */
export const CommandUse = z.object({
  use: z.string(),
  state: z.enum(['begun', 'given', 'failed', 'lost']),
  /** It is what the unit has of this command. */
  live: z.boolean(),
  product: z.string(),
  release: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  station: z.string(),
  begunAt: Instant,
  endedAt: Instant.nullable(),
  sha256: z.string().nullable(),
  size: z.number().int().nullable(),
  detail: z.string().nullable(),
});
export type CommandUse = z.infer<typeof CommandUse>;

export const commandEndpoints = {
  'station.unitData': endpoint({
    method: 'POST',
    path: `${API}/unit-data`,
    access: 'station',
    summary:
      'Has a command of the plant make the bytes that one unit is given; the same request has the same answer, however often it is sent',
    body: UnitDataRequest,
    answer: UnitDataAnswer,
  }),
} as const;
