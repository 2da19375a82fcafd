import { equalBytes, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { type FlashRange, overlap, WRITE_PROTECTION } from '../../target/protection/write-protection.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { BootLoader } from './boot-loader.ts';
import { MOST_DATA, MOST_PAGES } from './frames.ts';

/** As many pages in one erase as take this long: then there is progress to show, and a cable that was pulled is noticed. */
const ERASE_STRETCH_MS = 2000;

/** A chip's flash through its boot loader: a byte costs the same time read or written. */
export class Stm32Flash implements FlashDevice {
  readonly name = 'stm32-uart';
  readonly #loader: BootLoader;
  readonly #chip: ChipDescription;
  readonly #protected: readonly FlashRange[];

  /** `writeProtected`: nobody is told of what is written there in vain. */
  constructor(loader: BootLoader, chip: ChipDescription, writeProtected: readonly FlashRange[] = []) {
    this.#loader = loader;
    this.#chip = chip;
    this.#protected = writeProtected;
  }

  /**
   * Reads each page up to the first piece that differs. Whether a page is blank is not asked: an erase is cheaper than the
   * time on the wire that it takes to know.
   */
  async holds(
    memory: FlashMemory,
    address: number,
    wanted: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<boolean[]> {
    const same: boolean[] = [];
    for (let at = 0; at < wanted.length; at += memory.page) {
      same.push(await this.#holdsPage(address + at, wanted.subarray(at, at + memory.page), io));
      progress?.(at + memory.page);
    }
    return same;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    this.#requireOpen({ address, size });
    const first = this.#pageNumber(memory, address);
    const count = size / memory.page;
    const stretch = Math.max(1, Math.min(MOST_PAGES, Math.floor(ERASE_STRETCH_MS / memory.eraseMs)));
    for (let done = 0; done < count; done += stretch) {
      io.signal.throwIfAborted();
      const pages = Array.from({ length: Math.min(stretch, count - done) }, (_, index) => first + done + index);
      await this.#loader.erase(pages, address + done * memory.page, pages.length * memory.eraseMs, io);
      progress?.((done + pages.length) * memory.page);
    }
  }

  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    for (const { start, size } of memories) this.#requireOpen({ address: start, size });
    const typicalMs = this.#chip.uart?.kind === 'stm32' ? this.#chip.uart.massEraseMs : ms;
    await this.#loader.eraseAll(memories[0]?.start ?? 0, typicalMs, io);
    progress?.(memories.reduce((sum, { size }) => sum + size, 0));
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    this.#requireOpen({ address, size: bytes.length });
    for (let done = 0; done < bytes.length; done += MOST_DATA) {
      io.signal.throwIfAborted();
      const piece = bytes.subarray(done, done + MOST_DATA);
      const typicalMs = (Math.ceil(piece.length / memory.word) * memory.wordUs) / 1000;
      await this.#loader.write(address + done, piece, typicalMs, io);
      progress?.(done + piece.length);
    }
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; done += MOST_DATA) {
      io.signal.throwIfAborted();
      out.set(await this.#loader.read(address + done, Math.min(MOST_DATA, length - done), io), done);
      progress?.(Math.min(length, done + MOST_DATA));
    }
    return out;
  }

  /** The boot loader locks the controller after each of its commands. */
  async finish(): Promise<void> {}

  /** Before anything is begun: throws `memory-locked`. */
  #requireOpen(range: FlashRange): void {
    const locked = this.#protected.find((each) => overlap(range, each));
    if (!locked) return;
    const address = Math.max(range.address, locked.address);
    throw new FlashlineError('memory-locked', {
      where: { address },
      params: { address: hexAddress(address), lock: WRITE_PROTECTION },
    });
  }

  async #holdsPage(address: number, wanted: Uint8Array, io: IoContext): Promise<boolean> {
    for (let at = 0; at < wanted.length; at += MOST_DATA) {
      const piece = wanted.subarray(at, at + MOST_DATA);
      if (!equalBytes(await this.read(address + at, piece.length, io), piece)) return false;
    }
    return true;
  }

  /** Counted through all of the chip's flash in the order of its addresses (AN3155, 3.7). */
  #pageNumber(memory: FlashMemory, address: number): number {
    const before = flashMemories(this.#chip)
      .filter(({ start }) => start < memory.start)
      .reduce((sum, { size, page }) => sum + size / page, 0);
    return before + (address - memory.start) / memory.page;
  }
}
