import { z } from 'zod';
import { Instant, Label, Name } from '#shared/contract/plant/common.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { CommandName, CommandUse, PlantCommand, UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import { KeyUse, PolicyChange, SigningKey } from '#shared/contract/plant/signing-api.ts';
import { PoolReport } from '#shared/contract/plant/pool-report.ts';
import { PlantPool, PlantUser } from '#shared/contract/plant/web-messages.ts';
import { KeyKind, KeyStoreKind } from '#shared/model/signing.ts';

const Password = z.string().min(12).max(256);

/** What the command line asks of a plant on this computer, whether its server is running or not. */
export const deskCalls = {
  'station.invite': {
    params: z.strictObject({ name: Name }),
    result: z.object({ station: Name, code: z.string(), until: Instant }),
  },
  /** After the database may have forgotten its last transactions: catalog/recovery.ts. */
  'plant.recover': {
    params: z.strictObject({ blocks: z.number().int().min(1).max(100_000) }),
    result: z.object({
      skipped: z.array(z.object({ pool: Name, first: z.number().int(), last: z.number().int() })),
      sessions: z.number().int(),
      codes: z.number().int(),
    }),
  },
  'user.list': { params: z.strictObject({}), result: z.array(PlantUser) },
  'user.create': {
    params: z.strictObject({
      name: Name,
      roles: z.array(PlantRole).min(1),
      products: z.array(Label).max(100),
      password: Password.nullable(),
      badge: z.string().min(8).max(128).nullable(),
    }),
    result: PlantUser,
  },
  'user.password': { params: z.strictObject({ name: Name, password: Password }), result: PlantUser },
  'key.list': { params: z.strictObject({}), result: z.array(SigningKey) },
  'key.create': {
    params: z.strictObject({
      name: Name,
      use: KeyUse,
      store: KeyStoreKind,
      /** Made in the store, or one that it has: its CKA_ID. */
      from: z.union([
        z.strictObject({ kind: KeyKind }),
        z.strictObject({ reference: z.string().regex(/^(?:[0-9a-f]{2}){1,64}$/) }),
      ]),
      policy: PolicyChange,
    }),
    result: SigningKey,
  },
  /** The key's own certificate: by itself, or by another authority (PEM). */
  'key.certify': {
    params: z.strictObject({
      name: Name,
      subject: z.strictObject({
        commonName: Label.max(64),
        organization: Label.max(64).optional(),
        country: z
          .string()
          .regex(/^[A-Z]{2}$/)
          .optional(),
      }),
      years: z.number().int().min(0).max(31),
    }),
    result: SigningKey,
  },
  'key.certificate': { params: z.strictObject({ name: Name, pem: z.string().max(32_768) }), result: SigningKey },
  'key.policy': { params: z.strictObject({ name: Name, change: PolicyChange }), result: SigningKey },
  'pool.list': { params: z.strictObject({}), result: z.array(PlantPool) },
  'pool.report': { params: z.strictObject({ id: Name, before: z.string().optional() }), result: PoolReport },
  'command.list': { params: z.strictObject({}), result: z.array(PlantCommand) },
  'command.uses': {
    params: z.strictObject({
      name: CommandName,
      serial: Label.nullable(),
      limit: z.number().int().min(1).max(1000),
    }),
    result: z.array(CommandUse),
  },
  /** Of a made-up unit: nothing is kept of it. */
  'command.try': {
    params: z.strictObject({
      name: CommandName,
      unit: UnitDataRequest.pick({ product: true, revision: true, serial: true, uid: true, macs: true, values: true }),
    }),
    result: z.object({
      end: z.enum(['gave', 'failed', 'lost']),
      detail: z.string().nullable(),
      /** base64 */
      data: z.string().nullable(),
      sha256: z.string().nullable(),
      ms: z.number(),
      said: z.string(),
    }),
  },
  'command.renew': {
    params: z.strictObject({ name: CommandName, serial: Label, reason: Label }),
    result: z.object({ renewed: z.number().int() }),
  },
} as const;

export type DeskCalls = typeof deskCalls;
export type DeskCall = keyof DeskCalls;

/** Throws what the call throws; `usage` for parameters that do not fit. */
export interface Desk {
  call<K extends DeskCall>(name: K, params: z.input<DeskCalls[K]['params']>): Promise<z.output<DeskCalls[K]['result']>>;
}
