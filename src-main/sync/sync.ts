import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import type { StationDocument } from '#shared/contract/plant/station-api.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import { type Failure, type FailureCode, FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { LogGaps, Outbox } from '../log/log.ts';
import type { Enrolment, PlantStore } from '../log/plant-store.ts';
import { backOffMs, fraction } from './back-off.ts';
import { enrolAtPlant } from './enrol.ts';
import { numbersLeft } from './numbers.ts';
import { type PlantBook, readPlantBook } from './plant-book.ts';
import { PlantClient } from './plant-client.ts';
import { PlantClock } from './plant-clock.ts';
import { PlantSession } from './plant-session.ts';
import { openPlantPool, tlsKeyDigest } from './plant-transport.ts';
import { type Rejoined, rejoinLog } from './rejoin.ts';
import { visitPlant } from './visit.ts';

export interface SyncOptions {
  readonly store: PlantStore;
  readonly outbox: Outbox;
  readonly gaps: LogGaps;
  readonly signer: () => Promise<Signer>;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly appVersion: string;
  /** What the station flashes now. */
  readonly release: () => { readonly digest: string; readonly product: string } | null;
  /** Failures that stop nothing. */
  readonly warn: (failure: Failure) => void;
}

/** Between two visits when all is well, give or take a tenth: a line's stations do not come all at once. */
export const VISIT_EVERY_MS = 60_000;
/** A record waits so long for others that go with it. */
export const GATHER_MS = 500;

/** What heals by itself. Anything else is told as refused, and tried again all the same: somebody may mend it at the plant. */
const PASSING: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'plant-unreachable',
  'plant-database',
  'plant-schema',
  'too-many-requests',
  'internal',
  'log-unwritable',
  'log-full',
]);

interface Status {
  readonly phase: SyncState['phase'];
  readonly failure: Failure | null;
  readonly nextTryAt: string | null;
}

type DocumentListener = (document: StationDocument, through: number) => void;

/**
 * How this station stands with its plant, and the visits to it: one at a time in this process, one after the other, each from
 * where the plant says that it is. Nothing here waits for the plant but those who asked for it.
 */
export class Sync {
  readonly #options: SyncOptions;
  readonly #plantClock: PlantClock;
  readonly #listeners = new Set<(state: SyncState) => void>();
  readonly #documentListeners = new Set<DocumentListener>();
  /** Lost records that the plant does not have either. */
  readonly #asked = new Set<string>();
  readonly #closing = new AbortController();
  #book: PlantBook | null = null;
  #session: PlantSession | null = null;
  #status: Status = { phase: 'off', failure: null, nextTryAt: null };
  #failures = 0;
  /** What is under way or waits for its turn: visits, an enrolment. */
  #turn: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  /** Somebody woke it while it was not asleep. */
  #wanted = false;
  #waitMs = 0;
  #pending: { readonly records: number; readonly oldestAt: string | null } = { records: 0, oldestAt: null };

  private constructor(options: SyncOptions) {
    this.#options = options;
    this.#plantClock = new PlantClock(options.store, options.clock);
  }

  /** Reads what is kept; asks nobody. Rejects with `plant-untrusted` only where the kept enrolment itself is no such thing. */
  static async open(options: SyncOptions): Promise<Sync> {
    const sync = new Sync(options);
    await sync.#load();
    return sync;
  }

  get book(): PlantBook | null {
    return this.#book;
  }

  get plantClock(): PlantClock {
    return this.#plantClock;
  }

  /** For questions beside the visits. Rejects with `not-enrolled`. */
  session(): PlantSession {
    const enrolment = this.#book?.enrolment;
    if (enrolment === undefined) throw new FlashlineError('not-enrolled');
    this.#session ??= this.#openSession(enrolment);
    return this.#session;
  }

  /** Visits from now on until `close`. */
  start(): void {
    this.#running = this.#run();
  }

  /** A record was written: it goes soon, with those that come in the meantime. */
  wake(): void {
    this.#wanted = true;
    this.#wake();
    void this.#tell();
  }

  async state(): Promise<SyncState> {
    const { store, outbox } = this.#options;
    const book = this.#book;
    const [time, leases] = [await store.time(), await store.leases()];
    this.#pending = await outbox.pending();
    const plantMs = this.#plantClock.now() ?? 0;
    const asWall = (at: string) => new Date(this.#plantClock.asWall(Date.parse(at))).toISOString();
    const pools = [...new Set(leases.map(({ pool }) => pool))];
    return {
      plant: book === null ? null : { name: book.enrolment.plant.name, url: book.enrolment.url },
      station: book?.enrolment.station ?? null,
      ...this.#status,
      pending: this.#pending.records,
      oldestAt: this.#pending.oldestAt,
      lastContactAt: time === null ? null : new Date(time.contactMs).toISOString(),
      leaseUntil: book?.document ? asWall(book.document.leaseUntil) : null,
      skewMs: time?.skewMs ?? null,
      numbers: pools.map((pool) => ({
        pool,
        left: numbersLeft(leases, pool, plantMs),
        until: asWall(latestUntil(leases.filter((lease) => lease.pool === pool))),
      })),
    };
  }

  /** A visit that begins now, or after the one that is under way; resolves when it has ended, well or not. */
  async now(signal: AbortSignal): Promise<SyncState> {
    await unlessAborted(
      this.#inTurn(() => this.#visit()),
      signal,
    );
    return this.state();
  }

  /** Sets a log right that went back and was worked with since, then visits. Rejects with what keeps it from that. */
  async rejoin(signal: AbortSignal): Promise<{ readonly rejoined: Rejoined; readonly state: SyncState }> {
    const { store, outbox, gaps, signer } = this.#options;
    const both = AbortSignal.any([signal, this.#closing.signal]);
    let rejoined: Rejoined = null;
    await this.#inTurn(async () => {
      rejoined = await rejoinLog({ outbox, gaps, signer, session: this.session(), signal: both });
      if (rejoined !== null) for (const { lease } of await store.leases()) await store.leaseReturned(lease);
    });
    return { rejoined, state: await this.now(signal) };
  }

  async enrol(request: { readonly url: string; readonly code: string }, signal: AbortSignal): Promise<SyncState> {
    const { store, clock, appVersion } = this.#options;
    await this.#inTurn(async () => {
      const signer = await this.#options.signer();
      const io = { clock, signal: AbortSignal.any([signal, this.#closing.signal]) };
      await store.enrol(await enrolAtPlant({ ...request, appVersion }, signer, io));
      await this.#session?.close();
      this.#session = null;
      this.#failures = 0;
      await this.#load();
      await this.#visit();
    });
    this.wake();
    return this.state();
  }

  /** Returns what takes the listener off again. */
  subscribe(listener: (state: SyncState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told of each document; `through` as in Visit. */
  onDocument(listener: DocumentListener): () => void {
    this.#documentListeners.add(listener);
    return () => this.#documentListeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort(new FlashlineError('aborted'));
    await this.#running;
    await this.#turn;
    await this.#session?.close();
    if (this.#book !== null) await this.#plantClock.keep();
    this.#listeners.clear();
    this.#documentListeners.clear();
  }

  async #load(): Promise<void> {
    const { store, warn } = this.#options;
    const enrolment = await store.enrolment();
    try {
      this.#book = await readPlantBook(store);
    } catch (thrown) {
      // A document that cannot be proven is none: the next visit brings another.
      this.#book = enrolment === null ? null : { enrolment, document: null };
      warn(toFailure(thrown));
    }
    await this.#plantClock.keep();
    this.#pending = await this.#options.outbox.pending();
    const enrolled = this.#pending.records > 0 ? 'waiting' : 'idle';
    this.#status = { phase: this.#book === null ? 'off' : enrolled, failure: null, nextTryAt: null };
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    try {
      while (!signal.aborted) {
        if (this.#book !== null) await this.#inTurn(() => this.#visit());
        await this.#pause(signal);
      }
    } catch (thrown) {
      if (!signal.aborted) this.#options.warn(toFailure(thrown));
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const ms = this.#failures > 0 ? this.#waitMs : VISIT_EVERY_MS * (0.9 + fraction(random) / 5);
    const woken = new AbortController();
    this.#wake = () => {
      // After a failure a new record is no reason to hurry.
      if (this.#failures === 0) woken.abort();
    };
    if (this.#wanted) this.#wake();
    this.#wanted = false;
    try {
      await clock.sleep(ms, AbortSignal.any([signal, woken.signal]));
    } catch (thrown) {
      if (!woken.signal.aborted || signal.aborted) throw thrown;
      await clock.sleep(GATHER_MS, signal);
      this.#wanted = false;
    } finally {
      this.#wake = () => undefined;
    }
  }

  /** One after the other; whoever waits for its turn is not told of another's failure. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #visit(): Promise<void> {
    const { store, outbox, gaps, signer, clock, random, appVersion, release } = this.#options;
    const { signal } = this.#closing;
    if (signal.aborted || this.#book === null) return;
    try {
      await this.#plantClock.keep();
      this.#pending = await outbox.pending();
      if (this.#pending.records > 0) await this.#become({ ...this.#status, phase: 'sending' });
      await visitPlant({
        enrolment: this.#book.enrolment,
        session: this.session(),
        plantClock: this.#plantClock,
        release: release(),
        store,
        outbox,
        gaps,
        asked: this.#asked,
        signer,
        clock,
        random,
        appVersion,
        signal,
        heard: (document, through) => this.#hear(document, through),
        delivered: () => void this.#tell(),
        warn: this.#options.warn,
      });
      this.#failures = 0;
      await this.#become({ phase: 'idle', failure: null, nextTryAt: null });
    } catch (thrown) {
      if (!signal.aborted) await this.#failed(toFailure(thrown));
    }
  }

  #hear(document: StationDocument, through: number): void {
    if (this.#book === null) return;
    this.#book = { ...this.#book, document };
    for (const listener of this.#documentListeners) this.#guarded(() => listener(document, through));
  }

  async #failed(failure: Failure): Promise<void> {
    const { clock, random } = this.#options;
    this.#failures += 1;
    const asked = failure.code === 'too-many-requests' ? Number(failure.params['seconds']) * 1000 || 0 : 0;
    this.#waitMs = backOffMs(this.#failures, random, asked);
    const nextTryAt = new Date(clock.now() + this.#waitMs).toISOString();
    await this.#become({ phase: PASSING.has(failure.code) ? 'waiting' : 'refused', failure, nextTryAt });
  }

  async #become(status: Status): Promise<void> {
    this.#status = status;
    await this.#tell();
  }

  async #tell(): Promise<void> {
    try {
      const state = await this.state();
      for (const listener of this.#listeners) this.#guarded(() => listener(state));
    } catch (thrown) {
      this.#options.warn(toFailure(thrown));
    }
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#options.warn(toFailure(thrown));
    }
  }

  #openSession({ url, station, tlsKey }: Enrolment): PlantSession {
    const trusted = tlsKey === null ? null : (spki: Uint8Array) => tlsKeyDigest(spki) === tlsKey;
    const client = new PlantClient({ origin: url, pool: openPlantPool(url, trusted), clock: this.#options.clock });
    return new PlantSession(client, station, this.#options.signer);
  }
}

function latestUntil(leases: readonly { readonly until: string }[]): string {
  return (
    leases
      .map(({ until }) => until)
      .toSorted()
      .at(-1) ?? ''
  );
}

/** Whoever asked stops waiting; the work itself goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
}
