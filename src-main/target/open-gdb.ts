import { hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, type DebugChip, debugChip, flashHolding } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type ConnectionOptions, GdbConnection } from '../probe/gdb-remote/connection.ts';
import { GdbCore } from '../probe/gdb-remote/core.ts';
import { GdbMemory } from '../probe/gdb-remote/memory.ts';
import { openServerFlash } from '../probe/gdb-remote/server-flash.ts';
import type { ServerFlash } from '../probe/server-flash.ts';
import { identifyChip } from './identity.ts';
import { startCode } from './open-gdb-start.ts';
import type { Identity, Target } from './target.ts';

type GdbLink = Parameters<typeof GdbConnection.open>[0];

export interface GdbTargetOptions extends ConnectionOptions {
  /** Flash is written by the server's own knowledge of the chip; the chip itself is only read. */
  readonly byServer?: boolean;
}

const XPSR_THUMB = 0x0100_0000;

/**
 * Connects to a gdb server and halts its core. Takes the link over: it is closed with the target, or when this
 * rejects (`probe-silent`, `probe-lost`, `probe-protocol`, `no-target`).
 */
export async function openGdbTarget(
  link: GdbLink,
  chip: ChipDescription,
  io: IoContext,
  options: GdbTargetOptions = {},
): Promise<Target> {
  let known: DebugChip;
  try {
    known = debugChip(chip);
  } catch (error) {
    await link.close();
    throw error;
  }
  return new GdbTarget(await GdbConnection.open(link, io, options), known, options.byServer ?? false);
}

class GdbTarget implements Target {
  readonly chip: DebugChip;
  readonly memory: GdbMemory;
  readonly core: GdbCore;
  readonly can: Target['can'];
  readonly #connection: GdbConnection;

  constructor(connection: GdbConnection, chip: DebugChip, byServer: boolean) {
    this.chip = chip;
    this.memory = new GdbMemory(connection);
    this.core = new GdbCore(connection, this.memory, chip.boot.vectors);
    this.can = {
      writePeripherals: connection.stub.writePeripherals && !byServer,
      executeCode: !byServer,
      accessWhileRunning: false,
    };
    this.#connection = connection;
  }

  identify(io: IoContext): Promise<Identity> {
    return identifyChip(this.memory, this.chip, io);
  }

  serverFlash(io: IoContext): Promise<ServerFlash | undefined> {
    return openServerFlash(this.#connection, io);
  }

  async start(io: IoContext): Promise<void> {
    await this.core.halt(io);
    const { by } = this.#connection.stub.reset;
    if (by === 'registers') await this.#enterFirmware(io);
    // A server that resets by command lets the core run itself: not all do so when a debugger goes.
    else await this.core.reset(by === 'monitor' ? 'run' : 'halt', io);
    await this.#connection.detach(io);
  }

  /** A core that was only looked at runs on, as it did before we came; one in the middle of things stays halted. */
  async close(io: IoContext): Promise<void> {
    try {
      if (!this.#connection.touched && (await this.#hasFirmware(io))) await this.#connection.detach(io);
    } catch {
      // The conversation had ended already, which is why we are closing; its failure has been told.
    } finally {
      await this.#connection.close();
    }
  }

  /** A reset vector that is Thumb code inside a flash memory. */
  async #hasFirmware(io: IoContext): Promise<boolean> {
    const reset = readU32(await this.memory.read(this.chip.boot.vectors, 8, io), 4);
    return reset % 2 === 1 && flashHolding(this.chip, reset - 1, 2) !== undefined;
  }

  /** Where resetting the chip would lose what was verified (QEMU wipes the UICR), the core alone begins anew. */
  async #enterFirmware(io: IoContext): Promise<void> {
    const vectors = this.chip.boot.vectors;
    if (!(await this.#hasFirmware(io))) {
      const address = vectors + 4;
      const cause = 'the reset vector is no address in flash';
      throw new FlashlineError('target-fault', { where: { address }, params: { address: hexAddress(address) }, cause });
    }
    const ram = this.chip.memories.find((memory) => memory.kind === 'ram');
    if (!ram) throw new FlashlineError('chip-invalid', { params: { file: this.chip.id, detail: 'it has no RAM' } });
    await this.core.takeOver(ram.start, io);
    await this.memory.write(ram.start, startCode(vectors), io);
    await this.core.writeRegisters({ pc: ram.start, xpsr: XPSR_THUMB }, io);
  }
}
