import { concat, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { programRuns } from '../plan/contents.ts';
import type { MemoryAccess, Progress } from '../probe/memory-access.ts';
import type { FlashDevice } from './flash-device.ts';

/** Registers of the non-volatile memory controller (nRF51 RM v3.0, 6.2; nRF52840 PS v1.1, 4.3.7). */
const READY = 0x400;
const CONFIG = 0x504;
const ERASEPAGE = 0x508;
const ERASEALL = 0x50c;
const ERASEUICR = 0x514;

const READ_ONLY = 0;
const WRITE_ENABLED = 1;
const ERASE_ENABLED = 2;

/** The user registers are a memory with an erase task of its own. */
const UICR = 'uicr';

/** Data sheets give typical times; past ten of them the controller is broken. */
const PATIENCE = 10;
/** Of an erase's typical time; what is left is polled by the probe. */
const ASLEEP = 0.9;
/** Where the controller's own time is a few words' and the link's latency outweighs it. */
const CONFIG_MS = 1000;

/**
 * Writes flash by the controller's own registers, through the debug port alone: no code runs on the unit.
 * Words are streamed without asking READY in between: while the controller is busy it holds the bus, the access port
 * answers WAIT, and the probe tries again, so the flash's own speed is the limit and the wire's time disappears in it.
 *
 * `base` is the controller's address; `beforeFirstChange` quiets the core, once: looking alone does not disturb it.
 */
export function createNvmcDirect(
  memory: MemoryAccess,
  base: number,
  beforeFirstChange: (io: IoContext) => Promise<void> = () => Promise.resolve(),
): FlashDevice {
  return new NvmcDirect(memory, base, beforeFirstChange);
}

class NvmcDirect implements FlashDevice {
  readonly name = 'nvmc-direct';
  readonly #memory: MemoryAccess;
  readonly #base: number;
  readonly #beforeFirstChange: (io: IoContext) => Promise<void>;
  #coreIsQuiet = false;

  constructor(memory: MemoryAccess, base: number, beforeFirstChange: (io: IoContext) => Promise<void>) {
    this.#memory = memory;
    this.#base = base;
    this.#beforeFirstChange = beforeFirstChange;
  }

  async sample(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    if (this.#memory.readEach) return this.#memory.readEach(addresses, length, io);
    const parts: Uint8Array[] = [];
    for (const address of addresses) parts.push(await this.#memory.read(address, length, io));
    return concat(parts);
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    await this.#configure(ERASE_ENABLED, address, io);
    for (let done = 0; done < size; done += memory.page) {
      const page = address + done;
      if (memory.name === UICR) await this.#memory.writeWord(this.#base + ERASEUICR, 1, io);
      else await this.#memory.writeWord(this.#base + ERASEPAGE, page, io);
      await this.#rest(page, memory.eraseMs, io);
      progress?.(done + memory.page);
    }
  }

  /** ERASEALL takes code flash and UICR (nRF52840 PS v1.1, 4.3.4). */
  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    await this.#configure(ERASE_ENABLED, this.#base, io);
    await this.#memory.writeWord(this.#base + ERASEALL, 1, io);
    await this.#rest(memories[0]?.start ?? 0, ms, io);
    progress?.(memories.reduce((sum, { size }) => sum + size, 0));
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    await this.#configure(WRITE_ENABLED, address, io);
    for (const run of programRuns(memory, address, bytes)) {
      const offset = run.address - address;
      await this.#memory.write(run.address, run.bytes, io, progress && ((done) => progress(offset + done)));
    }
    // The last words may still be under way, and the next change of CONFIG must not meet them. Not ten times two words'
    // time: that is less than one round trip to a gdb server, and its latency would count as the unit's fault.
    await this.#waitReady(address, CONFIG_MS, io);
    progress?.(bytes.length);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.#memory.read(address, length, io, progress);
  }

  async finish(io: IoContext): Promise<void> {
    await this.#waitReady(this.#base, CONFIG_MS, io);
    await this.#memory.writeWord(this.#base + CONFIG, READ_ONLY, io);
  }

  async #configure(mode: number, address: number, io: IoContext): Promise<void> {
    if (!this.#coreIsQuiet) await this.#beforeFirstChange(io);
    this.#coreIsQuiet = true;
    await this.#memory.writeWord(this.#base + CONFIG, mode, io);
    const found = await this.#memory.readWord(this.#base + CONFIG, io);
    if (found === mode) return;
    throw new FlashlineError('flash-refused', {
      where: { address },
      params: { address: hexAddress(address) },
      cause: `CONFIG holds ${found} after ${mode} was written`,
    });
  }

  /** Asleep for most of the typical time, so that sixteen slots do not poll side by side; then asked until it is over. */
  async #rest(address: number, typicalMs: number, io: IoContext): Promise<void> {
    await io.clock.sleep(typicalMs * ASLEEP, io.signal);
    await this.#waitReady(address, typicalMs * PATIENCE, io);
  }

  async #waitReady(address: number, timeoutMs: number, io: IoContext): Promise<void> {
    try {
      await this.#memory.waitForWord(this.#base + READY, 1, 1, timeoutMs, io);
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'flash-timeout') throw error;
      // What the operator needs is where the flash is slow, not where READY is.
      throw new FlashlineError('flash-timeout', {
        where: { address },
        params: { address: hexAddress(address), seconds: timeoutMs / 1000 },
        cause: error,
      });
    }
  }
}
