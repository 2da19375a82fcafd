import { concat, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { programRuns } from '../../plan/contents.ts';
import { eraseUnits } from '../../plan/erase-cost.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { SpiTransfer } from '../../probe/spi-port.ts';
import type { FlashDevice } from '../flash-device.ts';
import { eraseBlocks, type Erasing } from './erase-blocks.ts';
import { addressed, Opcode, tell } from './nor-commands.ts';
import type { NorChip } from './nor-chip.ts';
import type { NorParts } from './nor-parts.ts';
import { PageProgrammer } from './program-pages.ts';

/** Read at once: between two of these the run can be aborted, and tells how far it is. */
const READ_PART = 0x10000;
/** Erased bytes that are cheaper to send than another program instruction. */
const GAP = 16;
const WRITE_DISABLE = 0x04;
const FINISH_MS = 1000;
const SEGMENT = 0x1000000;

/** Serial NOR flash by its own instructions. What is read back over the bus is the proof. */
export class NorDevice implements FlashDevice {
  readonly name = 'spi-nor';
  readonly #chip: NorChip;
  readonly #parts: NorParts;
  readonly #start: number;
  readonly #pages: PageProgrammer;

  constructor(chip: NorChip, parts: NorParts, start: number) {
    this.#chip = chip;
    this.#parts = parts;
    this.#start = start;
    this.#pages = new PageProgrammer(chip, parts);
  }

  async sample(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    const transfers = addresses.flatMap((address) => this.#reads(address, length));
    return concat(await this.#chip.port.transfer(transfers, io));
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    let erased = 0;
    const units = eraseUnits(this.#asItErases(memory), address, size).map((unit): Erasing => {
      const opcode = this.#parts.erases.find((erase) => erase.size === unit.size)?.opcode ?? 0;
      const instruction = addressed({ opcode, addressBytes: this.#parts.eraseAddressBytes }, this.#at(unit.address));
      return { address: unit.address, size: unit.size, ms: unit.ms, instruction };
    });
    await eraseBlocks(this.#chip, units, io, (unit) => progress?.((erased += unit.size)));
  }

  async eraseAll(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void> {
    const [{ start: address, size } = { start: 0, size: 0 }] = memories;
    const unit: Erasing = { address, size, ms, instruction: tell(Opcode.chipErase) };
    await eraseBlocks(this.#chip, [unit], io, () => progress?.(size));
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const runs = programRuns(memory, address, bytes, GAP).map((run) => ({
      address: this.#at(run.address, run.bytes.length),
      bytes: run.bytes,
    }));
    let furthest = 0;
    await this.#pages.program(runs, io, (page) => {
      furthest = Math.max(furthest, page.address + this.#start - address + page.bytes.length);
      progress?.(furthest);
    });
    progress?.(bytes.length);
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; done += READ_PART) {
      const size = Math.min(READ_PART, length - done);
      const parts = await this.#chip.port.transfer(this.#reads(address + done, size), io);
      out.set(concat(parts), done);
      progress?.(done + size);
    }
    return out;
  }

  async finish(io: IoContext): Promise<void> {
    await this.#chip.waitReady(this.#start, FINISH_MS, io);
    await this.#chip.port.transfer([tell(WRITE_DISABLE)], io);
  }

  /** Throws `image-outside-memory` beyond the chip's own end: a chip known by its parameters may be smaller. */
  #at(address: number, size = 1): number {
    const at = address - this.#start;
    if (at >= 0 && at + size <= this.#parts.size) return at;
    const params = { address: hexAddress(Math.max(address, this.#start + this.#parts.size)), chip: this.#name };
    throw new FlashlineError('image-outside-memory', { where: { address }, params });
  }

  get #name(): string {
    return `${this.#chip.chip.name}, ${this.#parts.jedecId.toUpperCase()}, ${this.#parts.size} bytes`;
  }

  #reads(address: number, length: number): SpiTransfer[] {
    const { read, readDummy: dummy } = this.#parts.instructions;
    const most = this.#chip.port.limits.read;
    const at = this.#at(address, length);
    const transfers: SpiTransfer[] = [];
    for (let done = 0; done < length;) {
      // Not every chip goes on by itself beyond what three bytes of address reach.
      const size = Math.min(most, length - done, SEGMENT - ((at + done) % SEGMENT));
      transfers.push(addressed(read, at + done, { dummy, read: size }));
      done += size;
    }
    return transfers;
  }

  /** The description plans; what is sent is what this chip has. */
  #asItErases(memory: FlashMemory): FlashMemory {
    const [smallest, ...others] = this.#parts.erases;
    if (!smallest) return memory;
    return { ...memory, page: smallest.size, eraseMs: smallest.ms, eraseBlocks: others };
  }
}
