import type { Bits } from './tap.ts';
import { toNs, usToNs } from '../virtual-clock.ts';

/** Of the bench's own part, in the range that data sheets of small flash CPLDs give; no real part is meant. */
export const CPLD = {
  rows: 64,
  rowBits: 128,
  eraseNs: toNs(100),
  programNs: usToNs(1000),
  enableNs: usToNs(10),
} as const;

/**
 * The configuration memory of the bench's CPLD: rows of bits that erase to one and program to zero. Each operation
 * takes its time; whoever does not wait for it loses what he asks for meanwhile, as with a real part.
 */
export class CpldMemory {
  readonly #rows = Array.from({ length: CPLD.rows }, () => new Uint8Array(CPLD.rowBits).fill(1));
  #done = false;
  #enabledAt = Infinity;
  #busyUntil = 0;
  #address = 0;
  /** Operations since power came up. */
  operations = 0;

  /** Programming is allowed (ISC_ENABLE, and its time). */
  enabled(at: number): boolean {
    return at >= this.#enabledAt;
  }

  busy(at: number): boolean {
    return at < this.#busyUntil;
  }

  get busyUntil(): number {
    return this.#busyUntil;
  }

  /** The part starts from its configuration: the last thing that is programmed. */
  get done(): boolean {
    return this.#done;
  }

  powerOn(): void {
    this.#enabledAt = Infinity;
    this.#busyUntil = 0;
    this.operations = 0;
  }

  /** Supply falls: a row or an erase under way stays half done. */
  powerCut(at: number): void {
    if (this.busy(at)) this.#row(this.#address).fill(0, 0, CPLD.rowBits / 2);
    this.powerOn();
  }

  enable(at: number): void {
    this.#enabledAt = at + CPLD.enableNs;
  }

  disable(): void {
    this.#enabledAt = Infinity;
  }

  setAddress(address: number): void {
    this.#address = address % CPLD.rows;
  }

  erase(at: number): void {
    if (!this.#start(at, CPLD.eraseNs)) return;
    for (const row of this.#rows) row.fill(1);
    this.#done = false;
  }

  /** One row at the address, which then moves on. */
  program(bits: Bits, at: number): void {
    if (!this.#start(at, CPLD.programNs)) return;
    const row = this.#row(this.#address);
    for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) & (bits[i] ?? 0);
    this.setAddress(this.#address + 1);
  }

  programDone(at: number): void {
    if (this.#start(at, CPLD.programNs)) this.#done = true;
  }

  /** The row at the address, which then moves on; while busy or not enabled, zeros. */
  read(at: number): Bits {
    if (this.busy(at) || !this.enabled(at)) return new Uint8Array(CPLD.rowBits);
    const bits = this.#row(this.#address).slice();
    this.setAddress(this.#address + 1);
    return bits;
  }

  /** A 32-bit word of the memory by byte address, past all protocol. */
  peek(address: number): number | undefined {
    const { row, bit } = place(address);
    const bits = this.#rows[row];
    if (!bits) return undefined;
    let value = 0;
    for (let i = 0; i < 32; i++) value += (bits[bit + i] ?? 0) * 2 ** i;
    return value;
  }

  poke(address: number, change: (bit: number, index: number) => number): void {
    const { row, bit } = place(address);
    const bits = this.#rows[row];
    if (!bits) return;
    for (let i = 0; i < 32; i++) bits[bit + i] = change(bits[bit + i] ?? 0, i) & 1;
  }

  #start(at: number, ns: number): boolean {
    if (this.busy(at) || !this.enabled(at)) return false;
    this.#busyUntil = at + ns;
    this.operations++;
    return true;
  }

  #row(address: number): Uint8Array {
    return this.#rows[address] ?? new Uint8Array(CPLD.rowBits);
  }
}

function place(address: number): { readonly row: number; readonly bit: number } {
  const bit = (address & ~3) * 8;
  return { row: Math.floor(bit / CPLD.rowBits), bit: bit % CPLD.rowBits };
}
