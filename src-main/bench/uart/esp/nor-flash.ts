import type { CellWatch } from '../../flash-array.ts';
import { toNs } from '../../virtual-clock.ts';

/** Typical times of a common SPI NOR (W25Q32JV data sheet, 9.6 AC characteristics: tSE, tBE2). */
const SECTOR_NS = toNs(45);
const BLOCK_NS = toNs(150);
/**
 * The ROM's routine, which the stub calls too, programs a page in pieces of 32 bytes (ESP-IDF, esp_rom/spi_flash.h,
 * ESP_ROM_SPIFLASH_BUFF_BYTE_WRITE_NUM): eight times tBP1 + 31 tBP2, 30 us and 2.5 us.
 */
const PAGE_NS = toNs(0.86);
export const SECTOR = 0x1000;
export const BLOCK = 0x10000;
const PAGE = 0x100;
/** Read at a time, behind 8 bits of command and 24 of address (ESP_ROM_SPIFLASH_BUFF_BYTE_READ_NUM), and what it takes to copy them. */
const READ_BYTES = 64;
const COPY_US = 2;

/** How late data comes through the chip's pin matrix, in cycles (ESP-IDF, esp_rom/spi_flash.h, DUMMY_LEN_PLUS). */
function lateAt(mhz: number): number {
  if (mhz > 40) return 2;
  return mhz > 26 ? 1 : 0;
}

/** How the controller reads. */
export interface ReadBus {
  readonly mhz: number;
  readonly lines: 1 | 2 | 4;
  readonly dummyCycles: number;
  /** Of these, what the controller waits for because data comes late. */
  readonly lateCycles: number;
}

/** As the loaders set it: a line at a quarter of 80 MHz (esp-stub-lib, SPI_CLK_DIV(4)). */
export const SLOW_READS: ReadBus = { mhz: 20, lines: 1, dummyCycles: 0, lateCycles: 0 };

function readNs({ mhz, lines, dummyCycles }: ReadBus): number {
  const cycles = 32 + dummyCycles + (READ_BYTES * 8) / lines;
  return ((cycles / mhz + COPY_US) * 1000) / READ_BYTES;
}

interface Work {
  readonly start: number;
  readonly end: number;
  readonly kind: 'erase' | 'program';
  readonly address: number;
  /** Bytes erased, or the page to program. */
  readonly size: number;
  readonly data?: Uint8Array;
}

/** What can be wrong with it. */
export interface NorFaults {
  /** Its READY never comes any more after that many operations. */
  readonly stuckAfter?: number;
  /** What it says of its size, as the JEDEC id has it; 0x16 (4 MiB) else. */
  readonly capacity?: number;
  /** On the board's wires: above that, what is read comes a bit late. */
  readonly readsUpToMhz?: number;
  /** Above that rate one bit of the byte there is read wrong, and nothing else. */
  readonly misreads?: { readonly aboveMhz: number; readonly at: number };
  /** Its pins go past the matrix: data comes a cycle sooner. */
  readonly directPins?: boolean;
}

/**
 * The SPI flash behind an Espressif chip. What is begun takes its time and is done in order; what a failing supply meets is
 * torn: half a page programmed, a sector neither what it was nor blank.
 */
export class NorFlash {
  readonly bytes: Uint8Array;
  bus: ReadBus = SLOW_READS;
  /** QE of its status register, which a boot loader of ESP-IDF sets for good once an image wants four lines. */
  quadEnabled = false;
  watch: CellWatch | undefined;
  readonly #faults: NorFaults;
  #work: Work[] = [];
  #busyUntil = 0;
  #operations = 0;
  #diesAt = Infinity;

  constructor(size: number, faults: NorFaults = {}) {
    this.bytes = new Uint8Array(size).fill(0xff);
    this.#faults = faults;
  }

  /** JEDEC id: Winbond, SPI NOR, log2 of the size. */
  get jedecId(): number {
    return 0xef | (0x40 << 8) | ((this.#faults.capacity ?? Math.log2(this.bytes.length)) << 16);
  }

  /** When the last that was begun is over; Infinity where it never will be. */
  get busyUntil(): number {
    return this.#busyUntil;
  }

  /** Operations begun so far: what a power cut can be aimed at. */
  get operations(): number {
    return this.#operations;
  }

  /** One erase command for the sector, or the block where that is aligned and wanted whole. Returns what it covers. */
  erase(address: number, upTo: number, at: number): number {
    const whole = address % BLOCK === 0 && upTo - address >= BLOCK;
    const size = whole ? BLOCK : SECTOR;
    this.#begin('erase', address, size, whole ? BLOCK_NS : SECTOR_NS, at);
    return size;
  }

  /** Page by page; bits only fall. Returns when it is over. */
  program(address: number, data: Uint8Array, at: number): number {
    for (let done = 0; done < data.length;) {
      const size = Math.min(PAGE - ((address + done) % PAGE), data.length - done);
      this.#begin('program', address + done, size, PAGE_NS, at, data.subarray(done, done + size));
      done += size;
    }
    return this.#busyUntil;
  }

  /** What it holds once everything begun is done, and when it has been read. */
  read(address: number, size: number, at: number): { readonly bytes: Uint8Array; readonly end: number } {
    this.settle(Infinity);
    const bytes = this.bytes.slice(address, address + size);
    if (!this.#isReadRight()) bytes.forEach((byte, index) => (bytes[index] = byte >> 1));
    const { aboveMhz = Infinity, at: wrong = 0 } = this.#faults.misreads ?? {};
    const misread = this.bus.mhz > aboveMhz ? bytes[wrong - address] : undefined;
    if (misread !== undefined) bytes[wrong - address] = misread ^ 0x10;
    return { bytes, end: Math.max(at, this.#busyUntil) + size * readNs(this.bus) };
  }

  #isReadRight(): boolean {
    const { mhz, lines, lateCycles } = this.bus;
    const { readsUpToMhz = Infinity, directPins = false } = this.#faults;
    const late = Math.max(0, lateAt(mhz) - Number(directPins));
    return mhz <= readsUpToMhz && lateCycles === late && (lines < 4 || this.quadEnabled);
  }

  /** Does what is over by then. */
  settle(at: number): void {
    const until = Math.min(at, this.#diesAt);
    const over = this.#work.findIndex(({ end }) => end > until || end === Infinity);
    for (const work of this.#work.splice(0, over === -1 ? this.#work.length : over)) this.#carry(work, work.size);
  }

  /** The supply fails then: what is under way is torn, what comes later is never begun. */
  cut(at: number): void {
    this.settle(at);
    this.#diesAt = Math.min(this.#diesAt, at);
    const [torn] = this.#work;
    if (torn && torn.start < at) this.#tear(torn);
    this.#work = [];
  }

  /** With power again: nothing is under way. */
  restart(at: number): void {
    this.cut(at);
    this.#diesAt = Infinity;
    if (this.#busyUntil !== Infinity) this.#busyUntil = at;
  }

  #begin(kind: Work['kind'], address: number, size: number, ns: number, at: number, data?: Uint8Array): void {
    const start = Math.max(at, this.#busyUntil);
    if (start >= this.#diesAt) return;
    this.#operations++;
    if (this.#operations > (this.#faults.stuckAfter ?? Infinity)) this.#busyUntil = Infinity;
    else this.#busyUntil = start + ns;
    this.#work.push({ start, end: this.#busyUntil, kind, address, size, ...(data ? { data } : {}) });
  }

  #carry({ kind, address, data }: Work, size: number): void {
    const before = this.watch && this.bytes.slice(address, address + size);
    if (kind === 'erase') this.bytes.fill(0xff, address, address + size);
    else
      data
        ?.subarray(0, size)
        .forEach((byte, index) => (this.bytes[address + index] = byte & (this.bytes[address + index] ?? 0)));
    if (before) this.watch?.(address, before, this.bytes.slice(address, address + size));
  }

  /** An erase lets some bits rise first: here every other bit of all that was 0. */
  #tear(work: Work): void {
    if (work.kind === 'program') this.#carry(work, Math.floor(work.size / 2));
    else for (let at = work.address; at < work.address + work.size; at++) this.bytes[at] = (this.bytes[at] ?? 0) | 0x55;
  }
}
