import { firstDifference, hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type ProgramRun, programRuns } from '../plan/contents.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { Target } from '../target/target.ts';
import type { FlashDevice } from './flash-device.ts';
import type { FlashAlgorithm } from './ram-loader-algorithm.ts';
import {
  ANSWER_SIZE,
  type Command,
  HEADER_SIZE,
  mailboxBytes,
  readAnswer,
  SURVEY_RESULT,
  SURVEY_SCRATCH,
} from './ram-loader-mailbox.ts';

/** What a call may take beyond the flash's own time: starting, stopping, and the loader's own patience. */
const CALL_MS = 1000;
/** Data sheets give typical times; deadlines allow this many of them. */
const PATIENCE = 10;
/** Pages are erased in calls of about this long, so that progress is seen and a dead server is noticed soon. */
const ERASE_CALL_MS = 350;
/** An emulator erases in no time: calls grow that much, and then wait for twice the typical time only. */
const ERASE_GROWTH = 8;
const QUICK_PATIENCE = 2;
/** The slowest core that we know (16 MHz) checks 1 KiB in about 1.5 ms. */
const SURVEY_MS_PER_BYTE = 0.015;
/** Checking is the core's work alone, and steady: it needs less patience than flash does. */
const SURVEY_PATIENCE = 3;
const SURVEY_CALL_BYTES = 32 * 1024;
/** Erased bytes that are sent along rather than spending another call; the loader leaves erased words alone. */
const JOINED_GAP = 1024;
const XPSR_THUMB = 0x0100_0000;

/**
 * Writes flash by code of ours in the chip's RAM: resources/flash-algorithms. Each call is one block of data and a
 * run to a breakpoint; `read` goes through the debug port and past that code. The loader is put in place at the first
 * use and again after `finish`.
 */
export function createRamLoader(target: Target, algorithm: FlashAlgorithm): FlashDevice {
  return new RamLoader(target, algorithm);
}

class RamLoader implements FlashDevice {
  readonly name: string;
  readonly #target: Target;
  readonly #algorithm: FlashAlgorithm;
  /** Bytes of data that a call can carry. */
  readonly #capacity: number;
  #loaded = false;

  constructor(target: Target, algorithm: FlashAlgorithm) {
    this.name = `ram-loader:${algorithm.name}`;
    this.#target = target;
    this.#algorithm = algorithm;
    const { load, mailbox, controller } = algorithm;
    const ram = target.chip.memories.find(
      (memory) => memory.kind === 'ram' && load >= memory.start && mailbox + 4096 <= memory.start + memory.size,
    );
    if (!ram || controller !== target.chip.controller.kind) {
      const detail = `the flash algorithm ${algorithm.name} does not suit it`;
      throw new FlashlineError('chip-invalid', { params: { file: target.chip.id, detail } });
    }
    this.#capacity = ram.start + ram.size - mailbox - HEADER_SIZE;
  }

  async survey(
    memory: FlashMemory,
    address: number,
    size: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<PageState[]> {
    const room = Math.floor((this.#capacity - SURVEY_SCRATCH) / SURVEY_RESULT);
    const pages = Math.max(1, Math.min(room, Math.floor(SURVEY_CALL_BYTES / memory.page)));
    const states: PageState[] = [];
    for (const part of parts(address, size, pages * memory.page)) {
      const timeoutMs = CALL_MS + part.size * SURVEY_MS_PER_BYTE * SURVEY_PATIENCE;
      await this.#call('survey', memory, part.address, part.size, undefined, timeoutMs, io);
      const count = part.size / memory.page;
      const results = this.#algorithm.mailbox + HEADER_SIZE + SURVEY_SCRATCH;
      const bytes = await this.#target.memory.read(results, count * SURVEY_RESULT, io);
      for (let i = 0; i < count; i++) {
        const at = i * SURVEY_RESULT;
        const blank = readU32(bytes, at + 4) === 1;
        states.push({ address: part.address + i * memory.page, crc32: readU32(bytes, at), blank });
      }
      progress?.(part.address + part.size - address);
    }
    return states;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    const most = Math.max(1, Math.floor(ERASE_CALL_MS / memory.eraseMs));
    let pages = most;
    let patience = PATIENCE;
    for (let done = 0; done < size;) {
      const length = Math.min(size - done, pages * memory.page);
      const typicalMs = (length / memory.page) * memory.eraseMs;
      const begun = io.clock.monotonic();
      await this.#call('erase', memory, address + done, length, undefined, CALL_MS + typicalMs * patience, io);
      const quick = (io.clock.monotonic() - begun) * ERASE_GROWTH < typicalMs;
      pages = quick ? most * ERASE_GROWTH : most;
      patience = quick ? QUICK_PATIENCE : PATIENCE;
      done += length;
      progress?.(done);
    }
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const most = this.#capacity - (this.#capacity % memory.word);
    for (const run of runsOf(memory, address, bytes)) {
      for (const part of parts(run.address, run.bytes.length, most)) {
        const data = run.bytes.subarray(part.address - run.address, part.address - run.address + part.size);
        const timeoutMs = CALL_MS + ((part.size / memory.word) * memory.wordUs * PATIENCE) / 1000;
        await this.#call('program', memory, part.address, part.size, data, timeoutMs, io);
        progress?.(part.address + part.size - address);
      }
    }
    progress?.(bytes.length);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.#target.memory.read(address, length, io, progress);
  }

  async finish(io: IoContext): Promise<void> {
    if (!this.#loaded) return;
    await this.#target.core.halt(io);
    await this.#run('readOnly', { address: 0, length: 0, page: 0 }, undefined, CALL_MS, io);
    await this.#target.core.clearBreakpoint(this.#algorithm.done, io);
    this.#loaded = false;
  }

  async #call(
    command: Command,
    memory: FlashMemory,
    address: number,
    length: number,
    data: Uint8Array | undefined,
    timeoutMs: number,
    io: IoContext,
  ): Promise<void> {
    await this.#load(io);
    await this.#run(command, { address, length, page: memory.page }, data, timeoutMs, io);
  }

  /** Halts the core, puts the code in place, reads it back, and sets the breakpoint where a call ends. */
  async #load(io: IoContext): Promise<void> {
    if (this.#loaded) return;
    const { memory, core } = this.#target;
    const { code, load, done } = this.#algorithm;
    await core.halt(io);
    const kept = await this.#smallMemories(io);
    const taken = await core.takeOver?.(load, io);
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
      const found = await this.read(memory.start, memory.size, io);
      if (firstDifference(found, bytes) >= 0) await this.program(memory, memory.start, bytes, io);
    }
  }

  async #run(
    command: Command,
    range: { readonly address: number; readonly length: number; readonly page: number },
    data: Uint8Array | undefined,
    timeoutMs: number,
    io: IoContext,
  ): Promise<void> {
    const { core, memory, chip } = this.#target;
    const { mailbox, entry } = this.#algorithm;
    const request = { command, ...range, controller: chip.controller.base };
    const bytes = mailboxBytes(request, data ?? new Uint8Array(0));
    if (core.call) {
      await core.call({ address: mailbox, bytes, entry }, timeoutMs, io);
    } else {
      await memory.write(mailbox, bytes, io);
      await core.writeRegisters({ pc: entry, xpsr: XPSR_THUMB }, io);
      await core.resume(io);
      await core.waitForHalt(timeoutMs, io);
    }
    const { status, fault } = readAnswer(await memory.read(mailbox, ANSWER_SIZE, io));
    if (status !== 'ok') throw await this.#failure(status, fault, command, timeoutMs, io);
  }

  async #failure(
    status: 'timeout' | 'refused' | 'pending' | 'nonsense',
    fault: number,
    command: Command,
    timeoutMs: number,
    io: IoContext,
  ): Promise<FlashlineError> {
    const where = { address: fault };
    const address = hexAddress(fault);
    if (status === 'timeout')
      return new FlashlineError('flash-timeout', { where, params: { address, seconds: String(timeoutMs / 1000) } });
    if (status === 'refused') return new FlashlineError('flash-refused', { where, params: { address } });
    // It halted, but not where a call ends: the core took a fault, or RAM does not hold what was put there.
    const { pc = 0 } = await this.#target.core.readRegisters(['pc'], io);
    const cause = `the loader's ${command} stopped with status ${status}`;
    return new FlashlineError('target-fault', { where: { address: pc }, params: { address: hexAddress(pc) }, cause });
  }
}

/** What to send: looked at word by word only where there is a gap worth leaving out, which native code finds. */
function runsOf(memory: FlashMemory, address: number, bytes: Uint8Array): ProgramRun[] {
  const gap = Buffer.alloc(JOINED_GAP, memory.erased);
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(gap)) return [{ address, bytes }];
  return programRuns(memory, address, bytes, JOINED_GAP);
}

function* parts(address: number, size: number, most: number): Generator<{ address: number; size: number }> {
  for (let at = 0; at < size; at += most) yield { address: address + at, size: Math.min(most, size - at) };
}

function byteAt(bytes: Uint8Array, index: number): string {
  const value = bytes[index];
  return value === undefined ? 'nothing' : `0x${value.toString(16).padStart(2, '0')}`;
}
