import type { Signer } from '#shared/base/signer.ts';
import {
  type BatchItem,
  type ChainHead,
  MAX_BATCH_BYTES,
  MAX_BATCH_RECORDS,
  STATEMENTS,
} from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { LogGaps, Outbox } from '../log/log.ts';
import { hasCode } from './has-code.ts';
import type { PlantSession } from './plant-session.ts';
import { repairLog } from './repair-log.ts';

export interface Delivery {
  readonly outbox: Outbox;
  readonly gaps: LogGaps;
  /** As in RepairOptions. */
  readonly asked: Set<string>;
  readonly session: PlantSession;
  readonly signer: () => Promise<Signer>;
  readonly signal: AbortSignal;
  /** Told after each batch that the plant has on its disk. */
  readonly delivered: (batch: { readonly records: number; readonly through: number }) => void;
  /** The log lost its end; awaited before the lost places are set aside. */
  readonly wentBack: (lost: { readonly first: number; readonly last: number }) => Promise<void>;
}

/** A place of the chain. */
export interface Place {
  readonly sequence: number;
  readonly hash: string;
}

/** Of JSON: a batch that a slow line carries in a few seconds, well below what the plant takes. */
const BATCH_BYTES = Math.min(4 * 1024 * 1024, MAX_BATCH_BYTES / 2);
const BATCH_RECORDS = Math.min(500, MAX_BATCH_RECORDS);
const BATCH_MS = 120_000;
/** So often in one visit the plant may say that it expects another record than it said before. */
const MOST_GAPS = 3;

const START: Place = { sequence: 0, hash: GENESIS_HASH };

/**
 * Brings the plant to where the log is, from wherever the plant says that it is: nothing depends on what this station believes
 * to have sent, so a batch that is lost, repeated or answered twice, a plant that went back to a backup, and a second
 * process that sends the same do no harm. Records go in the chain's order only. What the log lost at its end comes back. Rejects
 * with `chain-broken` when the plant has other records of this chain than the log.
 */
export async function deliverRecords(delivery: Delivery): Promise<void> {
  const { outbox, signal } = delivery;
  const most = { records: BATCH_RECORDS };
  for (let gaps = 0; ;) {
    const head = await outbox.head();
    if (head === null) return;
    let place = await askPlace(delivery, head);
    if (place.sequence > head.sequence) {
      // Where a run ended meanwhile, the next look finds a fork.
      await regainEnd(delivery, head, place);
      continue;
    }
    await outbox.acknowledge(place.sequence);
    // Before anything is called lost: the plant may have it.
    await repairLog(delivery, head.chain, place.sequence);
    try {
      for (;;) {
        signal.throwIfAborted();
        const items = await outbox.items(place.sequence, { records: most.records, bytes: BATCH_BYTES });
        if (items.length === 0) return;
        place = await sendBatch(delivery, head.chain, items, most);
      }
    } catch (thrown) {
      gaps += 1;
      // It lost what it had (a restored backup), or another process was faster: it is asked again.
      if (!hasCode(thrown, 'chain-gap') || gaps > MOST_GAPS) throw thrown;
    }
  }
}

/** Up to where the plant has this chain, held against the log. */
async function askPlace({ outbox, session, signal }: Delivery, head: ChainHead): Promise<Place> {
  const { chain } = head;
  const there = await session.call('station.head', { params: { chain } }, { signal });
  if (there.sequence === 0) return START;
  if (there.sequence > head.sequence) return there;
  const here = there.sequence === head.sequence ? head.hash : await hashBehind(outbox, there);
  if (here === null)
    throw broken(there.sequence + 1, 'the plant needs this record, and the log does not have it any more');
  if (here !== there.hash)
    throw broken(there.sequence, `the plant has ${there.hash} at this place, the log has ${here}`);
  return there;
}

/**
 * The log went back, to an old backup or by a disk that forgot: what the plant has behind its end is set aside as lost, so that
 * its places are not used again, and then taken back like any other gap. Rejects with `chain-broken` where the log ends with a
 * record that the plant does not have there: it was worked with since (rejoin.ts).
 */
async function regainEnd({ gaps, session, signal, wentBack }: Delivery, head: ChainHead, there: Place): Promise<void> {
  const { chain, sequence, hash } = head;
  const request = { params: { chain }, query: { after: sequence - 1, limit: 1 } };
  const { items } = await session.call('station.own-records', request, { signal });
  const same = placeOf(items[0]);
  if (same.sequence !== sequence || same.hash !== hash)
    throw broken(sequence, `the plant has ${same.hash} at this place, the log ends with ${hash}`);
  await wentBack({ first: sequence + 1, last: there.sequence });
  await gaps.loseEnd({ sequence, hash }, there);
}

/** Of a place that may be in an archive: as the record after it says. Inside a gap the plant's word is all that there is. */
async function hashBehind(outbox: Outbox, { sequence, hash }: Place): Promise<string | null> {
  const [next] = await outbox.items(sequence, { records: 1, bytes: 1 });
  if (next === undefined) return null;
  if ('gap' in next) return next.gap.first <= sequence ? hash : next.gap.previousHash;
  if (placeOf(next).sequence !== sequence + 1) return null;
  const previous = 'link' in next ? next.link.previousHash : next.record['previousHash'];
  return typeof previous === 'string' ? previous : null;
}

/** Sends these, or as many of them as the plant takes at once; answers up to where it has them. */
async function sendBatch(
  delivery: Delivery,
  chain: string,
  items: readonly BatchItem[],
  most: { records: number },
): Promise<Place> {
  const { outbox, session, signal, delivered } = delivery;
  const last = placeOf(items.at(-1));
  const signer = await delivery.signer();
  const head = await signer.sign({ chain, ...last }, STATEMENTS.chainHead);
  try {
    const body = { chain, head, items: [...items] };
    const answer = await session.call('station.records', { body }, { signal, deadlineMs: BATCH_MS });
    checkAnswer(answer, last);
  } catch (thrown) {
    if (!hasCode(thrown, 'too-large') || items.length === 1) throw thrown;
    most.records = Math.ceil(items.length / 2);
    return sendBatch(delivery, chain, items.slice(0, most.records), most);
  }
  await outbox.acknowledge(last.sequence);
  delivered({ records: items.length, through: last.sequence });
  return last;
}

/** Another process may have sent more by now; what was sent here must be there. */
function checkAnswer(answer: Place, last: Place): void {
  if (answer.sequence > last.sequence) return;
  if (answer.sequence === last.sequence && answer.hash === last.hash) return;
  const detail = `records up to ${last.sequence} were sent, the answer is about ${answer.sequence} (${answer.hash})`;
  throw new FlashlineError('plant-protocol', { params: { detail } });
}

export function placeOf(item: BatchItem | undefined): Place {
  if (item === undefined) return START;
  if ('link' in item) return { sequence: item.link.sequence, hash: item.link.hash };
  if ('gap' in item) return { sequence: item.gap.last, hash: item.gap.hash };
  const { sequence, hash } = item.record;
  if (typeof sequence === 'number' && typeof hash === 'string') return { sequence, hash };
  throw new FlashlineError('internal', { cause: 'a record of the log has no place' });
}

function broken(sequence: number, detail: string): FlashlineError {
  return new FlashlineError('chain-broken', { params: { sequence, detail } });
}
