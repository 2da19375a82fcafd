import {
  type NumberLease,
  NumberLease as NumberLeaseSchema,
  StationDocument,
  STATEMENTS,
} from '#shared/contract/plant/station-api.ts';
import { readStatement } from '#shared/contract/plant/read-statement.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Enrolment, PlantStore } from '../log/plant-store.ts';

/** Which plant this is, and its newest document: what was proven of it, and nothing else. */
export interface PlantBook {
  readonly enrolment: Enrolment;
  /** Null before the first visit. */
  readonly document: StationDocument | null;
}

/**
 * Null: not enrolled. The document's signature is verified again: who can write the file cannot make a document. Rejects with
 * `plant-untrusted` when it is not the plant's.
 */
export async function readPlantBook(store: PlantStore): Promise<PlantBook | null> {
  const enrolment = await store.enrolment();
  if (enrolment === null) return null;
  const jws = await store.document();
  return { enrolment, document: jws === null ? null : await proveDocument(enrolment, jws) };
}

/** A document that just came: proven, kept unless a newer one is here, and whichever is the newest by then. */
export async function takeDocument(store: PlantStore, enrolment: Enrolment, jws: string): Promise<StationDocument> {
  const document = await proveDocument(enrolment, jws);
  if (await store.keepDocument(jws, document.serial)) return document;
  const kept = await store.document();
  const newest = kept === null || kept === jws ? document : await proveDocument(enrolment, kept);
  if (newest.serial > document.serial) return newest;
  if (newest.serial === document.serial && kept === jws) return document;
  throw untrusted('two documents with one number');
}

export async function proveLease(enrolment: Enrolment, pool: string, jws: string): Promise<NumberLease> {
  const key = enrolment.plant.publicKey;
  const lease = await readStatement(jws, STATEMENTS.numberLease, key, NumberLeaseSchema);
  if (lease === null) throw untrusted('a number lease that is not signed by the plant');
  if (lease.station !== enrolment.station || lease.pool !== pool)
    throw untrusted('a number lease for another station or pool');
  return lease;
}

async function proveDocument({ plant, station }: Enrolment, jws: string): Promise<StationDocument> {
  const document = await readStatement(jws, STATEMENTS.stationDocument, plant.publicKey, StationDocument);
  if (document === null) throw untrusted('a station document that is not signed by the plant');
  if (document.station !== station) throw untrusted('a station document for another station');
  return document;
}

function untrusted(detail: string): FlashlineError {
  return new FlashlineError('plant-untrusted', { params: { detail } });
}
