import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { MemoryAccess, Progress } from '../probe/memory-access.ts';
import type { ProgramRun } from '../plan/contents.ts';
import { CALL_MS, type LoaderCore } from './loader-core.ts';
import { CHUNK, HEADER_SIZE, ringOffset, WRITTEN } from './ram-loader-mailbox.ts';

/** A larger ring holds no more than the link's hiccups need. */
const LARGEST_RING = 0x10000;
/** The loader begins with little, and is then kept busy by pieces that are worth their round trips. */
const FIRST_PIECE = 1024;
/** Data sheets give typical times; deadlines allow this many of them. */
const PATIENCE = 10;
const LONGEST_NAP_MS = 250;

/**
 * Programs one run of words: the loader is started once, and what it programs is put into its ring ahead of it, as far
 * as there is room. Nothing waits for a page: neither the link for the flash, nor the flash for the link, while the
 * other has work left.
 */
export async function streamRun(
  loader: LoaderCore,
  ram: MemoryAccess,
  memory: FlashMemory,
  run: ProgramRun,
  io: IoContext,
  progress?: Progress,
): Promise<void> {
  await new Stream(loader, ram, memory, run, progress).carry(io);
}

class Stream {
  readonly #loader: LoaderCore;
  readonly #ram: MemoryAccess;
  readonly #run: ProgramRun;
  readonly #progress: Progress | undefined;
  readonly #ring: number;
  readonly #msPerByte: number;
  #sent = 0;
  #taken = 0;
  #movedAt = 0;

  constructor(
    loader: LoaderCore,
    ram: MemoryAccess,
    memory: FlashMemory,
    run: ProgramRun,
    progress: Progress | undefined,
  ) {
    this.#loader = loader;
    this.#ram = ram;
    this.#run = run;
    this.#progress = progress;
    const room = Math.min(LARGEST_RING, loader.data.size);
    this.#ring = room - (room % CHUNK);
    this.#msPerByte = memory.wordUs / memory.word / 1000;
  }

  async carry(io: IoContext): Promise<void> {
    const { address, bytes } = this.#run;
    await this.#loader.launch({ command: 'program', address, length: bytes.length, page: 0, ring: this.#ring }, io);
    this.#movedAt = io.clock.monotonic();
    let piece = FIRST_PIECE;
    while (this.#sent < bytes.length) {
      const size = this.#pieceOf(piece);
      const free = this.#ring - (this.#sent - this.#taken);
      if (free < size) {
        await this.#nap(size - free, io);
      } else {
        await this.#send(size, io);
        piece = Math.min(piece * 2, this.#ring / 4);
      }
      await this.#look(io);
    }
    await this.#finish(io);
  }

  /** Up to a chunk's end, and not past the ring's. */
  #pieceOf(most: number): number {
    const { address, bytes } = this.#run;
    const at = ringOffset(address, this.#sent, this.#ring);
    const left = bytes.length - this.#sent;
    const whole = Math.max(CHUNK, most - (most % CHUNK)) - (at % CHUNK);
    return Math.min(left, whole, this.#ring - at);
  }

  /** The data first, then the word that says that it is there. */
  async #send(size: number, io: IoContext): Promise<void> {
    const { address, bytes } = this.#run;
    const { start } = this.#loader.data;
    const part = bytes.subarray(this.#sent, this.#sent + size);
    await this.#ram.write(start + ringOffset(address, this.#sent, this.#ring), part, io);
    this.#sent += size;
    await this.#ram.writeWord(start - HEADER_SIZE + WRITTEN, this.#sent, io);
  }

  async #look(io: IoContext): Promise<void> {
    const { taken } = await this.#loader.look('program', io);
    const now = io.clock.monotonic();
    if (taken !== this.#taken) {
      this.#taken = taken;
      this.#movedAt = now;
      this.#progress?.(taken);
      return;
    }
    const longest = CALL_MS + CHUNK * this.#msPerByte * PATIENCE;
    if (this.#sent > taken && now - this.#movedAt > longest) throw await this.#loader.stalled(longest, io);
  }

  /** The flash's own time for `bytes`, shortened: looking again costs less than the flash standing still. */
  async #nap(bytes: number, io: IoContext): Promise<void> {
    await io.clock.sleep(Math.min(LONGEST_NAP_MS, bytes * this.#msPerByte), io.signal);
  }

  async #finish(io: IoContext): Promise<void> {
    const { length } = this.#run.bytes;
    while (length - this.#taken > CHUNK) {
      const before = this.#taken;
      await this.#nap((length - this.#taken) * 0.9, io);
      await this.#look(io);
      if (before === this.#taken) break;
    }
    await this.#loader.join('program', CALL_MS + (length - this.#taken) * this.#msPerByte * PATIENCE, io);
    this.#progress?.(length);
  }
}

/** The run with its ends on 4-byte borders, filled up with erased bytes: a loader moves words, whatever the flash's are. */
export function wholeWords(memory: FlashMemory, { address, bytes }: ProgramRun): ProgramRun {
  const before = address % 4;
  const after = (4 - ((address + bytes.length) % 4)) % 4;
  if (before + after === 0) return { address, bytes };
  const fill = (length: number) => new Uint8Array(length).fill(memory.erased);
  return { address: address - before, bytes: concat([fill(before), bytes, fill(after)]) };
}
