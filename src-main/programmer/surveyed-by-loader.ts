import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { FlashDevice } from './flash-device.ts';
import { pageStates } from './survey.ts';

/** Putting code in place and calling it costs as much as reading some 6 KiB; looking by it is sixty times as fast as reading. */
const LEAST_BYTES = 0x4000;

/** A loader that looks at pages. */
export type Surveyor = Pick<FlashDevice, 'finish'> & Required<Pick<FlashDevice, 'survey'>>;

/**
 * `direct` writes, and reads what is proven; what many pages hold before is told by code in RAM, for all of it is read once more in
 * the end. Where that code does not get to run on a unit its pages are read.
 */
export function surveyedByLoader(direct: FlashDevice, loader: Surveyor): FlashDevice {
  return direct.eraseAll ? new MassErasing(direct, loader) : new Surveyed(direct, loader);
}

class Surveyed implements FlashDevice {
  readonly name: string;
  readonly surveysBy = 'digest';
  protected readonly direct: FlashDevice;
  readonly #loader: Surveyor;
  #isOpen = false;
  #isUsable = true;

  constructor(direct: FlashDevice, loader: Surveyor) {
    this.name = direct.name;
    this.direct = direct;
    this.#loader = loader;
  }

  async survey(
    memory: FlashMemory,
    address: number,
    size: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<PageState[]> {
    const told = await this.#ask(memory, address, size, io, progress);
    if (told) return told;
    const bytes = await this.direct.read(address, size, io, progress);
    return pageStates(memory, address, bytes).map((state) => Object.assign(state, { by: 'read' as const }));
  }

  async sample(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    return (await this.direct.sample?.(addresses, length, io)) ?? new Uint8Array();
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    await this.close(io);
    await this.direct.erase(memory, address, size, io, progress);
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    await this.close(io);
    await this.direct.program(memory, address, bytes, io, progress);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.direct.read(address, length, io, progress);
  }

  async finish(io: IoContext): Promise<void> {
    await this.close(io);
    await this.direct.finish(io);
  }

  /** Before anything changes the core is without our code. */
  protected async close(io: IoContext): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#loader.finish(io);
  }

  async #ask(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress) {
    if (!this.#isUsable || size < LEAST_BYTES) return undefined;
    this.#isOpen = true;
    try {
      return await this.#loader.survey(memory, address, size, io, progress);
    } catch (error) {
      // Its RAM or its core may be broken; that is for its firmware's test to tell.
      if (!(error instanceof FlashlineError) || error.failure.blame !== 'unit') throw error;
      this.#isUsable = false;
      this.#isOpen = false;
      return undefined;
    }
  }
}

class MassErasing extends Surveyed {
  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    await this.close(io);
    await this.direct.eraseAll?.(memories, ms, io, progress);
  }
}
