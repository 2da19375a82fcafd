import type { FlashArray } from '../flash-array.ts';
import type { FlashWork } from '../flash-work.ts';
import type { Prng } from '../prng.ts';
import { toNs, usToNs } from '../virtual-clock.ts';

/** W25Q16JV data sheet, AC electrical characteristics, typical: tPP, tSE, tBE1, tBE2, tCE, tW. */
export const NOR_TIMES = {
  programNs: usToNs(400),
  sectorNs: toNs(45),
  block32Ns: toNs(120),
  block64Ns: toNs(150),
  chipNs: toNs(5000),
  statusNs: toNs(10),
} as const;

const PAGE = 256;
const SECTOR = 0x1000;
/** Kept of a command: twice what a page takes. */
const MOST_BYTES = 4 + PAGE * 2;
const WIP = 1;
const WEL = 2;
/** BP0-BP2: with all of them set the whole array refuses changes (W25Q16JV, 7.1). */
const BLOCK_PROTECT = 0x1c;
const QUAD_ENABLE = 2;
const HIGHEST = 0xff;

export interface NorOptions {
  readonly cells: FlashArray;
  readonly work: FlashWork;
  readonly prng: Prng;
  readonly uniqueId: Uint8Array;
  /** Manufacturer, type, capacity. */
  readonly jedecId: readonly [number, number, number];
}

/**
 * A W25Q16JV NOR flash as its pins see it: selected, bytes in and out, deselected (data sheet, 8.2). Commands that change cells take
 * effect when it is deselected, and run by themselves; meanwhile only the status registers are answered.
 */
export class NorFlash {
  readonly cells: FlashArray;
  readonly #work: FlashWork;
  readonly #prng: Prng;
  readonly #uniqueId: Uint8Array;
  readonly #jedecId: readonly number[];
  #selected = false;
  /** What was sent since it was selected, as far as a command can need it. */
  readonly #bytes = new Uint8Array(MOST_BYTES);
  #position = 0;
  #ignored = false;
  #writeEnabled = false;
  #resetEnabled = false;
  #poweredDown = false;
  /** Non-volatile. */
  #status1 = 0;
  #status2 = 0;
  readonly misuse = new Set<string>();

  constructor({ cells, work, prng, uniqueId, jedecId }: NorOptions) {
    this.cells = cells;
    this.#work = work;
    this.#prng = prng;
    this.#uniqueId = uniqueId;
    this.#jedecId = jedecId;
  }

  powerOn(): void {
    this.#selected = false;
    this.#softReset();
  }

  protect(): void {
    this.#status1 |= BLOCK_PROTECT;
  }

  get selected(): boolean {
    return this.#selected;
  }

  get quadEnabled(): boolean {
    return (this.#status2 & QUAD_ENABLE) !== 0;
  }

  /** What the bytes so far have come to, as far as it decides what the next ones do; undefined where that cannot be told shortly. */
  get phase(): number | undefined {
    if (!this.#selected) return this.#writeEnabled || this.#resetEnabled ? undefined : 0;
    const command = this.#position === 0 ? undefined : this.#bytes[0];
    return command === 0x05 && !this.#ignored ? command : undefined;
  }

  /** When it will be done with what it does; undefined when it does nothing. */
  idleAt(at: number): number | undefined {
    return this.#work.idleAt(at);
  }

  select(): void {
    this.#selected = true;
    this.#position = 0;
    this.#ignored = false;
  }

  /** One byte each way. All ones come back while nothing is to be said. */
  exchange(byte: number, at: number): number {
    if (!this.#selected) return HIGHEST;
    const position = this.#position++;
    if (position === 0) this.#begin(byte, at);
    // Past what any command takes, only the answer goes on.
    if (position < MOST_BYTES) this.#bytes[position] = byte;
    if (this.#ignored || position === 0) return HIGHEST;
    return this.#answer(this.#bytes[0] ?? 0, position, at);
  }

  /** The end of a command: what it asked for begins. */
  deselect(at: number): void {
    if (!this.#selected) return;
    this.#selected = false;
    if (this.#position === 0 || this.#ignored) return;
    this.#carryOut(this.#bytes[0] ?? 0, this.#bytes.subarray(1, Math.min(this.#position, MOST_BYTES)), at);
  }

  /** A read as it comes through the XIP window: `address` in the array. All ones while busy. */
  readWord(address: number, at: number): number {
    if (this.#work.idleAt(at) !== undefined || this.#poweredDown) return 0xffffffff;
    return this.cells.readWord(this.cells.start + (address % this.cells.size));
  }

  #begin(command: number, at: number): void {
    const busy = this.#work.idleAt(at) !== undefined;
    const answersBusy = command === 0x05 || command === 0x35 || command === 0x15;
    this.#ignored = (busy && !answersBusy) || (this.#poweredDown && command !== 0xab);
    if (busy && !answersBusy) this.misuse.add(`command ${command.toString(16)} while busy`);
  }

  #answer(command: number, position: number, at: number): number {
    switch (command) {
      case 0x05:
        return this.#status(at);
      case 0x35:
        return this.#status2;
      case 0x15:
        return 0;
      case 0x9f:
        return this.#jedecId[(position - 1) % 3] ?? 0;
      case 0x90:
        return position < 4 ? HIGHEST : position & 1 ? 0x14 : 0xef;
      case 0xab:
        return position < 4 ? HIGHEST : 0x14;
      case 0x4b:
        return position < 5 ? HIGHEST : (this.#uniqueId[(position - 5) % this.#uniqueId.length] ?? 0);
      case 0x5a:
        return position < 5 ? HIGHEST : sfdp(this.#address() + position - 5);
      case 0x03:
        return position < 4 ? HIGHEST : this.#byte(this.#address() + position - 4);
      case 0x0b:
        return position < 5 ? HIGHEST : this.#byte(this.#address() + position - 5);
      default:
        return HIGHEST;
    }
  }

  #status(at: number): number {
    const busy = this.#work.idleAt(at) !== undefined;
    return this.#status1 | (busy ? WIP : 0) | (this.#writeEnabled ? WEL : 0);
  }

  #address(): number {
    const bytes = this.#bytes;
    return (((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) % this.cells.size;
  }

  #byte(offset: number): number {
    const at = this.cells.start + (offset % this.cells.size);
    return (this.cells.readWord(at - (at % 4)) >>> ((at % 4) * 8)) & 0xff;
  }

  #carryOut(command: number, data: Uint8Array, at: number): void {
    const enabled = this.#resetEnabled;
    this.#resetEnabled = command === 0x66;
    switch (command) {
      case 0x06:
      case 0x50:
        this.#writeEnabled = true;
        return;
      case 0x04:
        this.#writeEnabled = false;
        return;
      case 0xb9:
        this.#poweredDown = true;
        return;
      case 0xab:
        this.#poweredDown = false;
        return;
      case 0x99:
        if (enabled) this.#softReset();
        return;
      default:
        this.#change(command, data, at);
    }
  }

  /** What needs a write enable before it. */
  #change(command: number, data: Uint8Array, at: number): void {
    const kind = CHANGES.get(command);
    if (!kind) return;
    if (!this.#writeEnabled) {
      this.misuse.add(`command ${command.toString(16)} without write enable`);
      return;
    }
    if (kind === 'status') this.#writeStatus(command, data, at);
    else if (this.#status1 & BLOCK_PROTECT) this.#writeEnabled = false;
    else if (kind === 'program') this.#program(data, at);
    else this.#erase(kind.size ?? this.cells.size, kind.ns, at);
  }

  #writeStatus(command: number, data: Uint8Array, at: number): void {
    const [first = 0, second] = [data[0], data[1]];
    this.#run(NOR_TIMES.statusNs, at, () => {
      if (command === 0x01) this.#status1 = first & 0xfc;
      const next = command === 0x31 ? first : second;
      if (next !== undefined) this.#status2 = next & 0x7b;
    });
  }

  /** Beyond the page's end it goes on at the page's begin; of more than a page, the last bytes count (8.2, Page Program). */
  #program(data: Uint8Array, at: number): void {
    const start = this.#address();
    const bytes = data.subarray(3);
    if (bytes.length === 0) return;
    if ((start % PAGE) + bytes.length > PAGE) this.misuse.add('page program beyond the end of its page');
    const image = new Uint8Array(PAGE).fill(0xff);
    for (let i = 0; i < bytes.length; i++) image[(start + i) % PAGE] = bytes[i] ?? 0;
    const words = new Uint32Array(image.buffer);
    const page = this.cells.start + start - (start % PAGE);
    for (let i = 0; i < words.length; i++) {
      const value = words[i] ?? 0;
      if (value & ~this.cells.readWord(page + i * 4) & usedLanes(value)) this.misuse.add('page program without erase');
    }
    const each = (change: (address: number, value: number) => void) => (): void => {
      for (let i = 0; i < words.length; i++) {
        const value = words[i] ?? 0;
        if (value !== 0xffffffff) change(page + i * 4, value);
      }
    };
    this.#run(
      NOR_TIMES.programNs,
      at,
      each((address, value) => this.cells.program(address, value)),
      each((address, value) => this.cells.programHalfway(address, value, this.#prng)),
    );
  }

  #erase(size: number, ns: number, at: number): void {
    const offset = size === this.cells.size ? 0 : this.#address();
    const start = this.cells.start + offset - (offset % size);
    this.#run(
      ns,
      at,
      () => this.cells.erase(start, size),
      () => this.cells.eraseHalfway(start, size, this.#prng),
    );
  }

  #run(ns: number, at: number, apply: () => void, leaveHalfDone: () => void = () => undefined): void {
    const finish = (change: () => void) => () => {
      this.#writeEnabled = false;
      change();
    };
    this.#work.start({ ns, apply: finish(apply), leaveHalfDone: finish(leaveHalfDone) }, at);
  }

  #softReset(): void {
    this.#position = 0;
    this.#writeEnabled = false;
    this.#resetEnabled = false;
    this.#poweredDown = false;
  }
}

type Change = 'status' | 'program' | { readonly size: number | undefined; readonly ns: number };

const CHIP_ERASE: Change = { size: undefined, ns: NOR_TIMES.chipNs };

const CHANGES: ReadonlyMap<number, Change> = new Map<number, Change>([
  [0x01, 'status'],
  [0x31, 'status'],
  [0x02, 'program'],
  [0x32, 'program'],
  [0x20, { size: SECTOR, ns: NOR_TIMES.sectorNs }],
  [0x52, { size: 0x8000, ns: NOR_TIMES.block32Ns }],
  [0xd8, { size: 0x10000, ns: NOR_TIMES.block64Ns }],
  [0x60, CHIP_ERASE],
  [0xc7, CHIP_ERASE],
]);

/** The bytes of a word that are programmed at all; 0xFF leaves its byte as it is. */
function usedLanes(value: number): number {
  let mask = 0;
  if ((value & 0xff) !== 0xff) mask |= 0xff;
  if ((value & 0xff00) !== 0xff00) mask |= 0xff00;
  if ((value & 0xff0000) !== 0xff0000) mask |= 0xff0000;
  return value >>> 24 === 0xff ? mask : mask | 0xff000000;
}

/** Serial flash discoverable parameters (JESD216): the header, and of the basic table the density in bits minus 1. */
function sfdp(offset: number): number {
  const HEADER = [0x53, 0x46, 0x44, 0x50, 0x05, 0x01, 0x00, 0xff, 0x00, 0x05, 0x01, 0x10, 0x80, 0x00, 0x00, 0xff];
  const TABLE = [0xe5, 0x20, 0xf9, 0xff, 0xff, 0xff, 0xff, 0x00];
  return HEADER[offset] ?? TABLE[offset - 0x80] ?? HIGHEST;
}
