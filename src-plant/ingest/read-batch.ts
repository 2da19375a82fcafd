import { hash as digest } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import type { BatchItem, RecordBatch } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { facetsOf } from '#shared/model/facets.ts';
import { readRecord, recordTexts } from '#shared/model/record-chain.ts';
import { isSimulated, type UnitRecord } from '#shared/model/unit-record.ts';

/** What tables are made of besides the text itself. Hundreds are held at once: of a whole record, most would only be kept alive. */
export type RecordParts = Pick<
  UnitRecord,
  'sequence' | 'hash' | 'serial' | 'product' | 'process' | 'uid' | 'verdict' | 'failure' | 'order' | 'macs'
>;

/** A record that is what its hash says, and that the database can hold. */
export interface CheckedRecord {
  readonly record: RecordParts;
  /** Milliseconds since 1970, UTC. */
  readonly finishedMs: number;
  readonly facets: readonly string[];
  /** Canonical JSON. */
  readonly body: string;
}

/** One place of a chain, or all those of a gap; `checked` is null for a link and for a gap. */
export interface ChainPlace {
  /** Of a gap: its first place, and `sequence` is its last. Else the same as `sequence`. */
  readonly first: number;
  readonly sequence: number;
  readonly previousHash: string;
  readonly hash: string;
  readonly checked: CheckedRecord | null;
  readonly isGap: boolean;
}

/** Others are served in between: a full batch takes a tenth of a second. */
const ITEMS_BETWEEN_BREATHS = 32;
/** PostgreSQL's index entries end at 2704 bytes, and three such names make a key. */
const MAX_NAME_BYTES = 512;
/** Years 1 to 9999: what PostgreSQL has a date for, and ISO 8601 four digits. */
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const Finished = z.iso.datetime({ offset: true });
/** In canonical JSON: NUL, which PostgreSQL's text cannot hold, and half of a surrogate pair, which UTF-8 cannot. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/**
 * Holds every item against its own hash and against the one before it; what the batch follows is for the database to say.
 * Throws `chain-broken`, `chain-gap`, `record-newer`, or `bad-request` for text and times that cannot be stored.
 */
export async function readBatch({ chain, items }: RecordBatch): Promise<readonly ChainPlace[]> {
  const places: ChainPlace[] = [];
  for (const [index, item] of items.entries()) {
    if (index % ITEMS_BETWEEN_BREATHS === ITEMS_BETWEEN_BREATHS - 1) await breathe();
    const place = readItem(item);
    checkOrder(place, places.at(-1), chain);
    places.push(place);
  }
  return places;
}

function readItem(item: BatchItem): ChainPlace {
  if ('record' in item) return readPlace(item);
  if ('link' in item) return { ...item.link, first: item.link.sequence, checked: null, isGap: false };
  const { first, last, previousHash, hash } = item.gap;
  return { first, sequence: last, previousHash, hash, checked: null, isGap: true };
}

function checkOrder(place: ChainPlace, before: ChainPlace | undefined, chain: string): void {
  const { first, sequence, hash, previousHash } = place;
  if (first < 1) throw broken(first, 'places count from 1');
  if (sequence < first) throw broken(first, `a gap from here cannot end at ${sequence}`);
  if (sequence === 1 && hash !== chain) throw broken(1, `its hash is ${hash}, and the chain is named ${chain}`);
  if (before === undefined) return;
  if (first !== before.sequence + 1)
    throw new FlashlineError('chain-gap', { params: { expected: before.sequence + 1 } });
  if (previousHash !== before.hash)
    throw broken(first, `it follows a record with hash ${previousHash}, the one before it has ${before.hash}`);
}

function readPlace({ record: raw }: Extract<BatchItem, { record: unknown }>): ChainPlace {
  const sequence = typeof raw['sequence'] === 'number' ? raw['sequence'] : 0;
  const schema = raw['schema'];
  if (typeof schema === 'number' && schema !== 1) throw new FlashlineError('record-newer', { params: { schema } });
  const { body, hashed } = textsOf(raw, sequence);
  const hash = digest('sha256', hashed, 'hex');
  const read = readRecord(raw);
  if (raw['hash'] !== hash) {
    const detail = typeof read === 'string' ? read : `it was changed: its hash is ${hash}, it says ${read.record.hash}`;
    throw broken(sequence, detail);
  }
  // Whoever wrote it meant it so: a Flashline that has words which this one does not know.
  if (typeof read === 'string')
    throw new FlashlineError('record-newer', { params: { schema: '1' }, cause: `record ${sequence}: ${read}` });
  return placeOf(read.record, body);
}

function textsOf(raw: object, sequence: number): ReturnType<typeof recordTexts> {
  try {
    return recordTexts(raw);
  } catch (thrown) {
    // A number beyond double precision, or thousands of brackets inside each other.
    throw refused(sequence, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function placeOf(record: UnitRecord, body: string): ChainPlace {
  const { sequence, previousHash, hash } = record;
  // Contract: no simulated unit's record is kept here. Its place in the chain is.
  const place = { first: sequence, sequence, previousHash, hash, isGap: false };
  if (isSimulated(record)) return { ...place, checked: null };
  if (body.includes('\\u') && UNSTORABLE.test(body))
    throw refused(sequence, 'text with a NUL character or half a surrogate pair');
  const facets = facetsOf(record);
  const names = [record.serial, record.product.id, record.process, record.uid, record.order, ...facets];
  if (names.some((name) => name && Buffer.byteLength(name) > MAX_NAME_BYTES))
    throw refused(sequence, `a name in it is longer than ${MAX_NAME_BYTES} bytes`);
  const finishedMs = Finished.safeParse(record.finishedAt).success ? Date.parse(record.finishedAt) : Number.NaN;
  if (!(finishedMs >= FIRST_MS && finishedMs <= LAST_MS))
    throw refused(sequence, `${JSON.stringify(record.finishedAt.slice(0, 40))} is no instant of UTC`);
  return { ...place, checked: { record: partsOf(record), finishedMs, facets, body } };
}

function partsOf({ sequence, hash, serial, product, process, uid, verdict, failure, order, macs }: UnitRecord) {
  const parts: RecordParts = { sequence, hash, serial, product, process, uid, verdict, failure, order, macs };
  return parts;
}

export function broken(sequence: number, detail: string): FlashlineError {
  return new FlashlineError('chain-broken', { params: { sequence, detail } });
}

function refused(sequence: number, detail: string): FlashlineError {
  return new FlashlineError('bad-request', { params: { detail: `record ${sequence}: ${detail}` } });
}
