import { MAX_BATCH_RECORDS } from '#shared/contract/plant/station-api.ts';
import type { LogGaps } from '../log/log.ts';
import type { PlantSession } from './plant-session.ts';

export interface RepairOptions {
  readonly gaps: LogGaps;
  /** What the plant was asked for already, to no avail: a lost record is not asked for at every visit. */
  readonly asked: Set<string>;
  readonly session: PlantSession;
  readonly signal: AbortSignal;
}

const PAGE_RECORDS = Math.min(500, MAX_BATCH_RECORDS);
const PAGE_MS = 120_000;

/**
 * Takes back from the plant, which has the chain up to `through`, what a damaged file lost. What the plant does not have either
 * (records that never reached it, simulated units') stays a gap.
 */
export async function repairLog(options: RepairOptions, chain: string, through: number): Promise<void> {
  const { gaps } = await options.gaps.state();
  for (const { first, last: end } of gaps.filter((gap) => gap.first <= through)) {
    const last = Math.min(end, through);
    const name = `${first}-${last}`;
    if (options.asked.has(name)) continue;
    await repairGap(options, chain, { first, last });
    options.asked.add(name);
  }
}

async function repairGap(
  { gaps, session, signal }: RepairOptions,
  chain: string,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<void> {
  for (let after: number | null = first - 1; after !== null && after < last;) {
    signal.throwIfAborted();
    const query = { after, limit: Math.min(last - after, PAGE_RECORDS) };
    const request = { params: { chain }, query };
    const page: { items: Parameters<LogGaps['repairFrom']>[0]; next: number | null } = await session.call(
      'station.own-records',
      request,
      { signal, deadlineMs: PAGE_MS },
    );
    const { refused } = await gaps.repairFrom(page.items);
    // It has nothing that fits: the gap stays as it is.
    if (refused !== null) return;
    after = page.next !== null && page.next > after ? page.next : null;
  }
}
