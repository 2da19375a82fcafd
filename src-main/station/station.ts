import {
  BADGE_CODE,
  type LogFindings,
  REWORK_CODE,
  type ScanOutcome,
  type SlotState,
  type StationState,
} from '#shared/contract/station.ts';
import { type IdentityRules, identityRules } from '#shared/identity/unit-label.ts';
import { FlashlineError, toFailure, type Verdict, verdictOf } from '#shared/model/failure.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated, type UnitRecord } from '#shared/model/unit-record.ts';
import type { Engine } from './engine.ts';
import type { StationListener, StationOptions } from './options.ts';
import { findRecords } from './find-records.ts';
import { LockReleases, requireReleaser } from './lock-release.ts';
import { givesSerials, nextSerial } from './next-serial.ts';
import { orderStates } from './order-states.ts';
import { isOccupied, nextPlace, type Place, placeForRework, type Running } from './place.ts';
import type { RunRequest } from './run-opening.ts';
import { troublesState } from './troubles.ts';
import { unsignedState } from './unsigned-state.ts';
import { executeRun, type RunEnd } from './run.ts';
import { afterEvent, asRunning, emptySlot, withEnd, withUnit } from './slot.ts';

/** The same code again within this time is one scan: a scanner's double read, or a nervous trigger finger. */
const REPEAT_MS = 2000;

/** Screens need not hear of progress more often than this, in real time. */
const PROGRESS_EVERY_MS = 50;

/**
 * The station: its slots, where a scan goes, and their runs. One call of the bridge's contract is one method here.
 * A run never rejects and knows nothing of other slots, so one slot's failure cannot reach another.
 */
export class Station {
  readonly #options: StationOptions;
  readonly #places: readonly Place[];
  readonly #listeners = new Set<StationListener>();
  readonly #rules: IdentityRules | null;
  #autoStart: boolean;
  #interrupted: readonly UnitRecord[];
  #operator: string;
  #serialsLeft: number | null;
  /** Serials are given one after the other. */
  #giving: Promise<unknown> = Promise.resolve();
  readonly #releases: LockReleases;
  #lastScan: { readonly code: string; readonly at: number } | null = null;

  constructor(options: StationOptions) {
    this.#options = options;
    this.#releases = options.lockReleases ?? new LockReleases();
    this.#autoStart = options.autoStart;
    this.#interrupted = options.interrupted;
    this.#operator = options.operator;
    this.#serialsLeft = options.serialsLeft ?? null;
    this.#rules = options.engine ? identityRules(options.engine.release.recipe) : null;
    this.#places = options.slots.map((slot) => ({
      options: slot,
      state: emptySlot(slot),
      label: {},
      running: null,
      progressToldAt: Number.NEGATIVE_INFINITY,
    }));
  }

  state(): StationState {
    const release = this.#options.engine?.release;
    return {
      station: this.#options.station,
      operator: this.#operator,
      ...orderStates(this.#options),
      appVersion: this.#options.appVersion,
      mode: this.#options.mode,
      release: release
        ? {
            digest: release.digest,
            product: release.recipe.product,
            chip: release.chip.id,
            images: release.images.map(({ role, version, size }) => ({ role, version, size })),
            serialPattern: release.recipe.serial.pattern,
            ...unsignedState(release, this.#options),
            ...(givesSerials(release.recipe) ? { serials: { left: this.#serialsLeft } } : {}),
          }
        : null,
      autoStart: this.#autoStart,
      ...(this.#options.screen ? { screen: this.#options.screen() } : {}),
      slots: this.#places.map((place) => place.state),
      samples: [...this.#options.samples],
      interrupted: [...this.#interrupted],
      ...troublesState(this.#options.troubles),
    };
  }

  /** Returns what takes the listener off again. */
  subscribe(listener: StationListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Never throws: whatever a scanner sends is answered. */
  scan({ code, slot }: { readonly code: string; readonly slot?: string | undefined }): ScanOutcome {
    const now = this.#options.wallClock.monotonic();
    const serial = code.trim();
    const repeated = this.#lastScan?.code === serial && now - this.#lastScan.at < REPEAT_MS;
    this.#lastScan = { code: serial, at: now };
    const badge = BADGE_CODE.exec(serial)?.[1];
    if (repeated) return { outcome: 'repeated', serial: badge === undefined ? serial : '' };
    if (badge !== undefined) return this.#takeBadge(badge);
    try {
      const place = serial === REWORK_CODE ? this.#takeForRework(slot) : this.#takeUnit(serial, slot);
      if (this.#autoStart) this.#launch(place, place.state.rework, {});
      return { outcome: 'accepted', slot: place.options.id, serial: place.state.serial ?? serial };
    } catch (thrown) {
      return { outcome: 'refused', code: serial, failure: toFailure(thrown, slot === undefined ? {} : { slot }) };
    }
  }

  /** A board without a label: it is given the next serial. Never rejects; a press too many is the same as one. */
  async nextUnit({ slot }: { readonly slot?: string | undefined }): Promise<ScanOutcome> {
    const giving = this.#giving.then(() => this.#giveSerial(slot));
    const outcome = giving.catch((thrown: unknown): ScanOutcome => ({
      outcome: 'refused',
      code: '',
      failure: toFailure(thrown),
    }));
    this.#giving = outcome;
    return outcome;
  }

  async #giveSerial(slot: string | undefined): Promise<ScanOutcome> {
    const rules = this.#requireRules();
    const { engine, numbers, plant, wallClock } = this.#options;
    const place = slot === undefined ? nextPlace(this.#places) : this.#place(slot);
    const { serial: waiting, phase } = place.state;
    if (phase === 'ready' && waiting !== null) return { outcome: 'repeated', serial: waiting };
    this.#requireFree(place);
    this.#requirePermission(place);
    if (!engine || !numbers) throw new FlashlineError('serial-from-label');
    const simulated = isSimulated(place.options);
    const at = new Date(wallClock.now()).toISOString();
    const given = await nextSerial(engine.release.recipe, rules, { numbers, plant, at, simulated });
    this.#serialsLeft = given.left;
    this.#tellStation();
    // Somebody may have scanned a board onto it meanwhile: then this serial is void.
    this.#requireFree(place);
    place.label = {};
    this.#change(place, withUnit(place.state, given.serial, false));
    if (this.#autoStart) this.#launch(place, false, {});
    return { outcome: 'accepted', slot: place.options.id, serial: given.serial };
  }

  async setOrder({ order }: { readonly order: string | null }): Promise<void> {
    const { plant, engine } = this.#options;
    if (plant === undefined) throw new FlashlineError('not-enrolled');
    const release = engine ? { digest: engine.release.digest, product: engine.release.recipe.product.id } : null;
    await plant.setOrder(order, release);
    this.#tellStation();
  }

  /** What the plant says, a setting, or a trouble of the station itself, has changed. */
  plantChanged(): void {
    this.#tellStation();
  }

  async acknowledgeInterrupted(): Promise<void> {
    await this.#options.log.acknowledgeInterrupted(this.#interrupted.map((record) => record.sequence));
    this.#interrupted = [];
    this.#tellStation();
  }

  acknowledgeTrouble(code: string): void {
    this.#options.troubles?.seen(code);
    this.#tellStation();
  }

  setAutoStart({ on }: { readonly on: boolean }): void {
    this.#autoStart = on;
    this.#tellStation();
  }

  /**
   * Runs a ready slot to its end. Rejects with `slot-unknown`, `slot-busy` or `slot-empty` before anything is
   * touched; aborting `signal` aborts the run, which still resolves (ABORTED).
   */
  async runSlot(
    { slot, rework, ...given }: Pick<RunRequest, 'slot' | 'rework' | 'scans' | 'results'>,
    signal?: AbortSignal,
    onEvent?: (event: RunEvent) => void,
  ): Promise<{ verdict: Verdict; run: string }> {
    const place = this.#place(slot);
    const running = this.#launch(place, rework || place.state.rework, given, onEvent);
    const abort = () => this.#abort(place);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const { verdict, run } = await running.done;
      return { verdict, run };
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Asks the slot's run to stop between packets; a slot without a run stays as it is. */
  abortSlot({ slot }: { readonly slot: string }): void {
    this.#abort(this.#place(slot));
  }

  clearSlot({ slot }: { readonly slot: string }): void {
    const place = this.#place(slot);
    if (place.running) throw new FlashlineError('slot-busy', { params: { slot: place.options.name } });
    this.#change(place, emptySlot(place.state));
  }

  /** What the system knows of a slot's probe: told when it is plugged in, pulled out, or taken by another program. */
  setAttached({ slot, attached }: { readonly slot: string; readonly attached: SlotState['attached'] }): void {
    const place = this.#place(slot);
    if (place.state.attached !== attached) this.#change(place, { ...place.state, attached });
  }

  async records(query: { readonly serial?: string | undefined; readonly limit: number }): Promise<UnitRecord[]> {
    const { serial, limit } = query;
    return this.#options.log.records(serial === undefined ? { limit } : { serial, limit });
  }

  search(query: {
    readonly text: string;
    readonly before?: number | undefined;
    readonly limit: number;
  }): Promise<LogFindings> {
    return findRecords(this.#options.log, query);
  }

  /** Aborts every run and waits for their ends; the log stays open. */
  async close(): Promise<void> {
    for (const place of this.#places) this.#abort(place);
    await Promise.all(this.#places.flatMap((place) => (place.running ? [place.running.done] : [])));
    this.#listeners.clear();
  }

  /**
   * The badge's code is shown to nobody: it is how this person is known. While boards wait to be locked a badge releases them,
   * and makes nobody the operator: whoever answers for the locks does not take over the bench.
   */
  #takeBadge(badge: string): ScanOutcome {
    try {
      const { plant } = this.#options;
      if (this.#releases.someWait) {
        const { by, slots } = this.#releases.release(badge, plant);
        return { outcome: 'released', by, slots: slots.map((slot) => this.#place(slot).options.name) };
      }
      if (plant === undefined) throw new FlashlineError('not-enrolled');
      this.#operator = plant.operatorOf(badge);
    } catch (thrown) {
      return { outcome: 'refused', code: '', failure: toFailure(thrown) };
    }
    this.#tellStation();
    return { outcome: 'operator', operator: this.#operator };
  }

  #takeUnit(code: string, slot: string | undefined): Place {
    const { serial, fields } = this.#requireRules().read(code);
    this.#requireOrder(fields['order']);
    const place = slot === undefined ? nextPlace(this.#places) : this.#place(slot);
    this.#requireFree(place);
    this.#requirePermission(place);
    const elsewhere = this.#places.find(
      (other) => other !== place && other.state.serial === serial && isOccupied(other.state),
    );
    if (elsewhere) throw new FlashlineError('slot-busy', { params: { slot: elsewhere.options.name } });
    place.label = fields;
    this.#change(place, withUnit(place.state, serial, false));
    return place;
  }

  #takeForRework(slot: string | undefined): Place {
    const { place, serial } = placeForRework(this.#places, slot);
    this.#change(place, withUnit(place.state, serial, true));
    return place;
  }

  #place(slot: string): Place {
    const place = this.#places.find((each) => each.options.id === slot);
    if (!place) throw new FlashlineError('slot-unknown', { params: { slot } });
    return place;
  }

  #requireFree(place: Place): void {
    if (place.running) throw new FlashlineError('slot-busy', { params: { slot: place.options.name } });
  }

  #requireRules(): IdentityRules {
    if (this.#rules) return this.#rules;
    throw new FlashlineError('no-release');
  }

  /** A label that was printed for one order, at a station that works for another. */
  #requireOrder(found: string | undefined): void {
    const expected = this.#options.plant?.order()?.id;
    if (found === undefined || expected === undefined || found === expected) return;
    throw new FlashlineError('label-other-order', { params: { found, expected } });
  }

  /** What plant or process engineer do not allow is told with the board still in the operator's hand. */
  #requirePermission({ options }: Place): void {
    const { plant, engine, permitRelease } = this.#options;
    if (!engine || isSimulated(options)) return;
    permitRelease?.(engine.release.digest, engine.release.signedBy);
    requireReleaser(engine.release.recipe, plant);
    plant?.permit(engine.release.digest);
  }

  #launch(
    place: Place,
    rework: boolean,
    given: Pick<RunRequest, 'scans' | 'results'>,
    onEvent?: (event: RunEvent) => void,
  ): Running {
    this.#requireFree(place);
    const { engine } = this.#options;
    const { serial, phase } = place.state;
    if (!engine || phase !== 'ready' || serial === null) {
      throw new FlashlineError('slot-empty', { params: { slot: place.options.name } });
    }
    const controller = new AbortController();
    this.#change(place, asRunning(place.state, rework));
    const { id, probe } = place.options;
    const request = { serial, slot: id, probe, rework, label: place.label, ...given };
    const running = { controller, done: this.#run(place, engine, request, controller.signal, onEvent) };
    place.running = running;
    return running;
  }

  async #run(
    place: Place,
    engine: Engine,
    request: RunRequest,
    signal: AbortSignal,
    onEvent?: (event: RunEvent) => void,
  ): Promise<RunEnd> {
    // The caller's turn first: it must hold the running slot before the first event comes.
    await Promise.resolve();
    const running = executeRun(
      request,
      engine,
      { ...this.#options, operator: this.#operator, lockReleases: this.#releases },
      signal,
      (event, elapsedMs) => {
        this.#hear(place, event, elapsedMs);
        onEvent?.(event);
      },
    );
    // A run never rejects; should it be broken even before it begins, its slot must not stay taken for ever.
    const end = await running.catch((thrown: unknown): RunEnd => {
      const failure = toFailure(thrown, { slot: place.options.id });
      this.#options.warn(failure);
      return { run: '', verdict: verdictOf(failure), failure, record: null };
    });
    place.running = null;
    const finishedAt = end.record?.finishedAt ?? new Date(this.#options.wallClock.now()).toISOString();
    this.#change(place, withEnd(place.state, end, finishedAt));
    return end;
  }

  #hear(place: Place, event: RunEvent, elapsedMs: number): void {
    place.state = afterEvent(place.state, event, elapsedMs);
    const now = this.#options.wallClock.monotonic();
    if (event.type === 'step.progress' && event.done < event.total && now - place.progressToldAt < PROGRESS_EVERY_MS)
      return;
    if (event.type === 'step.progress') place.progressToldAt = now;
    this.#tellSlot(place);
  }

  #abort(place: Place): void {
    if (!place.running || place.running.controller.signal.aborted) return;
    this.#change(place, { ...place.state, cancelling: true });
    place.running.controller.abort(new FlashlineError('aborted', { where: { slot: place.options.id } }));
  }

  #change(place: Place, state: SlotState): void {
    place.state = state;
    this.#tellSlot(place);
  }

  #tellSlot(place: Place): void {
    this.#tell((listener) => listener.slotChanged(place.state));
  }

  #tellStation(): void {
    const state = this.state();
    this.#tell((listener) => listener.stationChanged(state));
  }

  #tell(say: (listener: StationListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        say(listener);
      } catch (thrown) {
        this.#options.warn(toFailure(thrown));
      }
    }
  }
}
