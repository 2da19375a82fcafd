import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { type ProgramRun, programRuns } from '../plan/contents.ts';
import { type EraseUnit, eraseUnits } from '../plan/erase-cost.ts';
import { blankDigest } from '../plan/page-digest.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { Target } from '../target/target.ts';
import type { FlashDevice } from './flash-device.ts';
import { CALL_MS, LoaderCore } from './loader-core.ts';
import { streamRun, wholeWords } from './loader-stream.ts';
import type { FlashAlgorithm } from './ram-loader-algorithm.ts';
import { CHUNK, type Command, PAGE_RESULT } from './ram-loader-mailbox.ts';

/** Data sheets give typical times; deadlines allow this many of them. */
const PATIENCE = 10;
/** Pages are erased in calls of about this long, so that progress is seen and a dead server is noticed soon. */
const ERASE_CALL_MS = 350;
/** An emulator erases in no time: calls grow that much, and then wait for twice the typical time only. */
const ERASE_GROWTH = 8;
const QUICK_PATIENCE = 2;
/** The slowest cores that we know (1 MHz) check 1 KiB in 1.4 ms; emulators on a busy machine need longer. */
const SURVEY_MS_PER_BYTE = 0.004;
/** Checking is the core's work alone, and steady: it needs less patience than flash does. */
const SURVEY_PATIENCE = 3;
const SURVEY_CALL_BYTES = 32 * 1024;
/** Where a call is a few round trips: what it costs to hear of the progress. */
const LIVE_SURVEY_CALL_BYTES = 1024 * 1024;
/** Erased bytes that are sent along rather than spending another call; the loader leaves erased words alone. */
const JOINED_GAP = 1024;
const LIVE_JOINED_GAP = 4096;

/**
 * Writes flash by code of ours in the chip's RAM: resources/flash-algorithms. Where memory can be reached while the core
 * runs, data streams through a ring in RAM (loader-stream.ts); elsewhere each call is one block of data and a run to a
 * breakpoint. `read` goes through the debug port and past that code.
 */
export function createRamLoader(target: Target, algorithm: FlashAlgorithm): FlashDevice {
  const loader = new LoaderCore(target, algorithm);
  if (!loader.live) return new RamLoader(target, algorithm, loader);
  const device = new LiveLoader(target, algorithm, loader);
  return algorithm.erasesAll ? new MassErasingLoader(target, algorithm, loader) : device;
}

class RamLoader implements FlashDevice {
  readonly name: string;
  readonly surveysBy = 'digest';
  protected readonly target: Target;
  protected readonly loader: LoaderCore;
  protected surveyCallBytes = SURVEY_CALL_BYTES;

  constructor(target: Target, algorithm: FlashAlgorithm, loader: LoaderCore) {
    this.name = `ram-loader:${algorithm.controller}`;
    this.target = target;
    this.loader = loader;
  }

  async survey(
    memory: FlashMemory,
    address: number,
    size: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<PageState[]> {
    const { data } = this.loader;
    const room = Math.floor(data.size / PAGE_RESULT);
    const pages = Math.max(1, Math.min(room, Math.floor(this.surveyCallBytes / memory.page)));
    const states: PageState[] = [];
    const blank = blankDigest(memory);
    for (const part of parts(address, size, pages * memory.page)) {
      const timeoutMs = CALL_MS + part.size * SURVEY_MS_PER_BYTE * SURVEY_PATIENCE;
      const request = { command: 'survey', address: part.address, length: part.size, page: memory.page } as const;
      await this.loader.call(request, timeoutMs, io);
      const count = part.size / memory.page;
      const bytes = await this.target.memory.read(data.start, count * PAGE_RESULT, io);
      for (let i = 0; i < count; i++) {
        const digest = readU32(bytes, i * PAGE_RESULT);
        states.push({ address: part.address + i * memory.page, digest, blank: digest === blank });
      }
      progress?.(part.address + part.size - address);
    }
    return states;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    let done = 0;
    for (const group of groupsOf(eraseUnits(memory, address, size))) {
      const before = done;
      await this.eraseGroup(group, io, progress && ((bytes) => progress(before + bytes)));
      done += group.count * group.unit.size;
    }
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    for (const run of runsOf(memory, address, bytes, JOINED_GAP)) {
      const whole = wholeWords(memory, run);
      const ring = this.loader.data.size - (this.loader.data.size % CHUNK);
      for (const part of parts(whole.address, whole.bytes.length, ring - CHUNK)) {
        const data = whole.bytes.subarray(part.address - whole.address, part.address - whole.address + part.size);
        const timeoutMs = CALL_MS + ((part.size / memory.word) * memory.wordUs * PATIENCE) / 1000;
        const request = { command: 'program', address: part.address, length: part.size, page: memory.page } as const;
        await this.loader.call({ ...request, ring, written: part.size }, timeoutMs, io, {
          offset: part.address % CHUNK,
          bytes: data,
        });
        progress?.(part.address + part.size - address);
      }
    }
    progress?.(bytes.length);
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.target.memory.read(address, length, io, progress);
  }

  finish(io: IoContext): Promise<void> {
    return this.loader.release(io);
  }

  protected async eraseGroup({ unit, count }: UnitGroup, io: IoContext, progress?: Progress): Promise<void> {
    const most = Math.max(1, Math.floor(ERASE_CALL_MS / unit.ms));
    let units = most;
    let patience = PATIENCE;
    for (let done = 0; done < count;) {
      const some = Math.min(count - done, units);
      const typicalMs = some * unit.ms;
      const begun = io.clock.monotonic();
      const request = { command: 'erase', address: unit.address + done * unit.size, length: some * unit.size } as const;
      await this.loader.call({ ...request, page: unit.size }, CALL_MS + typicalMs * patience, io);
      const quick = (io.clock.monotonic() - begun) * ERASE_GROWTH < typicalMs;
      units = quick ? most * ERASE_GROWTH : most;
      patience = quick ? QUICK_PATIENCE : PATIENCE;
      done += some;
      progress?.(done * unit.size);
    }
  }
}

/** With a debug port that reaches RAM while the core runs. */
class LiveLoader extends RamLoader {
  protected override surveyCallBytes = LIVE_SURVEY_CALL_BYTES;

  override async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    for (const run of runsOf(memory, address, bytes, LIVE_JOINED_GAP)) {
      const whole = wholeWords(memory, run);
      const offset = whole.address - address;
      await streamRun(
        this.loader,
        this.target.memory,
        memory,
        whole,
        io,
        progress && ((done) => progress(offset + done)),
      );
    }
    progress?.(bytes.length);
  }

  /** Flash that is read straight away must be readable: only the loader knows how to make it so. */
  override async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.loader.makeReadable(io);
    return this.target.memory.read(address, length, io, progress);
  }

  async sample(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    await this.loader.makeReadable(io);
    const { memory } = this.target;
    if (memory.readEach) return memory.readEach(addresses, length, io);
    const out = new Uint8Array(addresses.length * length);
    for (const [index, address] of addresses.entries()) out.set(await memory.read(address, length, io), index * length);
    return out;
  }

  protected override async eraseGroup({ unit, count }: UnitGroup, io: IoContext, progress?: Progress): Promise<void> {
    const request = { command: 'erase', address: unit.address, length: count * unit.size, page: unit.size } as const;
    await this.loader.launch(request, io);
    await this.watch('erase', count, unit.ms, io, progress && ((done) => progress(done * unit.size)));
  }

  /** Until a command of `count` steps of typically `ms` has ended: asleep for most of it, then asked by the probe itself. */
  protected async watch(
    command: Command,
    count: number,
    ms: number,
    io: IoContext,
    progress?: (steps: number) => void,
  ): Promise<void> {
    const begun = io.clock.monotonic();
    const longest = CALL_MS + ms * PATIENCE;
    let taken = 0;
    let movedAt = begun;
    for (;;) {
      const now = io.clock.monotonic();
      const leftMs = begun + count * ms - now;
      if (now - movedAt > longest) throw await this.loader.stalled(longest, io);
      if (leftMs < ms * 0.05 && taken >= count - 1) break;
      await io.clock.sleep(Math.min(ERASE_CALL_MS, Math.max(leftMs * 0.97, ms * 0.02)), io.signal);
      const seen = await this.loader.look(command, io);
      if (seen.ended) break;
      if (seen.taken === taken) continue;
      taken = seen.taken;
      movedAt = io.clock.monotonic();
      progress?.(taken);
    }
    await this.loader.join(command, longest, io);
    progress?.(count);
  }
}

class MassErasingLoader extends LiveLoader {
  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    const bytes = memories.reduce((sum, { size }) => sum + size, 0);
    const address = Math.min(...memories.map(({ start }) => start));
    await this.loader.launch({ command: 'eraseAll', address, length: bytes, page: 0 }, io);
    await this.watch('eraseAll', 1, ms, io, progress && ((done) => progress(done * bytes)));
  }
}

/** Neighbouring units of one size: one call erases them all. */
interface UnitGroup {
  readonly unit: EraseUnit;
  readonly count: number;
}

function groupsOf(units: readonly EraseUnit[]): UnitGroup[] {
  const groups: UnitGroup[] = [];
  for (const unit of units) {
    const last = groups.at(-1);
    if (last?.unit.size === unit.size) groups[groups.length - 1] = { unit: last.unit, count: last.count + 1 };
    else groups.push({ unit, count: 1 });
  }
  return groups;
}

/** What to send: looked at word by word only where there is a gap worth leaving out, which native code finds. */
function runsOf(memory: FlashMemory, address: number, bytes: Uint8Array, joinedGap: number): ProgramRun[] {
  const gap = Buffer.alloc(joinedGap, memory.erased);
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(gap)) return [{ address, bytes }];
  return programRuns(memory, address, bytes, joinedGap);
}

function* parts(address: number, size: number, most: number): Generator<{ address: number; size: number }> {
  for (let at = 0; at < size; at += most) yield { address: address + at, size: Math.min(most, size - at) };
}
