import type { IoContext } from '#shared/base/clock.ts';
import type { SpiPort, SpiTransfer } from '../../probe/spi-port.ts';
import { ask, Opcode, tell, writeEnable } from './nor-commands.ts';

/** What three bytes of address reach. */
const SEGMENT = 0x1000000;

export interface Segments {
  readonly port: SpiPort;
  /** Instructions that are given with addresses of four bytes here. */
  readonly opcodes: ReadonlySet<number>;
  /** Until the chip does nothing any more: while it is busy it would ignore the register's write, and take what follows. */
  readonly idle: (io: IoContext) => Promise<void>;
  /** The register holds something else than was written. */
  readonly refused: (address: number, found: number) => Error;
}

/**
 * A chip whose addresses have three bytes, and a register for the fourth (JESD216, DWORD 16, bit 26: C5h after a write enable, C8h
 * reads it). Transfers with addresses of four bytes are sent with three; between two segments the register is written and read.
 */
export class SegmentedPort implements SpiPort {
  readonly url: string;
  readonly limits: SpiPort['limits'];
  readonly delays: boolean;
  readonly #parts: Segments;
  /** Unknown until it was written. */
  #segment: number | undefined;

  constructor(parts: Segments) {
    this.url = parts.port.url;
    this.limits = parts.port.limits;
    this.delays = parts.port.delays === true;
    this.#parts = parts;
  }

  connect(clockHz: number, io: IoContext): Promise<number> {
    return this.#parts.port.connect(clockHz, io);
  }

  close(io: IoContext): Promise<void> {
    return this.#parts.port.close(io);
  }

  async transfer(transfers: readonly SpiTransfer[], io: IoContext): Promise<Uint8Array[]> {
    const results: Uint8Array[] = [];
    let group: SpiTransfer[] = [];
    for (const transfer of transfers) {
      const segment = this.#segmentOf(transfer);
      if (segment !== undefined && segment !== this.#segment) {
        // Its write enable goes with it: the register's write takes away the one that was given.
        const enabled = group.findLastIndex(isWriteEnable);
        const before = enabled < 0 ? group : group.slice(0, enabled);
        if (before.length > 0) results.push(...(await this.#parts.port.transfer(before, io)));
        group = enabled < 0 ? [] : group.slice(enabled);
        await this.select(segment, io);
      }
      group.push(segment === undefined ? transfer : shortened(transfer));
    }
    if (group.length > 0) results.push(...(await this.#parts.port.transfer(group, io)));
    return results;
  }

  async select(segment: number, io: IoContext): Promise<void> {
    const { port, idle, refused } = this.#parts;
    await idle(io);
    this.#segment = undefined;
    const select = [writeEnable, tell(Opcode.writeSegment, segment), ask(Opcode.readSegment, 1)];
    const [, , answer] = await port.transfer(select, io);
    const found = answer?.[0] ?? 0xff;
    if (found !== segment) throw refused(segment * SEGMENT, found);
    this.#segment = segment;
  }

  #segmentOf({ write }: SpiTransfer): number | undefined {
    const [opcode = 0, segment] = write;
    return this.#parts.opcodes.has(opcode) ? segment : undefined;
  }
}

function isWriteEnable({ write }: SpiTransfer): boolean {
  return write.length === 1 && write[0] === Opcode.writeEnable;
}

/** Without the highest byte of the address. */
function shortened(transfer: SpiTransfer): SpiTransfer {
  const { write } = transfer;
  const short = new Uint8Array(write.length - 1);
  short.set(write.subarray(0, 1));
  short.set(write.subarray(2), 1);
  return { ...transfer, write: short };
}
