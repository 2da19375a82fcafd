import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import { withLanes } from '../chip-bus.ts';
import type { FlashArray } from '../flash-array.ts';
import type { FlashInterface } from '../flash-slaves.ts';
import type { FlashOperation, FlashWork } from '../flash-work.ts';
import { hex, Misuse } from '../misuse.ts';
import type { Prng } from '../prng.ts';
import { toNs } from '../virtual-clock.ts';

/** SAM D21 data sheet, electrical characteristics, "NVM characteristics": it gives maxima only. */
const PAGE_WRITE_NS = toNs(2.5);
const ROW_ERASE_NS = toNs(6);
const CHIP_ERASE_NS = toNs(240);
/** Page writes of a row between two erases (same table, note). */
const ROW_WRITES = 8;

const PAGE_SIZE = 64;
export const ROW_SIZE = 256;
export const FLASH = { start: 0, size: 0x40000 } as const;
export const USER_ROW = { start: 0x804000, size: ROW_SIZE } as const;
const AUXILIARY = 0x800000;

/** SAM D21 data sheet, NVMCTRL, register summary; registers narrower than a word share it. */
const CTRLA = 0x00;
const CTRLB = 0x04;
const PARAM = 0x08;
const INTFLAG = 0x14;
const STATUS = 0x18;
const ADDR = 0x1c;
const LOCK = 0x20;

const KEY = 0xa5;
const READY = 1;
const ERROR = 2;
const LOAD = 1 << 1;
const PROGE = 1 << 2;
const LOCKE = 1 << 3;
const NVME = 1 << 4;
const SB = 1 << 8;
const MANW = 1 << 7;
/** 4096 pages of 8 << 3 bytes. */
const PARAM_VALUE = 0x00031000;
const REGION = FLASH.size / 16;

const Command = {
  eraseRow: 0x02,
  writePage: 0x04,
  eraseAuxiliaryRow: 0x05,
  writeAuxiliaryPage: 0x06,
  lockRegion: 0x40,
  unlockRegion: 0x41,
  setPowerReduction: 0x42,
  clearPowerReduction: 0x43,
  clearPageBuffer: 0x44,
  setSecurityBit: 0x45,
  invalidateCache: 0x46,
} as const;

/** The SAM D21's NVM controller: flash in rows of four pages, written through a page buffer. Times are virtual nanoseconds. */
export class Nvmctrl implements FlashInterface {
  readonly misuse = new Misuse();
  readonly #flash: FlashArray;
  readonly #userRow: FlashArray;
  readonly #work: FlashWork;
  readonly #prng: Prng;
  readonly #buffer = new Uint32Array(PAGE_SIZE / 4).fill(0xffffffff);
  readonly #rowWrites = new Map<number, number>();
  #ctrlb = MANW;
  #intflag = 0;
  #status = 0;
  /** In bytes; the register counts halfwords. */
  #address = 0;
  #lock = 0xffff;
  /** Bytes at the flash's start that BOOTPROT keeps from being written. */
  #bootSize = 0;
  /** Non-volatile. */
  securityBit = false;

  constructor(flash: FlashArray, userRow: FlashArray, work: FlashWork, prng: Prng) {
    this.#flash = flash;
    this.#userRow = userRow;
    this.#work = work;
    this.#prng = prng;
  }

  reset(powerUp: boolean): void {
    if (powerUp) this.misuse.forget();
    this.#ctrlb = MANW;
    this.#intflag = 0;
    this.#status = 0;
    this.#address = 0;
    this.#lock = this.#userRow.readWord(USER_ROW.start + 4) >>> 16;
    const bootProtection = this.#userRow.readWord(USER_ROW.start) & 7;
    this.#bootSize = bootProtection === 7 ? 0 : 0x8000 >>> bootProtection;
    this.#buffer.fill(0xffffffff);
  }

  readArray(array: FlashArray, address: number, at: number): AccessResult {
    return done(this.#work.wait(at), array.readWord(address));
  }

  /** Into the page buffer, by halfwords or words: bytes are a fault, and bits are only cleared until the buffer is. */
  writeArray(_array: FlashArray, address: number, size: AccessSize, value: number, at: number): AccessResult {
    const when = this.#work.wait(at);
    if (size === 1) {
      this.misuse.note(`a byte was written to the page buffer, at ${hex(address)}`);
      return busFault(when);
    }
    const index = (address % PAGE_SIZE) >>> 2;
    this.#buffer[index] = (this.#buffer[index] ?? 0) & withLanes(0xffffffff, address, size, value);
    this.#status |= LOAD;
    this.#address = (address & ~1) >>> 0;
    const last = address % PAGE_SIZE === PAGE_SIZE - size;
    if (last && (this.#ctrlb & MANW) === 0) this.#writePage(address >= AUXILIARY, when);
    return done(when);
  }

  readRegister(offset: number, at: number): number {
    const busy = this.#work.idleAt(at) !== undefined;
    switch (offset) {
      case CTRLB:
        return this.#ctrlb;
      case PARAM:
        return PARAM_VALUE;
      case INTFLAG:
        return this.#intflag | (busy ? 0 : READY);
      case STATUS:
        return this.#status | (this.securityBit ? SB : 0);
      case ADDR:
        return (this.#address & 0x7fffff) >>> 1;
      case LOCK:
        return this.#lock;
      default:
        return 0;
    }
  }

  writeRegister(offset: number, value: number, at: number): AccessResult {
    this.#work.settle(at);
    switch (offset) {
      case CTRLA:
        this.#command(value, at);
        break;
      case CTRLB:
        this.#ctrlb = value & 0x0007039e;
        break;
      case INTFLAG:
        this.#intflag &= ~(value & ERROR);
        break;
      case STATUS:
        this.#status &= ~(value & (PROGE | LOCKE | NVME));
        break;
      case ADDR:
        this.#address = (value & 0x3fffff) * 2;
        break;
      default:
    }
    return done(at);
  }

  heldUntil(_offset: number, at: number): number {
    return at;
  }

  /** The DSU's: main array and security bit; the user row stays. */
  chipErase(at: number, finished: () => void): void {
    this.#work.abort(at);
    this.#start(
      CHIP_ERASE_NS,
      () => {
        this.#flash.eraseAll();
        this.#rowWrites.clear();
        this.securityBit = false;
        finished();
      },
      () => this.#flash.eraseHalfway(FLASH.start, FLASH.size, this.#prng),
      at,
    );
  }

  #fail(flag: number): void {
    this.#status |= flag;
    this.#intflag |= ERROR;
  }

  #refuse(sentence: string): void {
    this.misuse.note(sentence);
    this.#fail(PROGE);
  }

  #command(value: number, at: number): void {
    if ((value >>> 8) % 0x100 !== KEY) {
      this.#refuse('a command without the key');
      return;
    }
    if (this.#work.idleAt(at) !== undefined) {
      this.#refuse('a command while the one before was under way');
      return;
    }
    switch (value & 0x7f) {
      case Command.eraseRow:
        return this.#eraseRow(false, at);
      case Command.eraseAuxiliaryRow:
        return this.#eraseRow(true, at);
      case Command.writePage:
        return this.#writePage(false, at);
      case Command.writeAuxiliaryPage:
        return this.#writePage(true, at);
      case Command.lockRegion:
        this.#lock &= ~this.#regionBit();
        return;
      case Command.unlockRegion:
        this.#lock |= this.#regionBit();
        return;
      case Command.clearPageBuffer:
        this.#clearBuffer();
        return;
      case Command.setSecurityBit:
        return this.#start(
          PAGE_WRITE_NS,
          () => {
            this.securityBit = true;
          },
          () => {},
          at,
        );
      case Command.setPowerReduction:
      case Command.clearPowerReduction:
      case Command.invalidateCache:
        return;
      default:
        this.#refuse(`no such command as 0x${(value & 0x7f).toString(16)}`);
    }
  }

  #regionBit(): number {
    return 1 << Math.floor((this.#address % FLASH.size) / REGION);
  }

  /** The cells that ADDR names for this command; undefined once the refusal is told. */
  #target(auxiliary: boolean): FlashArray | undefined {
    const array = auxiliary ? this.#userRow : this.#flash;
    if (auxiliary) this.#address = AUXILIARY | (this.#address & 0x7fffff);
    if (!array.holds(this.#address) || (auxiliary && this.securityBit)) {
      this.#refuse(`${hex(this.#address)} cannot be written or erased by this command`);
      return undefined;
    }
    const locked = !auxiliary && ((this.#lock & this.#regionBit()) === 0 || this.#address < this.#bootSize);
    if (!locked) return array;
    this.#fail(LOCKE);
    return undefined;
  }

  #eraseRow(auxiliary: boolean, at: number): void {
    const array = this.#target(auxiliary);
    if (!array) return;
    const row = this.#address - (this.#address % ROW_SIZE);
    this.#start(
      ROW_ERASE_NS,
      () => {
        array.erasePage(row);
        this.#rowWrites.delete(row);
      },
      () => array.erasePageHalfway(row, this.#prng),
      at,
    );
  }

  /** Words of the buffer that are all ones leave the cells as they are. */
  #writePage(auxiliary: boolean, at: number): void {
    const array = this.#target(auxiliary);
    if (!array) return;
    const page = this.#address - (this.#address % PAGE_SIZE);
    const words = [...this.#buffer].flatMap((value, index) =>
      value === 0xffffffff ? [] : [{ address: page + index * 4, value }],
    );
    for (const { address, value } of words) if (value & ~array.readWord(address)) array.overwritten.add(address);
    this.#countWrite(page - (page % ROW_SIZE));
    this.#start(
      PAGE_WRITE_NS,
      () => {
        for (const { address, value } of words) array.program(address, value);
        this.#clearBuffer();
      },
      () => {
        for (const { address, value } of words) array.programHalfway(address, value, this.#prng);
      },
      at,
    );
  }

  #countWrite(row: number): void {
    const writes = (this.#rowWrites.get(row) ?? 0) + 1;
    this.#rowWrites.set(row, writes);
    if (writes > ROW_WRITES)
      this.misuse.note(`the row at ${hex(row)} was written more than eight times without an erase`);
  }

  #clearBuffer(): void {
    this.#buffer.fill(0xffffffff);
    this.#status &= ~LOAD;
  }

  #start(ns: number, apply: () => void, leaveHalfDone: () => void, at: number): void {
    const operation: FlashOperation = { ns, apply, leaveHalfDone };
    this.#work.start(operation, at);
  }
}
