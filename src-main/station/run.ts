import type { Clock, IoContext } from '#shared/base/clock.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { type Failure, FlashlineError, toFailure, type Verdict, verdictOf, type Where } from '#shared/model/failure.ts';
import { type LockOperation, type Operation, reasonTotals } from '#shared/model/plan.ts';
import type { PlantAnswer } from '#shared/model/plant-work.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { RunEvent, Step } from '#shared/model/run-event.ts';
import {
  isSimulated,
  type KeptDigest,
  type Reach,
  type RecordDraft,
  type UnitRecord,
  type UnitSignature,
} from '#shared/model/unit-record.ts';
import type { JournalEntry, RunOpening } from '../log/log.ts';
import type { CarryOutHooks, Outcome } from '../programmer/carry-out.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import { type Connection, isProgrammer, type OpenedUnit } from '../programmer/programmer.ts';
import { lockStepsOf } from '../programmer/protection-locks.ts';
import { abandonable, bounded } from './bounded.ts';
import type { Engine } from './engine.ts';
import { type LockToOpen, lockToOpen, requireLockSteps } from './lock-to-open.ts';
import type { FailureText, RunServices } from './options.ts';
import type { PlantRules } from './plant-rules.ts';
import { releaseRoles, requireReleaser } from './lock-release.ts';
import { requireKnownSerial } from './next-serial.ts';
import { runId } from './run-id.ts';
import { requireReadBack } from './require-read-back.ts';
import { beginsAnew } from './restart.ts';
import { imageRecords, openingOf, rotOf, type RunRequest, signedFor } from './run-opening.ts';
import { StepTracker } from './step-tracker.ts';
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

/** As the journal keeps it, beside the plan's operations. */
interface UnlockOperation {
  readonly op: 'unlock';
  readonly by: 'mass-erase' | 'block-protection';
  readonly found: Readonly<Record<string, string>>;
}

const TEAR_DOWN_MS = 5000;
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
  #clock: Clock;
  /** The run's clock when it began; taken anew when the connection brings its own clock. */
  #since: number;
  #target: OpenedUnit | null = null;
  #device: FlashDevice | null = null;
  #uid: string | null = null;
  #locks: Readonly<Record<string, string>> = {};
  /** Public keys of what was made on the unit, as it told them. */
  #keys: Readonly<Record<string, string>> = {};
  /** What the recipe keeps, as it was before and is after. */
  #kept: readonly KeptDigest[] = [];
  /** What the unit's protection said when it came locked; null when it came open, or is still locked. */
  #unlocked: Readonly<Record<string, string>> | null = null;
  #macs: readonly string[] = [];
  #signatures: readonly UnitSignature[] = [];
  /** Whether the plant was heard of this unit. */
  #plantAnswer: PlantAnswer;
  /** What the recipe's list says of the unit. */
  #listed: Readonly<Record<string, string>> = {};
  #reach: Reach | null = null;
  #readBack: Partial<Record<Role, string>> = {};
  #provenBy: Outcome['provenBy'] = {};
  /** Steps that ended but are not in the journal yet; they go with the next entry that is waited for. */
  #unjournalled: { step: Step; ms: number }[] = [];
  /** An operation that changes the unit was journalled: from then on it may hold half a firmware. */
  #mayHaveChanged = false;
  /** Tear-down has begun: what is opened from now on is closed at once. */
  #ended = false;
  /** The end was told: an abandoned step that wakes up tells nothing any more. */
  #finished = false;
  #bytes = { written: 0, skipped: 0 };
  #pages: RecordDraft['pages'];
  #rot: Outcome['rot'] = [];
  #unproven = 0;

  constructor(request: RunRequest, engine: Engine, services: RunServices, signal: AbortSignal, listener: RunListener) {
    this.#request = request;
    this.#engine = engine;
    this.#services = services;
    this.#signal = signal;
    this.#listener = listener;
    this.#id = runId(services.wallClock, services.random);
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
    return { probe: this.#request.probe, ...(this.#services.trustKept ? { unproven: this.#unproven } : {}) };
  }

  async execute(): Promise<RunEnd> {
    const { release } = this.#engine;
    const opening = openingOf(this.#id, this.#request, release, this.#services, this.#utc());
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
    this.#listed = await requireKnownSerial(unit, rules.source, { numbers, log, simulated });
  }

  async #proceed(connection: Connection, io: IoContext): Promise<void> {
    const { target, lock } = await this.#step('connect', io, async () => {
      const opened = await this.#open(connection, io);
      requireLockSteps(lockStepsOf(opened), this.#engine.release.recipe);
      return { target: opened, lock: await lockToOpen(opened, this.#engine.release.recipe, io) };
    });
    if (lock) await this.#step('unlock', io, () => this.#unlock(lock, io));
    await this.#step('identify', io, () => this.#identify(target, io));
    const { device, pages } = await this.#step('survey', io, async () => {
      const opened = await this.#engine.openFlash(target, io);
      this.#device = opened;
      this.#kept = await this.#engine.digestKept(opened, io);
      const progress = (done: number) => this.#steps.progress('survey', done, this.#engine.bytesToSurvey);
      const anew = await beginsAnew(this.#engine.release.recipe, this.#request, this.#services.log);
      return { device: opened, pages: anew ? [] : await this.#engine.survey(opened, io, progress) };
    });
    if (this.#kept.length > 0) await this.#journal({ kind: 'kept', kept: this.#kept });
    const plan = this.#engine.plan(pages, device);
    this.#bytes.skipped = plan.bytesSkipped;
    this.#pages = reasonTotals(plan.decisions);
    this.#tell({
      type: 'plan.ready',
      run: this.#id,
      operations: plan.operations,
      bytesToWrite: plan.bytesToWrite,
      bytesSkipped: plan.bytesSkipped,
      pages: this.#pages,
    });
    const release = releaseRoles(this.#engine.release.recipe).length > 0;
    const releaseLocks = (left: readonly LockOperation[]) => this.#releaseLocks(left, target, io);
    const hooks = { ...this.#hooks(), ...(release ? { releaseLocks } : {}) };
    const done = await this.#engine.carryOut(plan, device, hooks, io, {
      locks: lockStepsOf(target),
      trustKept: this.#services.trustKept === true,
      kept: this.#kept,
    });
    this.#bytes.written = done.bytesWritten;
    this.#readBack = done.readBack;
    this.#provenBy = done.provenBy;
    this.#rot = done.rot;
    this.#unproven = done.unproven;
    this.#bytes.skipped = Math.max(0, plan.bytesSkipped - done.rot.reduce((sum, { size }) => sum + size, 0));
    requireReadBack(this.#engine.release, this.#readBack);
    // Closed by now: where the unit was locked it could not be any more.
    this.#device = null;
    await this.#step('start', io, () => target.start(io));
  }

  /** What was done so far is on disk before a wait that a power cut may end. */
  async #releaseLocks(left: readonly LockOperation[], unit: OpenedUnit, io: IoContext): Promise<void> {
    await this.#journalSteps();
    await this.#release.wait({ left, run: this.#id, uid: this.#uid, unit, release: this.#engine.release }, io);
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
    this.#unlocked = found;
  }

  async #identify(target: OpenedUnit, io: IoContext): Promise<void> {
    const identity = await target.identify(io);
    this.#uid = identity.uid;
    this.#locks = identity.locks;
    await this.#journal({ kind: 'identified', uid: identity.uid, locks: identity.locks });
    const reach = target.reach?.();
    const { uid, chip } = identity;
    this.#tell({ type: 'unit.identified', run: this.#id, uid, chip, ...(reach ? { reach } : {}) });
    await this.#admit(identity.uid);
    const element = isProgrammer(target) ? target : null;
    await this.#makeItsOwn(element?.elementKey && ((slot) => element.elementKey?.(slot, io)));
  }

  /** What the unit alone is given: made before anything is planned. */
  async #makeItsOwn(elementKey: ((slot: number) => Promise<Uint8Array> | undefined) | undefined): Promise<void> {
    const took = (macs: readonly string[]) => {
      this.#macs = [...macs];
    };
    const signed = (signature: UnitSignature) => {
      this.#signatures = [...this.#signatures, signature];
      this.#tell({ type: 'unit.signed', run: this.#id, signature });
    };
    const now = () => this.#services.wallClock.now();
    const { log, numbers, random } = this.#services;
    const base = { log, numbers, plant: this.#plant, listed: this.#listed, signed, now, random, elementKey };
    const askPlant = (macs: readonly string[]) => this.#askPlant(this.#uid, macs);
    const services = { ...base, askPlant, run: this.#id, at: this.#utc(), took };
    this.#engine = await engineForUnit(this.#engine, this.#request, this.#uid, services, this.#signal);
    if (this.#signatures.length === 0) return;
    const images = imageRecords(this.#engine.release);
    await this.#journal({ kind: 'signed', images, signatures: this.#signatures });
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
    // Of several questions one that stayed without an answer is what counts.
    if (answer && this.#plantAnswer !== 'silent') this.#plantAnswer = answer;
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
        if (step === 'program') this.#bytes.written = Math.max(this.#bytes.written, done);
        this.#steps.progress(step, done, total);
      },
      stepFinished: (step: Step) => {
        this.#unjournalled.push({ step, ms: this.#steps.finish() });
      },
      locksObserved: ({ locks, keys }) => {
        this.#locks = { ...this.#locks, ...locks };
        this.#keys = keys;
      },
      keptObserved: (now) => {
        this.#kept = this.#kept.map((each) => (each.address === now.address && each.size === now.size ? now : each));
      },
    };
  }

  /** Durable before the unit is changed. */
  async #beforeChange(operation: Operation | UnlockOperation): Promise<void> {
    this.#requireUnderWay();
    this.#mayHaveChanged = true;
    const told = operation.op === 'lock' ? { ...operation, ...this.#release.said } : operation;
    await this.#journal({ kind: 'change', operation: JSON.stringify(told), at: this.#utc() });
  }

  async #step<T>(step: Step, io: IoContext, work: () => Promise<T>): Promise<T> {
    io.signal.throwIfAborted();
    this.#steps.start(step);
    const result = await work();
    this.#requireUnderWay();
    this.#unjournalled.push({ step, ms: this.#steps.finish() });
    return result;
  }

  /** With what the steps before it took: that alone is worth no wait for the disk. */
  async #journal(entry: JournalEntry): Promise<void> {
    await this.#journalSteps(entry);
  }

  async #journalSteps(...entries: readonly JournalEntry[]): Promise<void> {
    const steps = this.#unjournalled.splice(0).map(({ step, ms }) => ({ kind: 'step', step, ms }) as const);
    await this.#services.log.journal(this.#id, [...steps, ...entries]);
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
      const failure = toFailure(thrown, where);
      // A link torn by the abort may say so in words of its own; a unit's fault that was found stays one.
      if (!this.#signal.aborted || verdictOf(failure) === 'FAIL' || failure.code === 'log-unwritable') return failure;
      const reason = this.#abortReason(where);
      return thrown === this.#signal.reason ? reason : { ...reason, cause: failure.cause ?? failure.code };
    }
  }

  /** Whoever aborts cannot know how far the run was; the operator must. */
  #abortReason(where: Where): Failure {
    const reason = toFailure(this.#signal.reason, where);
    if (reason.code !== 'aborted') return reason;
    if (this.#release.waits) return { ...reason, code: 'aborted-before-locks' };
    return this.#mayHaveChanged ? reason : { ...reason, code: 'aborted-untouched' };
  }

  /**
   * Both parts always run. What fails here changes no verdict: the unit's was reached before, and the flash
   * controller of a unit that passed was closed inside the run (`start`). It is told to the station's log.
   */
  async #tearDown(): Promise<void> {
    this.#ended = true;
    this.#reach = this.#target?.reach?.() ?? null;
    const parts = [this.#device, this.#target].map((part) => part && this.#closing(part));
    this.#device = null;
    this.#target = null;
    for (const part of parts) {
      if (!part) continue;
      try {
        await bounded(part, this.#clock, this.#services.wallClock, TEAR_DOWN_MS);
      } catch (thrown) {
        this.#services.warn(toFailure(thrown, { slot: this.#request.slot }));
      }
    }
  }

  #closing(part: FlashDevice | OpenedUnit): (io: IoContext) => Promise<void> {
    return (io) => ('close' in part ? part.close(io) : part.finish(io));
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
    const reach = this.#reach;
    return {
      schema: 1,
      ...opening,
      uid: this.#uid,
      images: imageRecords(this.#engine.release, (role) => {
        return { readBack: (this.#unproven === 0 && this.#readBack[role]) || null, provenBy: this.#provenBy[role] };
      }),
      finishedAt: this.#utc(),
      bytesWritten: this.#bytes.written,
      bytesSkipped: this.#bytes.skipped,
      ...(this.#pages ? { pages: this.#pages } : {}),
      ...(this.#rot.length > 0 ? { rot: this.#rot.map(rotOf) } : {}),
      ...(this.#services.trustKept ? { unproven: this.#unproven } : {}),
      steps: this.#steps.times(),
      verdict: failure ? verdictOf(failure) : 'PASS',
      failure,
      locks: { ...this.#locks },
      ...this.#release.said,
      ...(Object.keys(this.#keys).length > 0 ? { keys: { ...this.#keys } } : {}),
      ...(this.#unlocked ? { unlocked: { ...this.#unlocked } } : {}),
      ...(this.#kept.length > 0 ? { kept: [...this.#kept] } : {}),
      ...(reach ? { reach } : {}),
      ...(this.#macs.length > 0 ? { macs: [...this.#macs] } : {}),
      ...signedFor(opening, this.#signatures),
      ...(this.#request.results?.length ? { measurements: [...this.#request.results] } : {}),
      ...(this.#plantAnswer ? { plant: this.#plantAnswer } : {}),
      ...(this.#listed['batch'] === undefined ? {} : { batch: this.#listed['batch'] }),
    };
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
