import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { pageStates } from '#main/programmer/survey.ts';

/**
 * Flash at page level, for runs by the thousand: counts what is done to each page, and loses its power at a given step, which
 * leaves noise between old and new in the page under work.
 */
export class PageFlash implements FlashDevice {
  readonly name = 'page flash';
  readonly erases = new Map<number, number>();
  /** Pages that were programmed otherwise than with zeros. */
  readonly programmed = new Set<number>();
  bytesRead = 0;
  /** Steps until the power goes; undefined while it stays. */
  cutAfter: number | undefined;
  noise = 0x5a;
  readonly #cells: readonly { readonly memory: FlashMemory; readonly bytes: Uint8Array }[];
  #dark = false;

  constructor(chip: ChipDescription) {
    this.#cells = flashMemories(chip).map((memory) => ({
      memory,
      bytes: new Uint8Array(memory.size).fill(memory.erased),
    }));
  }

  at(address: number, size: number): Uint8Array {
    const { memory, bytes } = this.#of(address);
    return bytes.subarray(address - memory.start, address - memory.start + size);
  }

  /** Bits rot. */
  flip(address: number, bits: number): void {
    const cells = this.at(address, 1);
    cells.set(cells.map((byte) => byte ^ bits));
  }

  /** With its power again, and nothing counted. */
  restart(cutAfter?: number): void {
    this.#dark = false;
    this.cutAfter = cutAfter;
    this.erases.clear();
    this.programmed.clear();
    this.bytesRead = 0;
  }

  get written(): number[] {
    return [...new Set([...this.erases.keys(), ...this.programmed])].toSorted((a, b) => a - b);
  }

  async survey(memory: FlashMemory, address: number, size: number) {
    return pageStates(memory, address, await this.read(address, size));
  }

  async erase(memory: FlashMemory, address: number, size: number): Promise<void> {
    for (let page = address; page < address + size; page += memory.page) {
      const cells = this.at(page, memory.page);
      this.#step(() => cells.forEach((byte, index) => (cells[index] = byte | this.#noise(index))));
      cells.fill(memory.erased);
      this.erases.set(page, (this.erases.get(page) ?? 0) + 1);
    }
  }

  async program(memory: FlashMemory, address: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const page = address + at - ((address + at - memory.start) % memory.page);
      const part = bytes.subarray(at, at + Math.min(page + memory.page - (address + at), bytes.length - at));
      const cells = this.at(address + at, part.length);
      this.#step(() =>
        cells.forEach((byte, index) => (cells[index] = byte & ((part[index] ?? 0) | this.#noise(index)))),
      );
      cells.forEach((byte, index) => (cells[index] = byte & (part[index] ?? 0)));
      if (part.some((byte) => byte !== 0)) this.programmed.add(page);
      at += part.length;
    }
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    if (this.#dark) throw new FlashlineError('probe-lost', { params: { url: 'x' } });
    this.bytesRead += length;
    return this.at(address, length).slice();
  }

  async finish(): Promise<void> {
    if (this.#dark) throw new FlashlineError('probe-lost', { params: { url: 'x' } });
  }

  #step(torn: () => void): void {
    if (this.#dark) throw new FlashlineError('probe-lost', { params: { url: 'x' } });
    if (this.cutAfter === undefined || this.cutAfter-- > 0) return;
    torn();
    this.#dark = true;
    throw new FlashlineError('probe-lost', { params: { url: 'x' } });
  }

  #noise(index: number): number {
    return (this.noise * (index + 7)) & 0xff;
  }

  #of(address: number): { readonly memory: FlashMemory; readonly bytes: Uint8Array } {
    const found = this.#cells.find(({ memory }) => address >= memory.start && address < memory.start + memory.size);
    if (!found) throw new RangeError(`no flash at ${address}`);
    return found;
  }
}
