import { createHash } from 'node:crypto';
import { assertNever } from '#shared/base/assert-never.ts';
import { equalBytes } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation, MemoryOperation, Operation } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { DigestProof } from '#shared/model/unit-record.ts';
import type { Step } from '#shared/model/run-event.ts';
import { programRuns } from '../plan/contents.ts';
import type { PageRange } from '../plan/layout.ts';
import { memoryNamed, mismatch, PlanFault } from './carry-out-checks.ts';
import { type ClearFlags, FlagGuard } from './carry-out-flags.ts';
import type { CarryOutInput, Outcome } from './carry-out-input.ts';
import { ReadBacks } from './carry-out-proof.ts';
import { KeptPages, RotFound } from './carry-out-rot.ts';
import { carryOutLocks } from './carry-out-locks.ts';
import { verifyKept } from './kept-regions.ts';

/**
 * Does to the unit what the plan says, in its order; resolves only when every image was read back whole.
 * Rejects with the device's failures, with `verify-mismatch`, or with the signal's reason; by then the flash
 * controller is read-only again and the flag of whatever was being changed is clear.
 */
export async function carryOut(input: CarryOutInput): Promise<Outcome> {
  const rot: PageRange[] = [];
  let written = 0;
  let { plan } = input;
  for (;;) {
    const execution = new Execution({ ...input, plan }, rot);
    try {
      const outcome = await execution.execute();
      return { ...outcome, bytesWritten: outcome.bytesWritten + written };
    } catch (error) {
      if (!(error instanceof RotFound) || !input.replan) {
        await finishQuietly(input);
        throw error;
      }
      written += execution.bytesWritten;
      plan = input.replan(plan, error.found);
    }
  }
}

/** Lower-case hexadecimal, as devices tell theirs. */
function digestOf(algorithm: DigestProof, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex');
}

/** Tear-down has a signal of its own: an abort must not leave the controller open for writing. */
async function finishQuietly({ device, io }: CarryOutInput): Promise<void> {
  try {
    await device.finish({ clock: io.clock, signal: new AbortController().signal });
  } catch (secondary) {
    // A unit that was unplugged cannot be closed; the failure that brought us here is the one to tell.
    if (!(secondary instanceof FlashlineError)) throw secondary;
  }
}

const STEP_OF = {
  invalidate: 'invalidate',
  'mass-erase': 'erase',
  erase: 'erase',
  program: 'program',
  verify: 'verify',
  validate: 'validate',
  'verify-flag': 'validate',
  'verify-kept': 'verify',
  lock: 'lock',
} as const satisfies Record<Operation['op'], Step>;

type Before = Extract<Operation, { op: 'invalidate' | 'mass-erase' }>;
type After = Exclude<MemoryOperation, Before>;
type Verify = Extract<Operation, { op: 'verify' }>;

/** Read back and programmed in parts, so that a large image is never in memory once more for each slot. */
const READ_PART = 0x10000;
const PROGRAM_PART = 0x100000;

/** What happens before every flag is known to be clear. */
function isBefore(operation: Operation): operation is Before {
  return operation.op === 'invalidate' || operation.op === 'mass-erase';
}

class Execution {
  readonly #input: CarryOutInput;
  readonly #guard: FlagGuard;
  readonly #readBacks: ReadBacks;
  readonly #done = new Map<Step, number>();
  readonly #told = new Map<Step, number>();
  /** What is being programmed, or should have been read. */
  readonly #provenBy: Partial<Record<Role, DigestProof>> = {};
  readonly #scratch: Uint8Array;
  readonly #programPart: number;
  readonly #kept: KeptPages;
  #step: Step | undefined;
  #bytesWritten = 0;
  #unproven = 0;

  constructor(input: CarryOutInput, rot: PageRange[]) {
    this.#input = input;
    this.#kept = new KeptPages(input, rot);
    const longest = Math.max(...input.plan.operations.map(amountOf), 0);
    this.#programPart = input.device.programPart ?? PROGRAM_PART;
    this.#scratch = new Uint8Array(Math.min(longest, Math.max(this.#programPart, PROGRAM_PART)));
    this.#guard = new FlagGuard(input.plan, input.contents, input.chip, input.device);
    this.#readBacks = new ReadBacks(input.plan);
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  async execute(): Promise<Outcome> {
    const { plan, io } = this.#input;
    for (const operation of plan.operations.filter(isBefore)) {
      await this.#within(operation, () =>
        operation.op === 'mass-erase' ? this.#massErase(operation) : this.#invalidate(operation),
      );
    }
    const others = plan.operations.filter(
      (operation): operation is After => !isBefore(operation) && operation.op !== 'lock',
    );
    const clear = await this.#guard.confirmClear(io);
    for (const operation of others) await this.#within(operation, () => this.#perform(operation, clear));
    const readBack: Partial<Record<Role, string>> = {};
    for (const { role } of plan.images) readBack[role] = this.#readBacks.digest(role);
    // Every image was read back, or nobody gets here: what follows cannot be taken back, and may shut the unit to us.
    await this.#input.device.finish(io);
    await this.#lock();
    if (this.#step !== undefined) this.#input.hooks.stepFinished(this.#step);
    const { rot } = this.#kept;
    return { readBack, provenBy: this.#provenBy, bytesWritten: this.#bytesWritten, rot, unproven: this.#unproven };
  }

  async #lock(): Promise<void> {
    const { contents, hooks, io, locks, plan } = this.#input;
    const operations = plan.operations.filter((operation): operation is LockOperation => operation.op === 'lock');
    if (operations.length === 0) return;
    const within = (operation: LockOperation, work: () => Promise<void>) => this.#within(operation, work);
    const release = hooks.releaseLocks && ((left: readonly LockOperation[]) => this.#release(left));
    await carryOutLocks({ operations, contents, hooks, io, locks, within, release });
  }

  async #release(left: readonly LockOperation[]): Promise<void> {
    const { hooks, io } = this.#input;
    io.signal.throwIfAborted();
    this.#enter('badge');
    await hooks.releaseLocks?.(left);
  }

  async #perform(operation: After, clear: ClearFlags): Promise<void> {
    switch (operation.op) {
      case 'erase':
        return this.#erase(operation);
      case 'program':
        return this.#program(operation, clear);
      case 'verify':
        return this.#verify(operation);
      case 'validate':
        return this.#validate(operation);
      case 'verify-flag':
        return this.#verifyFlag(operation);
      case 'verify-kept':
        return this.#verifyKept(operation);
      default:
        return assertNever(operation, 'operation');
    }
  }

  /** A page that is torn in the middle of its erase holds anything: the flag is no flag any more before that begins. */
  async #invalidate(operation: Extract<Operation, { op: 'invalidate' }>): Promise<void> {
    const { device, hooks, io } = this.#input;
    const memory = this.#memory(operation);
    await hooks.beforeChange(operation);
    if (memory.zeroable) await this.#guard.overwrite(memory, operation.flag, io);
    if (operation.zerosOnly) {
      await this.#guard.requireOverwritten(operation.flag, io);
      return;
    }
    await device.erase(memory, operation.address, operation.size, io, this.#progressOf(operation));
    await this.#guard.requireBlank(memory, operation.address, operation.size, io);
  }

  async #massErase(operation: Extract<Operation, { op: 'mass-erase' }>): Promise<void> {
    const { chip, device, hooks, io } = this.#input;
    const memories = operation.memories.map((name) => memoryNamed(chip, name));
    if (!chip.massErase || !device.eraseAll) throw new PlanFault(`${device.name} has no mass erase`);
    await this.#guard.confirmNoneValid(io);
    await hooks.beforeChange(operation);
    await device.eraseAll(memories, chip.massErase.ms, io, this.#progressOf(operation));
  }

  async #erase(operation: Extract<Operation, { op: 'erase' }>): Promise<void> {
    const { device, hooks, io } = this.#input;
    await hooks.beforeChange(operation);
    await device.erase(this.#memory(operation), operation.address, operation.size, io, this.#progressOf(operation));
  }

  async #program(operation: Extract<Operation, { op: 'program' }>, clear: ClearFlags): Promise<void> {
    const { device, hooks, io } = this.#input;
    const memory = this.#memory(operation);
    await hooks.beforeChange(operation);
    const progress = this.#progressOf(operation);
    for (const { address, size, before } of parts(operation, this.#programPart)) {
      const bytes = this.#scratch.subarray(0, size);
      clear.contents.copyTo(bytes, address);
      await device.program(memory, address, bytes, io, (done) => progress(before + done));
      this.#bytesWritten += memory.overwrite ? size : written(programRuns(memory, address, bytes));
    }
  }

  async #verify(operation: Verify): Promise<void> {
    const { digest } = this.#input.device;
    const reading = this.#readBacks.begin(operation);
    const progress = this.#progressOf(operation);
    for (const { address, size, before } of parts(operation, digest ? PROGRAM_PART : READ_PART)) {
      const expected = this.#scratch.subarray(0, size);
      this.#guard.expected.copyTo(expected, address);
      const told = (done: number) => progress(before + done);
      const first = await this.#found(operation.role, address, expected, told);
      const found = equalBytes(first, expected) ? first : await this.#repaired(operation, address, expected, first);
      progress(before + size);
      reading.take(address, expected, found, this.#guard.inTheEnd(address, expected));
    }
    this.#kept.requireNoRot(operation);
    reading.end();
  }

  /** What the unit holds; told by a digest of its own where it has one. */
  async #found(
    role: Role,
    address: number,
    expected: Uint8Array,
    progress: (done: number) => void,
  ): Promise<Uint8Array> {
    const { device, io, trustKept } = this.#input;
    if (trustKept) return this.#foundInChanged(address, expected);
    const { digest } = device;
    const size = expected.length;
    const proven = digest && (await digest.of(address, size, io)) === digestOf(digest.algorithm, expected);
    // Where the digest is another, or there is none, the bytes tell what differs.
    if (!proven) return device.read(address, size, io, progress);
    this.#provenBy[role] = digest.algorithm;
    return expected;
  }

  async #foundInChanged(address: number, expected: Uint8Array): Promise<Uint8Array> {
    const found = expected.slice();
    for (const part of this.#kept.split(address, expected.length)) {
      if (part.kept) this.#unproven += part.size;
      else found.set(await this.#input.device.read(part.address, part.size, this.#input.io), part.address - address);
    }
    return found;
  }

  /**
   * Pages that were kept and do not hold what they should, written after all, and read again. While flags of the role stand
   * that cannot be: then they are remembered, and the plan is made anew.
   */
  async #repaired(verify: Verify, address: number, expected: Uint8Array, found: Uint8Array): Promise<Uint8Array> {
    const rotten = this.#kept.rotten(address, expected, found);
    const when = this.#kept.canWrite(verify.role);
    if (rotten.length === 0 || when === 'never') return found;
    if (when === 'later') {
      this.#kept.remember(rotten);
      return expected;
    }
    const { device, io } = this.#input;
    for (const page of rotten) await this.#rewrite(verify.role, page);
    this.#kept.wrote(rotten);
    return device.read(address, expected.length, io);
  }

  async #rewrite(role: Role, { memory, address, size }: PageRange): Promise<void> {
    const { device, hooks, io } = this.#input;
    const range = { memory: memory.name, address, size };
    if (!memory.overwrite) {
      await hooks.beforeChange({ op: 'erase', ...range });
      await device.erase(memory, address, size, io);
    }
    await hooks.beforeChange({ op: 'program', role, ...range });
    const bytes = this.#guard.expected.bytes(address, size);
    await device.program(memory, address, bytes, io);
    this.#bytesWritten += memory.overwrite ? size : written(programRuns(memory, address, bytes));
    // All of it, for what was read of the page before counts no more.
    const difference = mismatch(address, bytes, await device.read(address, size, io));
    if (difference) throw difference;
  }

  async #validate(operation: Extract<Operation, { op: 'validate' }>): Promise<void> {
    const { hooks, io } = this.#input;
    const proof = this.#readBacks.prove(operation.role);
    await hooks.beforeChange(operation);
    const bytes = await this.#guard.set(operation, proof, io);
    this.#bytesWritten += bytes.length;
  }

  async #verifyFlag(operation: Extract<Operation, { op: 'verify-flag' }>): Promise<void> {
    const { device, io } = this.#input;
    const found = await device.read(operation.address, operation.size, io, this.#progressOf(operation));
    const difference = mismatch(operation.address, this.#guard.flagBytes(operation), found);
    if (difference) throw difference;
    if (sha256Hex(found) !== operation.sha256) throw new PlanFault('the plan and the release disagree about a flag');
    this.#readBacks.confirmFlag(operation.role, operation.address);
  }

  #verifyKept(operation: Extract<Operation, { op: 'verify-kept' }>): Promise<void> {
    const { device, hooks, io, kept = [] } = this.#input;
    return verifyKept(operation, kept, { device, io, tell: (now) => hooks.keptObserved?.(now) });
  }

  /** Runs one operation inside its step; every operation is a place where an abort takes effect. */
  async #within(operation: Operation, work: () => Promise<void>): Promise<void> {
    const { hooks, io } = this.#input;
    const step = STEP_OF[operation.op];
    io.signal.throwIfAborted();
    this.#enter(step);
    try {
      await work();
    } catch (error) {
      // The plan that follows begins with another step.
      if (error instanceof RotFound) hooks.stepFinished(step);
      throw error;
    }
    this.#done.set(step, (this.#done.get(step) ?? 0) + amountOf(operation));
    this.#tell(step, this.#done.get(step) ?? 0);
  }

  #enter(step: Step): void {
    const { hooks } = this.#input;
    if (step === this.#step) return;
    if (this.#step !== undefined) hooks.stepFinished(this.#step);
    this.#step = step;
    hooks.stepStarted(step);
  }

  #progressOf(operation: MemoryOperation): (bytesDone: number) => void {
    const step = STEP_OF[operation.op];
    const before = this.#done.get(step) ?? 0;
    return (bytesDone) => this.#tell(step, before + bytesDone);
  }

  /** Each figure once: devices may report their last byte as well as their end. */
  #tell(step: Step, done: number): void {
    if (this.#told.get(step) === done) return;
    this.#told.set(step, done);
    this.#input.hooks.progress(step, done, this.#total(step));
  }

  #total(step: Step): number {
    return this.#input.plan.operations
      .filter((operation) => STEP_OF[operation.op] === step)
      .reduce((sum, operation) => sum + amountOf(operation), 0);
  }

  #memory(operation: MemoryOperation): ReturnType<typeof memoryNamed> {
    return memoryNamed(this.#input.chip, operation.memory);
  }
}

/** What progress counts: bytes, and steps of no return. */
function amountOf(operation: Operation): number {
  return operation.op === 'lock' ? 1 : operation.size;
}

function written(runs: readonly { readonly bytes: Uint8Array }[]): number {
  return runs.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Parts end where addresses are multiples of `most`: so no block that one command erases is split between two. */
function* parts(
  { address, size }: MemoryOperation,
  most: number,
): Generator<{ address: number; size: number; before: number }> {
  for (let before = 0; before < size;) {
    const at = address + before;
    const part = Math.min(most - (at % most), size - before);
    yield { address: at, size: part, before };
    before += part;
  }
}
