import { equalBytes, hexAddress, isFilledWith } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice } from '../flash-device.ts';
import { parts } from './eeprom-address.ts';
import { type EepromBus, refused } from './eeprom-bus.ts';

/**
 * Writes an EEPROM page by page, each in one write cycle. Bytes are written over without an erase, so a page that the plan
 * wants erased and then programmed costs a single cycle: it is remembered, and written as erased only when somebody reads it
 * before it was programmed.
 */
export class EepromDevice implements FlashDevice {
  readonly name = 'i2c-eeprom';
  readonly #bus: EepromBus;
  readonly #chip: ChipDescription;
  readonly #reach: number;
  /** Pages that are to be erased, by address. */
  readonly #toErase = new Map<number, FlashMemory>();
  /** A write was seen to change the chip: its write-protect pin is low. */
  #takesWrites = false;

  /** `reach`: all that can be addressed, in bytes. */
  constructor(bus: EepromBus, chip: ChipDescription, reach: number) {
    this.#bus = bus;
    this.#reach = reach;
    this.#chip = chip;
  }

  async erase(memory: FlashMemory, address: number, size: number, _io: IoContext, progress?: Progress): Promise<void> {
    for (const page of parts(address, size, memory.page)) this.#toErase.set(page.address, memory);
    progress?.(size);
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    for (const part of parts(address, bytes.length, memory.page)) {
      const done = part.address - address;
      await this.#programWithin(memory, part.address, bytes.subarray(done, done + part.length), io);
      progress?.(done + part.length);
    }
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    // Beyond its end the address counter begins anew: what would be read there is something else's.
    if (address + length > this.#reach) throw this.#outside(Math.max(address, this.#reach));
    const pending = [...this.#toErase].filter(
      ([page, memory]) => page < address + length && address < page + memory.page,
    );
    for (const [page, memory] of pending) await this.#programWithin(memory, page, new Uint8Array(), io);
    return this.#bus.read(address, length, io, progress);
  }

  /** What was to be erased and never read is nobody's proof; after a failure nothing more is written. */
  finish(): Promise<void> {
    this.#toErase.clear();
    return Promise.resolve();
  }

  /** Bytes of one page, in the page as it is, or as erased where that is still to be done. */
  async #programWithin(memory: FlashMemory, address: number, bytes: Uint8Array, io: IoContext): Promise<void> {
    const page = address - ((address - memory.start) % memory.page);
    if (this.#toErase.delete(page)) {
      const whole = new Uint8Array(memory.page).fill(memory.erased);
      whole.set(bytes, address - page);
      await this.#write(memory, page, whole, io);
    } else if (!isFilledWith(bytes, memory.erased)) {
      await this.#write(memory, address, bytes, io);
    }
  }

  async #write(memory: FlashMemory, address: number, bytes: Uint8Array, io: IoContext): Promise<void> {
    this.#mustBeInside(memory, address, bytes.length);
    const before = this.#takesWrites ? undefined : await this.#bus.read(address, bytes.length, io);
    for (const part of parts(address, bytes.length, memory.page, this.#bus.most)) {
      const from = part.address - address;
      await this.#bus.write(part.address, bytes.subarray(from, from + part.length), memory.eraseMs, io);
    }
    if (before === undefined || equalBytes(before, bytes)) return;
    // Microchip's take what they are sent and begin no cycle while WP is high (24LC256, 7.0).
    const after = await this.#bus.read(address, bytes.length, io);
    if (equalBytes(after, before)) throw refused(address);
    this.#takesWrites = true;
  }

  #mustBeInside(memory: FlashMemory, address: number, size: number): void {
    const inside = flashMemories(this.#chip).includes(memory) && address + size <= memory.start + memory.size;
    if (!inside) throw this.#outside(address);
  }

  #outside(address: number): FlashlineError {
    return new FlashlineError('image-outside-memory', {
      where: { address },
      params: { address: hexAddress(address), chip: this.#chip.name },
    });
  }
}
