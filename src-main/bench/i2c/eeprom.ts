import { Prng } from '../prng.ts';
import { toNs } from '../virtual-clock.ts';
import type { I2cChip } from './i2c-chip.ts';

/** What makes one 24xx differ from the next; figures are the data sheets'. */
export interface EepromKind {
  readonly bytes: number;
  /** What one write cycle takes at most; the address counter wraps within it. */
  readonly page: number;
  /** Word address bytes after the device address. */
  readonly addressBytes: 1 | 2;
  /** Bits 0 upwards of the device address that it does not compare: block select, or not wired at all. */
  readonly ignoredBits: number;
  /** Typical, or the maximum where the data sheet tells no other. */
  readonly writeMs: number;
  /** Write-protected, its ST kin refuse data bytes; Microchip's take them and do nothing. */
  readonly refusesProtected: boolean;
  /** What stands in the part for good, from this address on. */
  readonly readOnlyFrom?: number;
}

export interface EepromOptions {
  readonly kind: EepromKind;
  readonly seed: number;
  /** As it comes: erased where nothing is said. */
  readonly contents?: { readonly address: number; readonly bytes: Uint8Array };
  /** Called after each write cycle. */
  readonly written?: (chip: Eeprom) => void;
}

const DEVICE = 0x50;

/** A 24xx serial EEPROM: page writes in a self-timed cycle during which it does not answer, sequential reads. */
export class Eeprom implements I2cChip {
  readonly kind: EepromKind;
  readonly cells: Uint8Array;
  readonly #options: EepromOptions;
  readonly #dice: Prng;
  readonly #stuck: { readonly address: number; readonly bit: number; readonly value: 0 | 1 }[] = [];
  #powered = true;
  #pointer = 0;
  /** Address bytes of this write so far. */
  #addressed = 0;
  /** Offsets in the page, and their bytes, of this write so far. */
  #latches = new Map<number, number>();
  #taken = 0;
  #busyUntil = 0;
  /** What the page held before the cycle that is under way. */
  #before: { readonly page: number; readonly bytes: Uint8Array } | undefined;
  /** The write-protect pin is high. */
  writeProtected = false;
  /** Write cycles so far, and what was asked against the data sheet. */
  cycles = 0;
  readonly misuse: string[] = [];

  constructor(options: EepromOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.cells = new Uint8Array(options.kind.bytes).fill(0xff);
    this.#dice = new Prng(options.seed);
    if (options.contents) this.cells.set(options.contents.bytes, options.contents.address);
  }

  address(address: number, direction: 'read' | 'write', at: number): boolean {
    const ignored = (1 << this.kind.ignoredBits) - 1;
    if (!this.#powered || at < this.#busyUntil || (address & ~ignored) !== DEVICE) return false;
    this.#before = undefined;
    // A write that was not ended by a stop is forgotten.
    this.#latches.clear();
    this.#taken = 0;
    this.#addressed = 0;
    if (direction === 'write') this.#pointer = ((address & ignored) << 8) % this.kind.bytes;
    return true;
  }

  write(byte: number): boolean {
    const { addressBytes, page, bytes, refusesProtected } = this.kind;
    if (this.#addressed < addressBytes) {
      const shift = 8 * (addressBytes - 1 - this.#addressed);
      this.#pointer = ((this.#pointer & ~(0xff << shift)) | (byte << shift)) % bytes;
      this.#addressed++;
      return true;
    }
    if (this.writeProtected && refusesProtected) return false;
    const start = this.#pointer - (this.#pointer % page);
    if (++this.#taken > page) this.misuse.push(`more than a page was written at ${start}`);
    else if (this.#latches.has(this.#pointer - page) || (this.#taken > 1 && this.#pointer === start)) {
      this.misuse.push(`a write went over the end of the page at ${start}`);
    }
    this.#latches.set(this.#pointer, byte);
    this.#pointer = start + ((this.#pointer + 1 - start) % page);
    return true;
  }

  read(): number {
    const byte = this.#powered ? this.peek(this.#pointer) : 0xff;
    this.#pointer = (this.#pointer + 1) % this.kind.bytes;
    return byte;
  }

  stop(at: number): void {
    const { readOnlyFrom = Infinity, page, writeMs } = this.kind;
    const writable = [...this.#latches].filter(([address]) => address < readOnlyFrom);
    this.#latches.clear();
    this.#taken = 0;
    const [first] = writable;
    if (!first || this.writeProtected || !this.#powered) return;
    const start = first[0] - (first[0] % page);
    this.#before = { page: start, bytes: this.cells.slice(start, start + page) };
    for (const [address, byte] of writable) this.cells[address] = byte;
    this.#busyUntil = at + toNs(writeMs);
    this.cycles++;
    this.#options.written?.(this);
  }

  powerCycle(): void {
    this.#powered = true;
    this.#busyUntil = 0;
    this.#before = undefined;
    this.#latches.clear();
    this.#addressed = 0;
    this.#pointer = 0;
  }

  /** In the middle of a cycle any byte that it changes may hold anything: the cell was erased, and half charged. */
  powerCut(at: number): void {
    this.#powered = false;
    if (!this.#before || at >= this.#busyUntil) return;
    const { page, bytes } = this.#before;
    for (const [offset, before] of bytes.entries()) {
      const wanted = this.cells[page + offset] ?? 0xff;
      const half = [before, 0xff, wanted, this.#dice.next() & 0xff][this.#dice.next() % 4] ?? 0xff;
      if (wanted !== before) this.cells[page + offset] = half;
    }
    this.#before = undefined;
  }

  /** As it would be read. */
  peek(address: number): number {
    return this.#stuck
      .filter((cell) => cell.address === address)
      .reduce(
        (byte, { bit, value }) => (value === 1 ? byte | (1 << bit) : byte & ~(1 << bit)),
        this.cells[address] ?? 0xff,
      );
  }

  flipBit(address: number, bit: number): void {
    const at = address + (bit >> 3);
    this.cells[at] = (this.cells[at] ?? 0xff) ^ (1 << (bit & 7));
  }

  stickBit(address: number, bit: number, value: 0 | 1): void {
    this.#stuck.push({ address: address + (bit >> 3), bit: bit & 7, value });
  }

  protect(): void {
    this.writeProtected = true;
  }
}
