import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import type { StationDocument } from '#shared/contract/plant/station-api.ts';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import type { LogGaps, Outbox } from '../log/log.ts';
import type { Enrolment, PlantStore } from '../log/plant-store.ts';
import { deliverRecords } from './deliver.ts';
import { renewNumbers } from './numbers.ts';
import { takeDocument } from './plant-book.ts';
import type { PlantClock } from './plant-clock.ts';
import type { PlantSession } from './plant-session.ts';

export interface Visit {
  readonly enrolment: Enrolment;
  readonly store: PlantStore;
  readonly outbox: Outbox;
  readonly gaps: LogGaps;
  /** As in RepairOptions. */
  readonly asked: Set<string>;
  readonly session: PlantSession;
  readonly signer: () => Promise<Signer>;
  readonly clock: Clock;
  readonly plantClock: PlantClock;
  readonly random: RandomBytes;
  readonly appVersion: string;
  /** What the station flashes now. */
  readonly release: { readonly digest: string; readonly product: string } | null;
  readonly signal: AbortSignal;
  /** Told after a report: the plant has every record up to `through`, and its document counts them. */
  readonly heard: (document: StationDocument, through: number) => void;
  readonly delivered: () => void;
  readonly warn: (failure: Failure) => void;
}

/**
 * One visit: the report, which brings the document; all records; the numbers. After records went the report is made again: the
 * document then counts them, and the plant knows that nothing is pending.
 */
export async function visitPlant(visit: Visit): Promise<void> {
  const { enrolment, plantClock, delivered } = visit;
  let through = 0;
  let document = await report(visit, through);
  let sent = false;
  await deliverRecords({
    ...visit,
    delivered: (batch) => {
      sent = true;
      ({ through } = batch);
      delivered();
    },
    wentBack: (lost) => voidNumbers(visit, lost),
  });
  if (sent) document = await report(visit, through);
  const nowMs = plantClock.now() ?? 0;
  const products = visit.release === null ? [] : [visit.release.product];
  await renewNumbers({ ...visit, book: { enrolment, document }, nowMs, products });
}

/** Which of its leased numbers a log that went back has used since, it cannot know: none of them is used again. */
async function voidNumbers(
  { store, warn }: Pick<Visit, 'store' | 'warn'>,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<void> {
  for (const { lease } of await store.leases()) await store.leaseReturned(lease);
  warn(new FlashlineError('log-end-lost', { params: { first, last } }).failure);
}

async function report(visit: Visit, through: number): Promise<StationDocument> {
  const { outbox, store, session, clock, plantClock, enrolment, appVersion, release, signal } = visit;
  const { records: pending, oldestAt } = await outbox.pending();
  const { skewMs = null } = (await store.time()) ?? {};
  const asked = clock.monotonic();
  const body = { appVersion, pending, oldestAt: instantOrNull(oldestAt), skewMs, release: release?.digest ?? null };
  const answer = await session.call('station.report', { body }, { signal });
  // The answer was on its way for about half of the time that question and answer took.
  const onItsWay = (clock.monotonic() - asked) / 2;
  const wallMs = clock.now();
  const document = await takeDocument(store, enrolment, answer.document);
  // It was at least as late as when the plant signed what is proven.
  const plantMs = Math.max(Date.parse(answer.now), Date.parse(document.issuedAt));
  await plantClock.contacted(plantMs + onItsWay, wallMs);
  visit.heard(document, through);
  return document;
}

/** A clock may have been so wrong that its time is no instant to the plant. */
function instantOrNull(text: string | null): string | null {
  return text !== null && /^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : null;
}
