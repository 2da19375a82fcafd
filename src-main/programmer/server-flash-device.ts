import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription, FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { programRuns } from '../plan/contents.ts';
import type { MemoryAccess, Progress } from '../probe/memory-access.ts';
import type { ServerFlash } from '../probe/server-flash.ts';
import type { FlashDevice } from './flash-device.ts';

/** Data sheets give typical times, and the server has overheads of its own that we cannot see. */
const PATIENCE = 10;
const OVERHEAD_MS = 5000;
/** Erased bytes that are sent along rather than spending another commit. */
const JOINED_GAP = 1024;

/**
 * Writes flash by the debug server's own knowledge of the chip: the way left where neither the controller's registers
 * nor code of ours is of use. What it wrote is read back through the debug port like everything else.
 */
export function createServerFlashDevice(flash: ServerFlash, chip: ChipDescription, memory: MemoryAccess): FlashDevice {
  return new ServerFlashDevice(flash, chip, memory);
}

class ServerFlashDevice implements FlashDevice {
  readonly name = 'server-flash';
  readonly #flash: ServerFlash;
  readonly #chip: ChipDescription;
  readonly #memory: MemoryAccess;

  constructor(flash: ServerFlash, chip: ChipDescription, memory: MemoryAccess) {
    this.#flash = flash;
    this.#chip = chip;
    this.#memory = memory;
  }

  /** Page by page, so that progress is seen and a server that died is noticed. */
  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    for (let done = 0; done < size; done += memory.page) {
      const page = address + done;
      if (!this.#flash.erases(page, memory.page)) throw this.#unsuited(memory);
      await this.#flash.erase(page, memory.page, OVERHEAD_MS + memory.eraseMs * PATIENCE, io);
      progress?.(done + memory.page);
    }
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    for (const run of programRuns(memory, address, bytes, JOINED_GAP)) {
      const flashMs = ((run.bytes.length / memory.word) * memory.wordUs) / 1000;
      const offset = run.address - address;
      const told = progress && ((done: number) => progress(offset + done));
      await this.#flash.write(run.address, run.bytes, OVERHEAD_MS + flashMs * PATIENCE, io, told);
    }
    progress?.(bytes.length);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.#memory.read(address, length, io, progress);
  }

  /** Every write was committed; the controller is the server's to close. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  #unsuited(memory: FlashMemory): FlashlineError {
    const detail = `its memory map does not erase pages of the ${memory.name} memory`;
    return new FlashlineError('probe-unsuited', { params: { url: this.#chip.id, detail } });
  }
}
