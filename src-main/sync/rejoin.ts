import type { Signer } from '#shared/base/signer.ts';
import { type BatchItem, type ChainHead, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { ChainPlace, LogGaps, Outbox } from '../log/log.ts';
import { placeOf } from './deliver.ts';
import { hasCode } from './has-code.ts';
import type { PlantSession } from './plant-session.ts';

export interface RejoinParts {
  readonly outbox: Outbox;
  readonly gaps: LogGaps;
  readonly session: PlantSession;
  readonly signer: () => Promise<Signer>;
  readonly signal: AbortSignal;
}

/** Null: log and plant tell one story, and a visit does the rest. */
export type Rejoined = {
  /** The last record that both have. */
  readonly common: number;
  /** Records of this log after it, which go to the plant as a chain of their own. */
  readonly own: number;
  /** Records of the plant after it, which this log does not have; they stay at the plant. */
  readonly elsewhere: number;
  readonly chain: string;
} | null;

/** Looked at together: a branch is short, and its end is looked at first. */
const PAGE_RECORDS = 200;
const PAGE_BYTES = 64 * 1024 * 1024;

/**
 * For a log that went back and was worked with before it could ask the plant. Nothing is changed in its records: those after the
 * last one that both have become a chain of their own. The plant is told of the fork first, so that somebody looks at it.
 */
export async function rejoinLog(parts: RejoinParts): Promise<Rejoined> {
  const { outbox, gaps, session, signal } = parts;
  const head = await outbox.head();
  if (head === null) return null;
  const there = await session.call('station.head', { params: { chain: head.chain } }, { signal });
  if (there.sequence === 0) return null;
  const fork = await lastCommon(parts, head, Math.min(head.sequence, there.sequence));
  if (fork === null || fork.sequence < 2) throw apart(fork?.sequence ?? 0);
  if (fork.sequence === Math.min(head.sequence, there.sequence)) return null;
  await tellFork(parts, head.chain, fork.sequence);
  const chain = await gaps.branchAt(fork);
  const [own, elsewhere] = [head.sequence - fork.sequence, there.sequence - fork.sequence];
  return { common: fork.sequence, own, elsewhere, chain };
}

async function lastCommon(parts: RejoinParts, { chain }: ChainHead, top: number): Promise<ChainPlace | null> {
  for (let end = top; end > 0; end = Math.max(0, end - PAGE_RECORDS)) {
    parts.signal.throwIfAborted();
    const start = Math.max(0, end - PAGE_RECORDS);
    const theirs = await placesAtPlant(parts, chain, start, end);
    const ours = await parts.outbox.items(start, { records: end - start, bytes: PAGE_BYTES });
    const common = ours.map((item) => placeOf(item)).findLast(({ sequence, hash }) => theirs.get(sequence) === hash);
    if (common !== undefined) return common;
  }
  return null;
}

async function placesAtPlant(
  { session, signal }: RejoinParts,
  chain: string,
  start: number,
  end: number,
): Promise<ReadonlyMap<number, string>> {
  const places = new Map<number, string>();
  for (let after: number | null = start; after !== null && after < end;) {
    const request = { params: { chain }, query: { after, limit: end - after } };
    const page: { items: BatchItem[]; next: number | null } = await session.call('station.own-records', request, {
      signal,
    });
    for (const { sequence, hash } of page.items.map((item) => placeOf(item))) places.set(sequence, hash);
    after = page.next !== null && page.next > after ? page.next : null;
  }
  return places;
}

/** It refuses what does not fit, and keeps that as a finding. */
async function tellFork({ outbox, session, signer, signal }: RejoinParts, chain: string, fork: number): Promise<void> {
  const items = await outbox.items(fork, { records: 1, bytes: 1 });
  const head = await (await signer()).sign({ chain, ...placeOf(items[0]) }, STATEMENTS.chainHead);
  try {
    await session.call('station.records', { body: { chain, head, items: [...items] } }, { signal });
  } catch (thrown) {
    if (!hasCode(thrown, 'chain-broken')) throw thrown;
  }
}

function apart(sequence: number): FlashlineError {
  const detail = 'log and plant have not two records in common: set the log aside, and begin a new one';
  return new FlashlineError('chain-broken', { params: { sequence: sequence + 1, detail } });
}
