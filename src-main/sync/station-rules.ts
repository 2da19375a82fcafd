import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { Admission, StationDocument, StationOrder, StationUser } from '#shared/contract/plant/station-api.ts';
import type { UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import type { IssueAnswer, IssueRequest, SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { macAddress } from '#shared/model/mac-address.ts';
import type { OrderInWork, PlantAnswer, UnitToAdmit } from '#shared/model/plant-work.ts';
import { DEFAULT_PROCESS, isSimulated, type UnitRecord } from '#shared/model/unit-record.ts';
import type { PlantStore, Taking } from '../log/plant-store.ts';
import { hasCode } from './has-code.ts';
import { issueForUnit, type SigningIo, signForUnit } from './sign-for-unit.ts';
import type { Sync } from './sync.ts';
import { unitDataFromPlant } from './unit-data.ts';

export interface StationRulesOptions {
  readonly sync: Sync;
  readonly store: PlantStore;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** The release came down from the plant: it is good for as long as the plant publishes it. */
  readonly fromPlant: boolean;
  /** Told when the order, or what is known of it, changed. */
  readonly changed: () => void;
}

/** An operator stands there with a board. */
export const ADMISSION_MS = 1000;
/** A plant that did not answer in time is not asked again for so long, so that not every board waits for it. */
const SILENT_MS = 30_000;

/** What a plant asks of a station before it works. Of a station without a plant nothing is asked. */
export class StationRules {
  readonly #options: StationRulesOptions;
  readonly #forget: () => void;
  /** By monotonic time. */
  #silentUntil = Number.NEGATIVE_INFINITY;
  #order: string | null = null;
  /** PASSes with an order that the plant's document does not count yet. */
  #uncounted: readonly { readonly order: string; readonly sequence: number }[] = [];

  private constructor(options: StationRulesOptions) {
    this.#options = options;
    this.#forget = options.sync.onDocument((_, through) => {
      this.#silentUntil = Number.NEGATIVE_INFINITY;
      this.#uncounted = this.#uncounted.filter(({ sequence }) => sequence > through);
      options.changed();
    });
  }

  static async open(options: StationRulesOptions): Promise<StationRules> {
    const rules = new StationRules(options);
    rules.#order = await options.store.order();
    return rules;
  }

  close(): void {
    this.#forget();
  }

  /** Throws `lease-ended`, `release-withdrawn`, or `state-conflict` for a chosen order that is not open, or for another release. */
  permit(release: string): void {
    const { sync, fromPlant } = this.#options;
    const { book } = sync;
    if (book === null) return;
    const until = book.document?.leaseUntil ?? null;
    const nowMs = sync.plantClock.now();
    if (until === null || nowMs === null || nowMs >= Date.parse(until))
      throw new FlashlineError('lease-ended', { params: { since: until ?? book.enrolment.enrolledAt } });
    const published = book.document?.releases.some(({ digest }) => digest === release) ?? false;
    const withdrawn = book.document?.withdrawn.includes(release) ?? false;
    if (withdrawn || (fromPlant && !published)) throw new FlashlineError('release-withdrawn', { params: { release } });
    const order = this.order();
    if (order?.closed) throw conflict(`order ${order.id} is not open any more: choose another, or none`);
    if (order && order.release !== release) throw conflict(`order ${order.id} is for release ${order.release}`);
  }

  /**
   * Asks the plant, for a second at most; with no answer the lease is enough, and nothing is said. Rejects with
   * `passed-elsewhere`, `route-missing`, or `station-revoked`.
   */
  async admit(unit: UnitToAdmit, signal: AbortSignal): Promise<PlantAnswer> {
    const { sync } = this.#options;
    // However this process ends: a clock that is set back gains no more than the time since the last board.
    if (sync.book === null) return undefined;
    await sync.plantClock.keep();
    const admission = await this.#ask(unit, signal);
    if (admission === null) return 'silent';
    const { serial, route, rework } = unit;
    if (route?.after !== undefined && admission.route === false)
      throw new FlashlineError('route-missing', { params: { serial, after: route.after } });
    const [other] = admission.macs ?? [];
    if (other) throw new FlashlineError('mac-elsewhere', { params: { mac: other.mac, serial: other.serial } });
    const { passed } = admission;
    if (passed === null || rework) return 'answered';
    const { station, finishedAt: when } = passed;
    throw new FlashlineError('passed-elsewhere', { params: { serial: passed.serial, station, when } });
  }

  /** Rejects with `numbers-used-up` where no block of this station has one left. */
  async takeMac(pool: string, taking: Taking): Promise<string> {
    const mac = macAddress(await this.#take(pool, 'mac', taking));
    if (mac !== undefined) return mac;
    throw new FlashlineError('numbers-used-up', { params: { pool } });
  }

  takeSerial(pool: string): Promise<string> {
    const at = new Date(this.#options.clock.now()).toISOString();
    return this.#take(pool, 'serial', { size: 1, run: null, at });
  }

  async #take(pool: string, kind: 'serial' | 'mac', taking: Taking): Promise<string> {
    const { sync, store } = this.#options;
    const nowMs = sync.plantClock.now();
    // A pool of the other kind has none for us; one of its numbers would be void.
    const known = sync.book?.document?.pools.find(({ id }) => id === pool);
    const isOther = known !== undefined && known.kind !== kind;
    const taken = nowMs === null || isOther ? null : await store.takeNumber(pool, nowMs, taking);
    if (taken === null) throw new FlashlineError('numbers-used-up', { params: { pool } });
    // What is left of the block may be too little for the next hour.
    sync.wake();
    return taken.text;
  }

  /** Rejects with what signForUnit does, and with `signing-unavailable` where this station has no plant. */
  async sign(order: Omit<SignRequest, 'request'>, signal: AbortSignal): Promise<SignAnswer> {
    return signForUnit(order, this.#signingIo(signal));
  }

  async issue(order: Omit<IssueRequest, 'request'>, signal: AbortSignal): Promise<IssueAnswer> {
    return issueForUnit(order, this.#signingIo(signal));
  }

  /** Rejects with what unitDataFromPlant does, and with `plant-data-missing` where this station has no plant. */
  async unitData(order: Omit<UnitDataRequest, 'request'>, signal: AbortSignal): ReturnType<typeof unitDataFromPlant> {
    const { sync, clock, random } = this.#options;
    if (sync.book === null) throw new FlashlineError('plant-data-missing', { params: { command: order.command } });
    return unitDataFromPlant(order, sync.book.enrolment, { session: sync.session(), clock, random, signal });
  }

  /** The name of the person with this badge. Throws `not-enrolled`, or `badge-unknown` for a badge that the plant does not know. */
  operatorOf(badge: string): string {
    return this.holderOf(badge).name;
  }

  holderOf(badge: string): StationUser {
    const document = this.#requireDocument();
    const digest = sha256Hex(new TextEncoder().encode(badge));
    const user = document.users.find((each) => each.badge === digest);
    if (user === undefined) throw new FlashlineError('badge-unknown');
    return user;
  }

  /** Throws `lock-release-no-plant`: no badge that is known here has one of these roles. */
  requireBadge(roles: readonly string[]): void {
    const users = this.#options.sync.book?.document?.users ?? [];
    if (users.some((user) => user.badge !== null && user.roles.some((role) => roles.includes(role)))) return;
    throw new FlashlineError('lock-release-no-plant', { params: { roles: roles.join(', ') } });
  }

  /** Open orders for a product, of any release. */
  orders(product: string): readonly StationOrder[] {
    return (this.#options.sync.book?.document?.orders ?? []).filter((order) => order.product === product);
  }

  order(): OrderInWork | null {
    const id = this.#order;
    const document = this.#options.sync.book?.document;
    if (id === null || !document) return null;
    const open = document.orders.find((order) => order.id === id);
    const here = this.#uncounted.filter(({ order }) => order === id).length;
    if (open === undefined) return { id, product: '', release: '', quantity: 0, passed: here, closed: true };
    const { product, release, quantity, passed } = open;
    return { id, product, release, quantity, passed: passed + here, closed: false };
  }

  /** Rejects with `not-found`, or `state-conflict` for an order that is for something else than this station flashes. */
  async setOrder(
    id: string | null,
    release: { readonly digest: string; readonly product: string } | null,
  ): Promise<void> {
    if (id !== null) checkOrder(this.#requireDocument(), id, release);
    await this.#options.store.setOrder(id);
    this.#order = id;
    this.#options.changed();
  }

  /** A record was written. */
  recorded(record: UnitRecord): void {
    const { verdict, order, sequence } = record;
    if (isSimulated(record)) return;
    this.#options.sync.wake();
    if (verdict !== 'PASS' || order === undefined) return;
    this.#uncounted = [...this.#uncounted, { order, sequence }];
    this.#options.changed();
  }

  async #ask({ product, serial, uid, route, macs }: UnitToAdmit, signal: AbortSignal): Promise<Admission | null> {
    const { sync, clock } = this.#options;
    if (sync.book === null || clock.monotonic() < this.#silentUntil) return null;
    const asked = { product, serial, uid, process: route?.step ?? DEFAULT_PROCESS, after: route?.after ?? null };
    const body = macs === undefined ? asked : { ...asked, macs: [...macs] };
    const done = new AbortController();
    const late = new AbortController();
    const timer = clock.sleep(ADMISSION_MS, done.signal).then(
      () => late.abort(new FlashlineError('plant-unreachable', { params: { url: '' } })),
      () => undefined,
    );
    try {
      return await sync
        .session()
        .call('station.admission', { body }, { signal: AbortSignal.any([signal, late.signal]) });
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      if (hasCode(thrown, 'station-revoked')) throw thrown;
      // A plant of before addresses were asked for: it answers all other questions.
      if (macs !== undefined && hasCode(thrown, 'bad-request')) return null;
      // Whatever else: the plant did not say no. How it stands with the plant is in the sync state.
      this.#silentUntil = clock.monotonic() + SILENT_MS;
      return null;
    } finally {
      done.abort();
      await timer;
    }
  }

  #signingIo(signal: AbortSignal): SigningIo {
    const { sync, clock, random } = this.#options;
    if (sync.book === null)
      throw new FlashlineError('signing-unavailable', { params: { detail: 'this station has no plant' } });
    return { session: sync.session(), clock, random, signal };
  }

  #requireDocument(): StationDocument {
    const document = this.#options.sync.book?.document;
    if (!document) throw new FlashlineError('not-enrolled');
    return document;
  }
}

function checkOrder(
  { orders }: StationDocument,
  id: string,
  release: { readonly digest: string; readonly product: string } | null,
): void {
  const order = orders.find((each) => each.id === id);
  if (order === undefined) throw new FlashlineError('not-found', { params: { what: `order ${id}` } });
  if (release === null) throw new FlashlineError('no-release');
  if (order.product !== release.product) throw conflict(`order ${id} is for ${order.product}`);
  if (order.release !== release.digest)
    throw conflict(`order ${id} is for release ${order.release}, this station runs ${release.digest}`);
}

function conflict(detail: string): FlashlineError {
  return new FlashlineError('state-conflict', { params: { detail } });
}
