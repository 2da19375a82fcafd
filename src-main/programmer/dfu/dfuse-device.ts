import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { programRuns } from '../../plan/contents.ts';
import type { PageState } from '../../plan/page-state.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice } from '../flash-device.ts';
import { pageStates } from '../survey.ts';
import type { DfuPort, DfuWork } from './dfu-port.ts';
import {
  eraseCommand,
  FIRST_DATA_BLOCK,
  massEraseCommand,
  readUnprotectCommand,
  setAddressCommand,
} from './protocol.ts';

/** Deadlines allow ten times the typical time, and never less than this. */
const LEAST_WORK_MS = 5000;
const COMMAND_BLOCK = 0;

/** Which alternate setting an address belongs to. Rejects where none has it. */
export type SelectMemory = (address: number, io: IoContext) => Promise<void>;

/** Flash behind a DfuSe boot loader (AN3156): written by address, erased by page, read back by upload. */
export class DfuSeDevice implements FlashDevice {
  readonly name = 'dfuse';
  readonly #port: DfuPort;
  readonly #select: SelectMemory;

  constructor(port: DfuPort, select: SelectMemory) {
    this.#port = port;
    this.#select = select;
  }

  async survey(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress) {
    const states: PageState[] = [];
    for (let at = address; at < address + size; at += memory.page) {
      const bytes = await this.read(at, memory.page, io);
      states.push(...pageStates(memory, at, bytes));
      progress?.(at + memory.page - address);
    }
    return states;
  }

  async sample(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    const out = new Uint8Array(addresses.length * length);
    for (const [index, address] of addresses.entries()) out.set(await this.read(address, length, io), index * length);
    return out;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    await this.#select(address, io);
    for (let at = address; at < address + size; at += memory.page) {
      io.signal.throwIfAborted();
      await this.#command(eraseCommand(at), { address: at, timeoutMs: allowed(memory.eraseMs) }, io);
      progress?.(at + memory.page - address);
    }
  }

  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    const address = memories[0]?.start ?? 0;
    await this.#select(address, io);
    await this.#command(massEraseCommand(), { address, timeoutMs: allowed(ms) }, io);
    progress?.(memories.reduce((sum, { size }) => sum + size, 0));
  }

  /** Gaps no longer than a block are written as erased words: setting the address anew costs as much. */
  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    await this.#select(address, io);
    const { transferBytes } = this.#port.functional;
    for (const run of programRuns(memory, address, bytes, transferBytes)) {
      const workOf = (at: number, size: number): DfuWork => {
        return { address: at, timeoutMs: allowed(((size / memory.word) * memory.wordUs) / 1000) };
      };
      await this.#setAddress(run.address, io);
      for (let at = 0; at < run.bytes.length; at += transferBytes) {
        io.signal.throwIfAborted();
        const block = run.bytes.subarray(at, at + transferBytes);
        const number = FIRST_DATA_BLOCK + at / transferBytes;
        await this.#port.download(number, block, workOf(run.address + at, block.length), io);
        progress?.(run.address + at + block.length - address);
      }
    }
    progress?.(bytes.length);
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.#select(address, io);
    await this.#setAddress(address, io);
    await this.#port.abort(io);
    const { transferBytes } = this.#port.functional;
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += transferBytes) {
      io.signal.throwIfAborted();
      const size = Math.min(transferBytes, length - at);
      const block = FIRST_DATA_BLOCK + at / transferBytes;
      const work = { address: address + at, timeoutMs: LEAST_WORK_MS };
      const bytes = await this.#port.upload(block, size, work, io);
      if (bytes.length !== size) throw this.#port.protocolFailure(`it sent ${bytes.length} bytes instead of ${size}`);
      out.set(bytes, at);
      progress?.(at + size);
    }
    await this.#port.toIdle(io);
    return out;
  }

  /** Nothing stays open in a boot loader; it is left in dfuIDLE. */
  async finish(io: IoContext): Promise<void> {
    await this.#port.toIdle(io);
  }

  async #setAddress(address: number, io: IoContext): Promise<void> {
    await this.#command(setAddressCommand(address), { address, timeoutMs: LEAST_WORK_MS }, io);
  }

  async #command(command: Uint8Array, work: DfuWork, io: IoContext): Promise<void> {
    await this.#port.download(COMMAND_BLOCK, command, work, io);
  }
}

/**
 * Leaves the boot loader for what stands at `address` (AN3156, 5.5): a download of nothing, which takes effect when the
 * status is asked for.
 */
export async function leaveDfuSe(port: DfuPort, address: number, io: IoContext): Promise<void> {
  await port.toIdle(io);
  const work = { address, timeoutMs: LEAST_WORK_MS };
  await port.download(COMMAND_BLOCK, setAddressCommand(address), work, io);
  await port.requestLeave(FIRST_DATA_BLOCK, io);
}

/** READ UNPROTECT (AN3156, 5.4): the device erases its flash, resets itself and so leaves the bus. */
export async function unprotectDfuSe(port: DfuPort, massEraseMs: number, io: IoContext): Promise<void> {
  await port.toIdle(io);
  await port.requestGone(COMMAND_BLOCK, readUnprotectCommand(), { address: 0, timeoutMs: allowed(massEraseMs) }, io);
}

function allowed(typicalMs: number): number {
  return Math.max(LEAST_WORK_MS, 10 * typicalMs);
}
