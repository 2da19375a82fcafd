import { randomBytes } from 'node:crypto';
import type { PlantRole } from '#shared/contract/plant/endpoint.ts';
import type { Signer } from '#shared/base/signer.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import type { Database } from '#plant/database/database.ts';
import type { CallContext } from '#plant/http/handlers.ts';
import { catalogHandlers } from '#plant/http/handlers/catalog.ts';
import { traceHandlers } from '#plant/http/handlers/trace.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { verifyJws } from '#plant/keyring/jws.ts';
import type { Keyring } from '#plant/keyring/keyring.ts';
import { newSigner, PlantChain } from '../plant-chain.ts';
import { openMemoryDatabase } from './migrated-database.ts';

/** When everything in the plant happens, unless a test says otherwise: a leap day. */
export const NOW = new Date('2028-02-29T12:00:00Z');

/** A plant in this process without HTTP: its database, its handlers, people and stations to call them as. */
export interface PlantInMemory {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly ingest: Ingest;
  readonly calls: ReturnType<typeof traceHandlers> & ReturnType<typeof catalogHandlers>;
  /** Enrols a station, with a chain that has nothing in it yet. */
  enrol(station: string): Promise<PlantChain>;
  /** Makes records of these drafts on the chain and sends them; the head is signed unless told otherwise. */
  send(chain: PlantChain, drafts: readonly Partial<RecordDraft>[], signed?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** `database` is the caller's own when given: a migrated one, which `close` leaves open. With `keys`, another server of one plant. */
export async function openPlant(given?: Database, keys?: Keyring): Promise<PlantInMemory> {
  const database = given ?? (await openMemoryDatabase());
  const keyring = keys ?? keyringOf(await newSigner());
  const ingest = createIngest({ database, keyring });
  const random = (length: number) => new Uint8Array(randomBytes(length));
  return {
    database,
    keyring,
    ingest,
    calls: {
      ...traceHandlers({ database, keyring, random, plant: 'Plant 1' }),
      ...catalogHandlers({ database, keyring, random }),
    },
    enrol: async (station) => {
      const signer = await newSigner();
      await database.query(
        'INSERT INTO stations (name, public_key, invited_at, invited_by, enrolled_at) VALUES ($1, $2, $3, $4, $3)',
        [station, signer.publicKey.x, NOW, 'ada'],
      );
      return new PlantChain(station, signer);
    },
    send: async (chain, drafts, signed = true) => {
      const first = chain.records.length + 1;
      for (const draft of drafts) chain.add(draft);
      const batch = await chain.batch(first);
      const sender = { station: chain.station, publicKey: chain.signer.publicKey };
      await ingest.take(sender, signed ? batch : { ...batch, head: null }, NOW);
    },
    close: () => (given === undefined ? database.close() : Promise.resolve()),
  };
}

export function keyringOf(signer: Signer): Keyring {
  return {
    signer,
    publicKeys: [signer.publicKey],
    verify: (jws, typ, key = signer.publicKey) => verifyJws(jws, typ, key),
  };
}

export function asStation(name: string, now = NOW): CallContext {
  return { caller: { kind: 'station', name }, now };
}

/** Somebody with these roles; `products` only for who may see nothing else. */
export function asPerson(name: string, roles: readonly PlantRole[], products: readonly string[] = []): CallContext {
  return { caller: { kind: 'person', name, roles, products }, now: NOW };
}

export const AS_NOBODY: CallContext = { caller: { kind: 'nobody' }, now: NOW };

/** What a call gets where it takes nothing. */
export const EMPTY = { params: {}, query: {}, body: {} } as const;
