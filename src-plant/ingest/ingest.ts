import type { PublicKey } from '#shared/base/signer.ts';
import type { BatchItem, ChainHead, IngestAnswer, RecordBatch } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { Database, Sql } from '../database/database.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { advanceChain, type Chain, findChain, findFork, type Fork, lockChain, openChain, readHead } from './chain.ts';
import type { SignedHead } from './chain.ts';
import { findDuplicateMarks, findDuplicateSerials } from './duplicates.ts';
import { type Found, keepFindings } from './findings.ts';
import { fillGaps, keepGaps, placesBehind } from './gaps.ts';
import { insertPlaces } from './insert-records.ts';
import { createMonths } from './months.ts';
import { readOwnRecords } from './own-records.ts';
import { broken, type ChainPlace, type CheckedRecord, readBatch } from './read-batch.ts';
import { changeYield, countRuns } from './roll-ups.ts';
import { unitRunsOf } from './unit-runs.ts';
import { changeUnits } from './units.ts';

/** Who sends, as the plant knows it: proven, and with the key it enrolled. */
export interface Sender {
  readonly station: string;
  readonly publicKey: PublicKey;
}

export interface Ingest {
  /**
   * Everything of the batch or nothing, on the disk when this resolves; the same batch again changes nothing. A gap is kept, and
   * is a finding, as far as the plant does not have its records; a batch with all of them fills it later. Rejects with
   * `chain-gap`, `chain-broken`, `record-newer`, `bad-request` or `plant-database`.
   */
  take(sender: Sender, batch: RecordBatch, now: Date): Promise<IngestAnswer>;
  /** How far the plant has this chain; sequence 0 for none of it. */
  head(station: string, chain: string): Promise<Pick<ChainHead, 'sequence' | 'hash'>>;
  /** What follows `after`, in order; `next` goes into the next call, null at the end. */
  ownRecords(
    station: string,
    chain: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<{ items: BatchItem[]; next: number | null }>;
}

export interface IngestParts {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** Records of the future by more than this say that a clock is wrong. */
const SKEW_MS = 10 * 60_000;

export function createIngest({ database, keyring }: IngestParts): Ingest {
  const months = createMonths();
  return {
    take: async ({ station, publicKey }, batch, now) => {
      const places = await readBatch(batch);
      const head = await readHead(keyring, publicKey, batch, places);
      const times = places.flatMap(({ checked }) => (checked === null ? [] : [checked.finishedMs]));
      await months.ensure(database, times, now);
      const delivery = { station, genesis: batch.chain, places, head, now };
      const outcome = await database.transaction((sql) => takePlaces(sql, delivery));
      // Thrown only now: what was found of the fork is kept, whatever is refused.
      if ('fork' in outcome) throw broken(outcome.fork.sequence, forkDetail(outcome.fork));
      return outcome;
    },
    head: async (station, genesis) => {
      const { sequence, hash } = (await findChain(database, station, genesis)) ?? NOTHING;
      return { sequence, hash };
    },
    ownRecords: async (station, genesis, page) => {
      const chain = await findChain(database, station, genesis);
      return chain === null ? { items: [], next: null } : readOwnRecords(database, chain, genesis, page);
    },
  };
}

const NOTHING = { sequence: 0, hash: GENESIS_HASH } as const;

interface Delivery {
  readonly station: string;
  readonly genesis: string;
  readonly places: readonly ChainPlace[];
  readonly head: SignedHead | null;
  readonly now: Date;
}

async function takePlaces(sql: Sql, delivery: Delivery): Promise<IngestAnswer | { readonly fork: Fork }> {
  const { station, genesis, places, head, now } = delivery;
  const known = await lockChain(sql, station, genesis);
  const [first, last] = [places[0], places.at(-1)];
  const has = known?.sequence ?? 0;
  if (first === undefined || last === undefined || first.first > has + 1)
    throw new FlashlineError('chain-gap', { params: { expected: has + 1 } });
  const chain = known ?? (await openChain(sql, station, genesis, now));
  const fork = await findFork(sql, chain, places);
  if (fork !== null) {
    await keepFindings(sql, [forkFinding(delivery, fork)], now);
    return { fork };
  }
  const fresh = [...(await fillGaps(sql, chain, places, delivery)), ...placesBehind(chain, places)];
  if (fresh.length > 0) await keep(sql, chain, fresh, delivery);
  const end = last.sequence > chain.sequence ? last : chain;
  await advanceChain(sql, chain, { ...end, chain: genesis }, head, now);
  const { sequence, hash } = end;
  return { sequence, hash, accepted: fresh.length, repeated: places.length - fresh.length };
}

async function keep(sql: Sql, chain: Chain, fresh: readonly ChainPlace[], delivery: Delivery): Promise<void> {
  const { station, now } = delivery;
  await keepFindings(sql, await keepGaps(sql, chain, fresh, delivery), now);
  const there = fresh.filter(({ isGap }) => !isGap);
  const records = await insertPlaces(sql, chain, there, delivery);
  if (records.length === 0) return;
  const runs = unitRunsOf(records, station);
  const changed = await changeUnits(sql, runs);
  const marks = await findDuplicateMarks(sql, records, station);
  await changeYield(sql, changed);
  await countRuns(sql, records, station);
  const found = [...findDuplicateSerials(runs, changed, station), ...marks, ...findSkew(records, station, now)];
  await keepFindings(sql, found, now);
}

function forkFinding({ station, genesis }: Delivery, { sequence, kept, refused }: Fork): Found {
  const detail = { chain: genesis, sequence: String(sequence), kept, refused };
  const identity = ['chain-forked', station, genesis, sequence, refused].join('\n');
  return { kind: 'chain-forked', product: null, serial: null, station, detail, identity };
}

function forkDetail({ kept, refused }: Fork): string {
  return `the plant has ${kept} at this place, and was sent ${refused}`;
}

/** At most one a station and day. */
function findSkew(records: readonly CheckedRecord[], station: string, now: Date): readonly Found[] {
  const ahead = Math.max(...records.map(({ finishedMs }) => finishedMs)) - now.getTime();
  if (ahead <= SKEW_MS) return [];
  const detail = { aheadSeconds: String(Math.round(ahead / 1000)) };
  const identity = ['clock-skew', station, now.toISOString().slice(0, 10)].join('\n');
  return [{ kind: 'clock-skew', product: null, serial: null, station, detail, identity }];
}
