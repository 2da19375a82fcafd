import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { StationPool } from '#shared/contract/plant/station-api.ts';
import type { HeldLease, PlantStore } from '../log/plant-store.ts';
import { hasCode } from './has-code.ts';
import { type PlantBook, proveLease } from './plant-book.ts';
import type { PlantSession } from './plant-session.ts';

export interface Numbering {
  readonly store: PlantStore;
  readonly session: PlantSession;
  readonly book: PlantBook;
  /** By the plant's clock. */
  readonly nowMs: number;
  /** The products that this station flashes: only their pools are leased from. */
  readonly products: readonly string[];
  readonly random: RandomBytes;
  readonly signal: AbortSignal;
}

/**
 * Blocks that are over (used up, or past their time) are told to the plant and given back; of the pools of this station's
 * product a next block is asked for when less than half a block is left. A question whose answer was lost is asked with
 * the same key, and has the same answer.
 */
export async function renewNumbers(numbering: Numbering): Promise<void> {
  const { store, book, products } = numbering;
  for (const lease of await store.leases()) await reportLease(numbering, lease);
  const held = await store.leases();
  const pools = book.document?.pools ?? [];
  for (const pool of pools.filter(({ product }) => product === null || products.includes(product)))
    if (numbersLeft(held, pool.id, numbering.nowMs) < pool.block / 2) await askLease(numbering, pool);
}

export function numbersLeft(leases: readonly HeldLease[], pool: string, nowMs: number): number {
  return leases
    .filter((lease) => lease.pool === pool && !lease.closed && Date.parse(lease.until) > nowMs)
    .reduce((sum, { next, last }) => sum + (last + 1 - next), 0);
}

async function reportLease({ store, session, nowMs, signal }: Numbering, lease: HeldLease): Promise<void> {
  const over = lease.closed || lease.next > lease.last || Date.parse(lease.until) <= nowMs;
  // Closed before the plant hears that it is over: nothing is taken of what it gives to others.
  const held = over ? await store.closeLease(lease.lease) : lease;
  if (held === null) return;
  const call = { params: { lease: lease.lease }, body: { next: held.next, over } };
  try {
    await session.call('station.return-lease', call, { signal });
    if (over) await store.leaseReturned(lease.lease);
  } catch (thrown) {
    if (!hasCode(thrown, 'not-found', 'state-conflict')) throw thrown;
    // To the plant it is another's, or nobody's (it went back to a backup): not one more number is taken from it.
    await store.leaseReturned(lease.lease);
  }
}

async function askLease({ store, session, book, random, signal }: Numbering, pool: StationPool): Promise<void> {
  const key = await store.leaseKey(pool.id, toHex(random(16)));
  try {
    const { lease } = await session.call('station.lease', { body: { pool: pool.id, key } }, { signal });
    await store.keepLease(await proveLease(book.enrolment, pool.id, lease));
  } catch (thrown) {
    // Told by what is left, not as a failure of the whole visit.
    if (!hasCode(thrown, 'numbers-used-up')) throw thrown;
  }
}
