import { firstDifference, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Target } from '../target/target.ts';
import type { FlashAlgorithm } from './ram-loader-algorithm.ts';
import {
  type Answer,
  ANSWER_SIZE,
  type Command,
  HEADER_SIZE,
  type LoaderRequest,
  mailboxBytes,
  readAnswer,
} from './ram-loader-mailbox.ts';

/** What a call may take beyond the flash's own time: starting, stopping, and the loader's own patience. */
export const CALL_MS = 1000;
const XPSR_THUMB = 0x0100_0000;
/** Results and data of a small chip fit into this. */
const LEAST_DATA = 4096;

/** Where the loader's data begins, and how much of it there is room for. */
export interface LoaderData {
  readonly start: number;
  readonly size: number;
}

/**
 * The loader in the chip's RAM, and the core that runs it: put in place at the first use and again after `release`.
 * Where memory can be reached while the core runs, the core is reset first, so that nothing of the old firmware (its
 * clocks, its write protections) is left, and a call may be watched.
 */
export class LoaderCore {
  readonly data: LoaderData;
  /** Calls can be watched, and given data, while they run. */
  readonly live: boolean;
  readonly #target: Target;
  readonly #algorithm: FlashAlgorithm;
  #loaded = false;
  /** A command has ended well since the loader was put in place, and none has begun since: each leaves flash closed and readable. */
  #readable = false;

  constructor(target: Target, algorithm: FlashAlgorithm) {
    this.#target = target;
    this.#algorithm = algorithm;
    this.live = target.can.accessWhileRunning && target.core.launch !== undefined;
    const { load, mailbox, controller } = algorithm;
    const start = mailbox + HEADER_SIZE;
    const ram = target.chip.memories.find(
      (memory) => memory.kind === 'ram' && load >= memory.start && start + LEAST_DATA <= memory.start + memory.size,
    );
    if (!ram || controller !== target.chip.controller.kind) {
      const detail = `the flash algorithm for ${controller} does not suit it`;
      throw new FlashlineError('chip-invalid', { params: { file: target.chip.id, detail } });
    }
    this.data = { start, size: ram.start + ram.size - start };
  }

  /** Puts the loader in place; flash is readable then, whatever state the firmware had left it in. */
  async makeReadable(io: IoContext): Promise<void> {
    await this.#load(io);
    if (!this.#readable) await this.#readOnly(io);
  }

  async #load(io: IoContext): Promise<void> {
    if (this.#loaded) return;
    const { memory, core } = this.#target;
    const { code, load, done } = this.#algorithm;
    if (this.live) await core.reset('halt', io);
    else await core.halt(io);
    const kept = this.live ? new Map<FlashMemory, Uint8Array>() : await this.#smallMemories(io);
    // A reset has left nothing to take over: privileged, on the main stack, no memory protection (ARMv7-M B1.5.5).
    const taken = this.live ? undefined : await core.takeOver?.(load, io);
    await memory.write(load, code, io);
    const found = await memory.read(load, code.length, io);
    const wrong = firstDifference(found, code);
    if (wrong >= 0) {
      const params = { address: hexAddress(load + wrong), expected: byteAt(code, wrong), found: byteAt(found, wrong) };
      throw new FlashlineError('verify-mismatch', { where: { address: load + wrong }, params });
    }
    await core.setBreakpoint(done, io);
    this.#loaded = true;
    if (taken === 'reset') await this.#restore(kept, io);
  }

  /** Leaves the flash readable and closed, and the core without our breakpoint. */
  async release(io: IoContext): Promise<void> {
    if (!this.#loaded) return;
    if (!this.#readable) {
      await this.#target.core.halt(io);
      await this.#readOnly(io);
    }
    await this.#target.core.clearBreakpoint(this.#algorithm.done, io);
    this.#loaded = false;
    this.#readable = false;
  }

  /** One command from start to end; `data` is the first of the loader's data. */
  async call(
    request: Omit<LoaderRequest, 'controller'>,
    timeoutMs: number,
    io: IoContext,
    data?: { readonly offset: number; readonly bytes: Uint8Array },
  ): Promise<void> {
    await this.#load(io);
    await this.#call(request, timeoutMs, io, data);
  }

  /** Starts a command and leaves it running; `live` only. */
  async launch(request: Omit<LoaderRequest, 'controller'>, io: IoContext): Promise<void> {
    await this.#load(io);
    const { core, memory, chip } = this.#target;
    this.#readable = false;
    await memory.write(this.#algorithm.mailbox, mailboxBytes({ ...request, controller: chip.controller.base }), io);
    await core.launch?.(this.#algorithm.entry, io);
  }

  /** How far a running command is; rejects when it has failed. `ended` when it is done, which is before the core halts. */
  async look(command: Command, io: IoContext): Promise<{ readonly taken: number; readonly ended: boolean }> {
    const { memory } = this.#target;
    const answer = readAnswer(await memory.read(this.#algorithm.mailbox, ANSWER_SIZE, io));
    if (answer.status !== 'ok' && answer.status !== 'pending') throw await this.#failure(answer, command, io);
    return { taken: answer.taken, ended: answer.status === 'ok' };
  }

  /** Resolves when a launched command has ended well. */
  async join(command: Command, timeoutMs: number, io: IoContext): Promise<void> {
    await this.#waitForHalt(timeoutMs, io);
    const answer = await this.#answer(io);
    if (answer.status !== 'ok') throw await this.#failure(answer, command, io);
    this.#readable = true;
  }

  /** The failure of a command that has not moved for `ms`. */
  async stalled(ms: number, io: IoContext): Promise<FlashlineError> {
    const { fault } = await this.#answer(io);
    return flashTimeout(fault, ms);
  }

  async #call(
    request: Omit<LoaderRequest, 'controller'>,
    timeoutMs: number,
    io: IoContext,
    data?: { readonly offset: number; readonly bytes: Uint8Array },
  ): Promise<void> {
    const { core, memory, chip } = this.#target;
    const { mailbox, entry } = this.#algorithm;
    const header = mailboxBytes({ ...request, controller: chip.controller.base });
    const bytes = new Uint8Array(HEADER_SIZE + (data ? data.offset + data.bytes.length : 0));
    bytes.set(header);
    if (data) bytes.set(data.bytes, HEADER_SIZE + data.offset);
    this.#readable = false;
    if (core.call) {
      await core.call({ address: mailbox, bytes, entry }, timeoutMs, io);
    } else {
      await memory.write(mailbox, bytes, io);
      await core.writeRegisters({ pc: entry, xpsr: XPSR_THUMB }, io);
      await core.resume(io);
      await core.waitForHalt(timeoutMs, io);
    }
    const answer = await this.#answer(io);
    if (answer.status !== 'ok') throw await this.#failure(answer, request.command, io);
    this.#readable = true;
  }

  async #readOnly(io: IoContext): Promise<void> {
    await this.#call({ command: 'readOnly', address: 0, length: 0, page: 0 }, CALL_MS, io);
  }

  async #answer(io: IoContext): Promise<Answer> {
    return readAnswer(await this.#target.memory.read(this.#algorithm.mailbox, ANSWER_SIZE, io));
  }

  /** A flash that takes too long is the unit's fault, told with its address; a core that is lost is told as it is. */
  async #waitForHalt(timeoutMs: number, io: IoContext): Promise<void> {
    try {
      await this.#target.core.waitForHalt(timeoutMs, io);
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'target-stuck') throw error;
      const { fault, status } = await this.#answer(io);
      throw status === 'pending' ? flashTimeout(fault, timeoutMs, error) : error;
    }
  }

  async #failure({ status, fault }: Answer, command: Command, io: IoContext): Promise<FlashlineError> {
    if (status === 'timeout') return flashTimeout(fault, CALL_MS);
    const address = hexAddress(fault);
    if (status === 'refused')
      return new FlashlineError('flash-refused', { where: { address: fault }, params: { address } });
    // It halted, but not where a call ends: the core took a fault, or RAM does not hold what was put there.
    const { pc = 0 } = await this.#target.core.readRegisters(['pc'], io);
    const cause = `the loader's ${command} stopped with status ${status}`;
    return new FlashlineError('target-fault', { where: { address: pc }, params: { address: hexAddress(pc) }, cause });
  }

  /** All flash but the code's: what an emulator's reset takes away with it. */
  async #smallMemories(io: IoContext): Promise<Map<FlashMemory, Uint8Array>> {
    const { chip, memory } = this.#target;
    const small = flashMemories(chip).filter(({ start, size }) => size <= 4096 && start !== chip.boot.vectors);
    const kept = new Map<FlashMemory, Uint8Array>();
    for (const one of small) kept.set(one, await memory.read(one.start, one.size, io));
    return kept;
  }

  /** Puts back what the reset wiped, so that a run changes nothing that its release does not name. */
  async #restore(kept: ReadonlyMap<FlashMemory, Uint8Array>, io: IoContext): Promise<void> {
    for (const [memory, bytes] of kept) {
      const found = await this.#target.memory.read(memory.start, memory.size, io);
      if (firstDifference(found, bytes) < 0) continue;
      const request = { command: 'program', address: memory.start, length: memory.size, page: memory.page } as const;
      await this.#call({ ...request, ring: this.data.size, written: memory.size }, CALL_MS, io, { offset: 0, bytes });
    }
  }
}

function flashTimeout(fault: number, ms: number, cause?: unknown): FlashlineError {
  const params = { address: hexAddress(fault), seconds: String(ms / 1000) };
  return new FlashlineError('flash-timeout', { where: { address: fault }, params, cause });
}

function byteAt(bytes: Uint8Array, index: number): string {
  const value = bytes[index];
  return value === undefined ? 'nothing' : `0x${value.toString(16).padStart(2, '0')}`;
}
