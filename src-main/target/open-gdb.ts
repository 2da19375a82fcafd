import { hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashHolding } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { GdbConnection } from '../probe/gdb-remote/connection.ts';
import { GdbCore } from '../probe/gdb-remote/core.ts';
import { GdbMemory } from '../probe/gdb-remote/memory.ts';
import { identifyChip } from './identity.ts';
import { startCode } from './open-gdb-start.ts';
import type { Identity, Target } from './target.ts';

type GdbLink = Parameters<typeof GdbConnection.open>[0];

const XPSR_THUMB = 0x0100_0000;

/**
 * Connects to a gdb server and halts its core. Takes the link over: it is closed with the target, or when this
 * rejects (`probe-silent`, `probe-lost`, `probe-protocol`, `no-target`).
 */
export async function openGdbTarget(link: GdbLink, chip: ChipDescription, io: IoContext): Promise<Target> {
  return new GdbTarget(await GdbConnection.open(link, io), chip);
}

class GdbTarget implements Target {
  readonly chip: ChipDescription;
  readonly memory: GdbMemory;
  readonly core: GdbCore;
  readonly can: Target['can'];
  readonly #connection: GdbConnection;

  constructor(connection: GdbConnection, chip: ChipDescription) {
    this.chip = chip;
    this.memory = new GdbMemory(connection);
    this.core = new GdbCore(connection, this.memory, chip.boot.vectors);
    this.can = { writePeripherals: connection.stub.writePeripherals, executeCode: true };
    this.#connection = connection;
  }

  identify(io: IoContext): Promise<Identity> {
    return identifyChip(this.memory, this.chip, io);
  }

  async start(io: IoContext): Promise<void> {
    await this.core.halt(io);
    if (this.#connection.stub.reset.by === 'registers') await this.#enterFirmware(io);
    else await this.core.reset('halt', io);
    await this.#connection.detach(io);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Where resetting the chip would lose what was verified (QEMU wipes the UICR), the core alone begins anew. */
  async #enterFirmware(io: IoContext): Promise<void> {
    const vectors = this.chip.boot.vectors;
    const reset = readU32(await this.memory.read(vectors, 8, io), 4);
    if (reset % 2 === 0 || !flashHolding(this.chip, reset - 1, 2)) {
      const cause = new Error(`the reset vector is ${reset.toString(16)}`);
      throw new FlashlineError('target-fault', {
        where: { address: vectors + 4 },
        params: { address: hexAddress(vectors + 4) },
        cause,
      });
    }
    const ram = this.chip.memories.find((memory) => memory.kind === 'ram');
    if (!ram) throw new FlashlineError('chip-invalid', { params: { file: this.chip.id, detail: 'it has no RAM' } });
    await this.memory.write(ram.start, startCode(vectors), io);
    await this.core.writeRegisters({ pc: ram.start, xpsr: XPSR_THUMB }, io);
  }
}
