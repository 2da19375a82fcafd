import type { Clock, IoContext } from '#shared/base/clock.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { type Failure, FlashlineError, toFailure, type Verdict, verdictOf } from '#shared/model/failure.ts';
import type { LockOperation, Operation } from '#shared/model/plan.ts';
import type { RunEvent, Step } from '#shared/model/run-event.ts';
import { isSimulated, type KeptDigest, type RecordDraft, type UnitRecord } from '#shared/model/unit-record.ts';
import type { RunOpening } from '../log/log.ts';
import type { CarryOutHooks } from '../programmer/carry-out-input.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import { type Connection, isProgrammer, type OpenedUnit } from '../programmer/programmer.ts';
import { lockStepsOf } from '../programmer/protection-locks.ts';
import { abandonable } from './bounded.ts';
import type { Engine } from './engine.ts';
import { type LockToOpen, lockToOpen, requireLockSteps } from './lock-to-open.ts';
import type { FailureText, RunServices } from './options.ts';
import type { PlantRules } from './plant-rules.ts';
import { releaseRoles, requireReleaser } from './lock-release.ts';
import { requireKnownSerial } from './next-serial.ts';
import { runId } from './run-id.ts';
import { requireReadBack } from './require-read-back.ts';
import { beginsAnew } from './restart.ts';
import { RunJournal, type UnlockOperation } from './run-journal.ts';
import { runFailure } from './run-failure.ts';
import { imageRecords, openingOf, type RunRequest } from './run-opening.ts';
import { StepTracker } from './step-tracker.ts';
import { tearDown } from './tear-down.ts';
import { draftOf, givenSinks, noFindings, wasCarriedOut, wasPlanned } from './unit-findings.ts';
import { engineForUnit, requireOwnLabel } from './unit-identity.ts';
import { UnitRelease } from './unit-release.ts';
import { requireResults } from './unit-results.ts';

export interface RunEnd {
  readonly run: string;
  readonly verdict: Verdict;
  readonly failure: Failure | null;
  /** Null when the log could not be written. */
  readonly record: UnitRecord | null;
}

/** `elapsedMs` is by the run's own clock. */
export type RunListener = (event: RunEvent, elapsedMs: number) => void;

const ABORT_GRACE_MS = 10_000;

/**
 * One attempt at one unit. Never rejects: whatever is thrown anywhere becomes the run's failure, tear-down runs,
 * a record is made, and exactly one `run.started` and one `run.finished` are told.
 *
 * The firmware is started before the record is written: a record is never changed, so a unit that was verified but
 * does not start must not have a PASS yet. `run.finished` is told when the record is on disk, never before.
 */
export async function executeRun(
  request: RunRequest,
  engine: Engine,
  services: RunServices,
  signal: AbortSignal,
  listener: RunListener,
): Promise<RunEnd> {
  return new Run(request, engine, services, signal, listener).execute();
}

class Run {
  readonly #request: RunRequest;
  /** Once the unit is known, with its own manufacturing partition. */
  #engine: Engine;
  readonly #services: RunServices;
  readonly #signal: AbortSignal;
  readonly #listener: RunListener;
  readonly #id: string;
  readonly #steps: StepTracker;
  readonly #release: UnitRelease;
  readonly #journal: RunJournal;
  readonly #found = noFindings();
  #clock: Clock;
  /** The run's clock when it began; taken anew when the connection brings its own clock. */
  #since: number;
  #order: string | null = null;
  #target: OpenedUnit | null = null;
  #device: FlashDevice | null = null;
  /** Tear-down has begun: what is opened from now on is closed at once. */
  #ended = false;
  /** The end was told: an abandoned step that wakes up tells nothing any more. */
  #finished = false;

  constructor(request: RunRequest, engine: Engine, services: RunServices, signal: AbortSignal, listener: RunListener) {
    this.#request = request;
    this.#engine = engine;
    this.#services = services;
    this.#signal = signal;
    this.#listener = listener;
    this.#id = runId(services.wallClock, services.random);
    this.#journal = new RunJournal(services.log, this.#id);
    this.#clock = services.wallClock;
    this.#since = this.#clock.monotonic();
    this.#steps = new StepTracker(
      this.#id,
      () => this.#clock,
      (event) => this.#tell(event),
    );
    this.#release = new UnitRelease(request, services, (event) => this.#tell(event));
  }

  /** None for the bench's units: they are nobody's but this station's. */
  get #plant(): PlantRules | undefined {
    return isSimulated(this.#kind) ? undefined : this.#services.plant;
  }

  /** What tells whether this run counts for anything. */
  get #kind(): Parameters<typeof isSimulated>[0] {
    return { probe: this.#request.probe, ...(this.#services.trustKept ? { unproven: this.#found.unproven } : {}) };
  }

  async execute(): Promise<RunEnd> {
    const { release } = this.#engine;
    const opening = openingOf(this.#id, this.#request, release, this.#services, this.#utc());
    this.#order = opening.order ?? null;
    const opened = await this.#attempt(() => this.#services.log.begin(opening));
    this.#tell({
      type: 'run.started',
      run: this.#id,
      serial: opening.serial,
      slot: opening.slot,
      release: opening.release,
      at: opening.startedAt,
    });
    let failure = opened;
    if (!failure) failure = await this.#attempt(() => this.#workOnUnit());
    await this.#tearDown();
    return this.#conclude(opening, failure, opened === null);
  }

  async #workOnUnit(): Promise<void> {
    const { digest, signedBy } = this.#engine.release;
    if (!isSimulated(this.#request)) this.#services.permitRelease?.(digest, signedBy);
    this.#plant?.permit(digest);
    if (!isSimulated(this.#request)) requireReleaser(this.#engine.release.recipe, this.#services.plant);
    await this.#requireKnown();
    const { connect } = this.#services;
    const { chip, recipe } = this.#engine.release;
    const { probe, serial } = this.#request;
    const connection = connect({ url: probe, chip, interface: recipe.interface, serial });
    this.#useClock(connection.clock);
    const io: IoContext = { clock: connection.clock, signal: this.#signal };
    const work = this.#proceed(connection, io);
    await abandonable(work, this.#signal, this.#services.wallClock, ABORT_GRACE_MS);
  }

  /** A serial that comes from a counter, a list or a pool: before the probe is touched. */
  async #requireKnown(): Promise<void> {
    const { product, serial: rules } = this.#engine.release.recipe;
    requireResults(this.#request, this.#engine.release.recipe);
    const { numbers, log } = this.#services;
    const unit = { serial: this.#request.serial, product: product.id };
    const simulated = isSimulated(this.#kind);
    this.#found.listed = await requireKnownSerial(unit, rules.source, { numbers, log, simulated });
  }

  async #proceed(connection: Connection, io: IoContext): Promise<void> {
    const { target, lock } = await this.#step('connect', io, async () => {
      const opened = await this.#open(connection, io);
      requireLockSteps(lockStepsOf(opened), this.#engine.release.recipe);
      return { target: opened, lock: await lockToOpen(opened, this.#engine.release.recipe, io) };
    });
    if (lock) await this.#step('unlock', io, () => this.#unlock(lock, io));
    await this.#step('identify', io, () => this.#identify(target, io));
    if (this.#waitsForPlant) await this.#step('plant-data', io, () => this.#makeItsOwn(target, io));
    const { device, pages } = await this.#step('survey', io, async () => {
      const opened = await this.#engine.openFlash(target, io);
      this.#device = opened;
      this.#found.kept = await this.#engine.digestKept(opened, io);
      const progress = (done: number) => this.#steps.progress('survey', done, this.#engine.bytesToSurvey);
      const anew = await beginsAnew(this.#engine.release.recipe, this.#request, this.#services.log);
      return { device: opened, pages: anew ? [] : await this.#engine.survey(opened, io, progress) };
    });
    const { kept } = this.#found;
    if (kept.length > 0) await this.#journal.write({ kind: 'kept', kept });
    const plan = this.#engine.plan(pages, device);
    wasPlanned(this.#found, plan);
    this.#tell({
      type: 'plan.ready',
      run: this.#id,
      operations: plan.operations,
      bytesToWrite: plan.bytesToWrite,
      bytesSkipped: plan.bytesSkipped,
      pages: this.#found.pages,
    });
    const release = releaseRoles(this.#engine.release.recipe).length > 0;
    const releaseLocks = (left: readonly LockOperation[]) => this.#releaseLocks(left, target, io);
    const hooks = { ...this.#hooks(), ...(release ? { releaseLocks } : {}) };
    const done = await this.#engine.carryOut(plan, device, hooks, io, {
      locks: lockStepsOf(target),
      trustKept: this.#services.trustKept === true,
      kept,
    });
    wasCarriedOut(this.#found, plan, done);
    requireReadBack(this.#engine.release, this.#found.readBack);
    // Closed by now: where the unit was locked it could not be any more.
    this.#device = null;
    await this.#step('start', io, () => target.start(io));
  }

  /** What was done so far is on disk before a wait that a power cut may end. */
  async #releaseLocks(left: readonly LockOperation[], unit: OpenedUnit, io: IoContext): Promise<void> {
    await this.#journal.write();
    await this.#release.wait({ left, run: this.#id, uid: this.#found.uid, unit, release: this.#engine.release }, io);
  }

  async #open(connection: Connection, io: IoContext): Promise<OpenedUnit> {
    const target = await connection.open(io);
    if (this.#ended) {
      // The run was abandoned while this hung; nobody else would close it.
      await target.close(io);
      throw this.#signal.reason;
    }
    this.#target = target;
    return target;
  }

  /**
   * Most locked chips tell their hardware id only once they are erased: then the serial alone must tell a unit that
   * passed. The id is the first that is read of the open chip.
   */
  async #unlock(lock: LockToOpen, io: IoContext): Promise<void> {
    const { by, found } = lock;
    await this.#admit(await lock.readUid(io));
    await this.#beforeChange({ op: 'unlock', by, found });
    const total = flashMemories(this.#engine.release.chip).reduce((sum, { size }) => sum + size, 0);
    await lock.open(io, (done) => this.#steps.progress('unlock', done, total));
    this.#found.unlocked = found;
  }

  async #identify(target: OpenedUnit, io: IoContext): Promise<void> {
    const identity = await target.identify(io);
    const { uid, chip, locks } = identity;
    Object.assign(this.#found, { uid, locks });
    this.#journal.post({ kind: 'identified', uid, locks });
    const reach = target.reach?.();
    this.#tell({ type: 'unit.identified', run: this.#id, uid, chip, ...(reach ? { reach } : {}) });
    await this.#admit(uid);
    if (!this.#waitsForPlant) await this.#makeItsOwn(target, io);
  }

  /** A program of the plant's may take its time: that is a step of its own. */
  get #waitsForPlant(): boolean {
    return this.#engine.release.recipe.manufacturing?.kind === 'plant' && this.#plant?.unitData !== undefined;
  }

  /** What the unit alone is given: made before anything is planned. */
  async #makeItsOwn(target: OpenedUnit, io: IoContext): Promise<void> {
    const element = isProgrammer(target) ? target : null;
    const elementKey = element?.elementKey && ((slot: number) => element.elementKey?.(slot, io));
    const { log, numbers, random, wallClock } = this.#services;
    const { uid, listed } = this.#found;
    const own = { log, numbers, plant: this.#plant, listed, random, elementKey, now: () => wallClock.now() };
    const askPlant = (macs: readonly string[]) => this.#askPlant(uid, macs);
    const sinks = givenSinks(this.#found, this.#id, (event) => this.#tell(event));
    const services = { ...own, ...sinks, askPlant, run: this.#id, order: this.#order, at: this.#utc() };
    this.#engine = await engineForUnit(this.#engine, this.#request, uid, services, this.#signal);
    const { signatures, unitData } = this.#found;
    if (signatures.length === 0 && unitData === null) return;
    if (unitData) this.#steps.progress('plant-data', unitData.size, unitData.size);
    const images = imageRecords(this.#engine.release);
    await this.#journal.write({ kind: 'signed', images, signatures, ...(unitData ? { unitData } : {}) });
  }

  /** What this station knows first: it takes no time. */
  async #admit(uid: string | null): Promise<void> {
    requireOwnLabel(this.#request, uid);
    await this.#refusePassed(uid);
    await this.#askPlant(uid);
  }

  async #askPlant(uid: string | null, macs?: readonly string[]): Promise<void> {
    const { product, route = null } = this.#engine.release.recipe;
    const { serial, rework } = this.#request;
    const unit = { product: product.id, serial, uid, route, rework, macs };
    const answer = await this.#plant?.admit(unit, this.#signal);
    if (answer && this.#found.plantAnswer !== 'silent') this.#found.plantAnswer = answer;
  }

  async #refusePassed(uid: string | null): Promise<void> {
    if (this.#request.rework) return;
    const { product, route } = this.#engine.release.recipe;
    const passed = await this.#services.log.lastPass({
      process: route?.step,
      product: product.id,
      serial: this.#request.serial,
      uid,
      simulated: isSimulated(this.#kind),
    });
    if (passed)
      throw new FlashlineError('already-passed', { params: { serial: passed.serial, when: passed.finishedAt } });
  }

  #hooks(): CarryOutHooks {
    return {
      beforeChange: (operation: Operation) => this.#beforeChange(operation),
      stepStarted: (step: Step) => this.#steps.start(step),
      progress: (step: Step, done: number, total: number) => {
        if (step === 'program') this.#found.bytes.written = Math.max(this.#found.bytes.written, done);
        this.#steps.progress(step, done, total);
      },
      stepFinished: (step: Step) => {
        this.#journal.ended(step, this.#steps.finish());
      },
      locksObserved: ({ locks, keys }) => {
        Object.assign(this.#found, { locks: { ...this.#found.locks, ...locks }, keys });
      },
      keptObserved: (now) => {
        const isIt = (each: KeptDigest) => each.address === now.address && each.size === now.size;
        this.#found.kept = this.#found.kept.map((each) => (isIt(each) ? now : each));
      },
    };
  }

  async #beforeChange(operation: Operation | UnlockOperation): Promise<void> {
    this.#requireUnderWay();
    await this.#journal.change(operation, this.#release.said, this.#utc());
  }

  async #step<T>(step: Step, io: IoContext, work: () => Promise<T>): Promise<T> {
    io.signal.throwIfAborted();
    this.#steps.start(step);
    const result = await work();
    this.#requireUnderWay();
    this.#journal.ended(step, this.#steps.finish());
    return result;
  }

  /** Stops an abandoned run's work for good, should what it hung on return after all. */
  #requireUnderWay(): void {
    if (this.#ended) throw this.#signal.reason;
  }

  /** Resolves to what was thrown, as a failure of the step that was under way. */
  async #attempt(work: () => Promise<void>): Promise<Failure | null> {
    try {
      await work();
      return null;
    } catch (thrown) {
      const step = this.#steps.current;
      this.#steps.stop();
      const where = { slot: this.#request.slot, ...(step ? { step } : {}) };
      const { waits: waitsForRelease } = this.#release;
      const { mayHaveChanged } = this.#journal;
      return runFailure(thrown, { signal: this.#signal, where, waitsForRelease, mayHaveChanged });
    }
  }

  /**
   * Both parts always run. What fails here changes no verdict: the unit's was reached before, and the flash
   * controller of a unit that passed was closed inside the run (`start`). It is told to the station's log.
   */
  async #tearDown(): Promise<void> {
    this.#ended = true;
    this.#found.reach = this.#target?.reach?.() ?? null;
    const parts = [this.#device, this.#target];
    this.#device = null;
    this.#target = null;
    const { warn, wallClock } = this.#services;
    await tearDown(parts, this.#clock, wallClock, (thrown) => warn(toFailure(thrown, { slot: this.#request.slot })));
  }

  async #conclude(opening: RunOpening, failure: Failure | null, isOpen: boolean): Promise<RunEnd> {
    let outcome = failure;
    let record: UnitRecord | null = null;
    if (isOpen) {
      this.#steps.start('record');
      const draft = this.#draft(opening, outcome);
      try {
        record = await this.#services.log.finish(draft);
        this.#steps.finish();
        this.#tellPlant(record);
      } catch (thrown) {
        outcome = toFailure(thrown, { slot: this.#request.slot, step: 'record' });
      }
    }
    this.#finished = true;
    const end: RunEnd = { run: this.#id, verdict: outcome ? verdictOf(outcome) : 'PASS', failure: outcome, record };
    this.#pass({
      type: 'run.finished',
      run: this.#id,
      verdict: end.verdict,
      ...(outcome ? { code: outcome.code, blame: outcome.blame, ...this.#inWords(outcome) } : {}),
      record,
    });
    return end;
  }

  #draft(opening: RunOpening, failure: Failure | null): RecordDraft {
    const { results } = this.#request;
    return draftOf(opening, this.#engine.release, this.#found, {
      failure,
      trustKept: this.#services.trustKept === true,
      finishedAt: this.#utc(),
      steps: this.#steps.times(),
      ...this.#release.said,
      ...(results?.length ? { measurements: [...results] } : {}),
    });
  }

  /** What comes of it changes no verdict. */
  #tellPlant(record: UnitRecord): void {
    try {
      this.#services.plant?.recorded(record);
    } catch (thrown) {
      this.#services.warn(toFailure(thrown));
    }
  }

  #inWords(failure: Failure): Partial<FailureText> {
    try {
      return this.#services.describeFailure(failure);
    } catch (thrown) {
      this.#services.warn(toFailure(thrown));
      return {};
    }
  }

  #useClock(clock: Clock): void {
    const spent = this.#clock.monotonic() - this.#since;
    this.#clock = clock;
    this.#since = clock.monotonic() - spent;
  }

  #utc(): string {
    return new Date(this.#services.wallClock.now()).toISOString();
  }

  #tell(event: RunEvent): void {
    if (!this.#finished) this.#pass(event);
  }

  /** A listener that throws must not decide a unit's fate. */
  #pass(event: RunEvent): void {
    try {
      this.#listener(event, this.#clock.monotonic() - this.#since);
    } catch (thrown) {
      this.#services.warn(toFailure(thrown, { slot: this.#request.slot }));
    }
  }
}
