import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import { withLanes } from '../chip-bus.ts';
import type { FlashArray } from '../flash-array.ts';
import type { FlashInterface } from '../flash-slaves.ts';
import type { FlashOperation, FlashWork } from '../flash-work.ts';
import { KeyLock } from '../key-lock.ts';
import { hex, Misuse } from '../misuse.ts';
import type { Prng } from '../prng.ts';
import { toNs, usToNs } from '../virtual-clock.ts';
import { FLASH, OPTIONS, SECTORS, sectorOf, type Cells } from './cells.ts';
import { programOptions, protectedSectors, rdpLevel, readOptions, type RdpLevel } from './options.ts';

/** Typical times by PSIZE (8, 16, 32 bits): STM32F405xx/407xx data sheet, "Flash memory programming". */
const WORD_NS = usToNs(16);
const ERASE_MS: ReadonlyMap<number, readonly [number, number, number]> = new Map([
  [0x4000, [400, 300, 250]],
  [0x10000, [1200, 700, 550]],
  [0x20000, [2000, 1300, 1000]],
]);
const MASS_ERASE_MS = [16_000, 11_000, 8000] as const;
/** No figure in the data sheet: taken for the erase of the smallest sector. */
const OPTIONS_MS = 250;

/** RM0090, 3.9 Flash interface registers. */
const ACR = 0x00;
const KEYR = 0x04;
const OPTKEYR = 0x08;
const SR = 0x0c;
const CR = 0x10;
const OPTCR = 0x14;

/** Flash, then options (RM0090, 3.6.1 and 3.7.2). */
const KEYS = [0x45670123, 0xcdef89ab] as const;
const OPTION_KEYS = [0x08192a3b, 0x4c5d6e7f] as const;

const EOP = 1 << 0;
const WRPERR = 1 << 4;
const PGPERR = 1 << 6;
const PGSERR = 1 << 7;
const BSY = 1 << 16;
const CLEARABLE = 0xf3;

const PG = 1 << 0;
const SER = 1 << 1;
const MER = 1 << 2;
const STRT = 1 << 16;
const EOPIE = 1 << 24;
const LOCK = 0x80000000;
const CR_WRITABLE = 0x0300037f;

const OPTLOCK = 1 << 0;
const OPTSTRT = 1 << 1;
const OPTCR_WRITABLE = 0x0fffffec;

/** The flash interface of the STM32F405/407 (RM0090, 3). Times are virtual nanoseconds. */
export class FlashController implements FlashInterface {
  readonly misuse = new Misuse();
  readonly #cells: Cells;
  readonly #work: FlashWork;
  readonly #prng: Prng;
  #acr = 0;
  #sr = 0;
  #cr = 0;
  #optcr = 0;
  readonly #lock = new KeyLock(...KEYS);
  readonly #optionLock = new KeyLock(...OPTION_KEYS);
  /** A debugger has been at the chip since power came up (RM0090, 3.7.3: level 1 then shuts the flash). */
  #intruded = false;

  constructor(cells: Cells, work: FlashWork, prng: Prng) {
    this.#cells = cells;
    this.#work = work;
    this.#prng = prng;
  }

  get level(): RdpLevel {
    return rdpLevel(readOptions(this.#cells.options));
  }

  /** Read protection refuses every access to the flash. */
  get shut(): boolean {
    return this.#intruded && this.level > 0;
  }

  debuggerCame(): void {
    this.#intruded = true;
  }

  reset(powerUp: boolean): void {
    if (powerUp) {
      this.#intruded = false;
      this.misuse.forget();
    }
    this.#acr = 0;
    this.#sr = 0;
    this.#cr = 0;
    this.#lock.reset();
    this.#optionLock.reset();
    this.#optcr = readOptions(this.#cells.options);
  }

  /** The bus is held while the array works (RM0090, 3.6: any read of the flash stalls it). */
  readArray(array: FlashArray, address: number, at: number): AccessResult {
    const when = this.#work.wait(at);
    if (this.shut && array === this.#cells.main) return busFault(when);
    return done(when, array.readWord(address));
  }

  /** Bytes, halfwords or words as PSIZE has it; others are refused by a flag, not by a fault (RM0090, 3.6.4). */
  writeArray(array: FlashArray, address: number, size: AccessSize, value: number, at: number): AccessResult {
    const when = this.#work.wait(at);
    if (this.shut && array === this.#cells.main) return busFault(when);
    if (array === this.#cells.options) return done(when);
    if (!this.#mayProgram(array, address, size)) return done(when);
    const word = (address & ~3) >>> 0;
    const old = array.readWord(word);
    const next = withLanes(0xffffffff, address, size, value);
    if (withLanes(0, address, size, value) & ~old) array.overwritten.add(word);
    this.#start(
      {
        ns: WORD_NS,
        apply: () => array.program(word, next),
        leaveHalfDone: () => array.programHalfway(word, next, this.#prng),
      },
      when,
    );
    return done(when);
  }

  readRegister(offset: number, at: number): number {
    const busy = this.#work.idleAt(at) !== undefined;
    switch (offset) {
      case ACR:
        return this.#acr;
      case SR:
        return busy ? this.#sr | BSY : this.#sr;
      case CR:
        return (this.#cr | (busy && this.#cr & (SER | MER) ? STRT : 0) | (this.#lock.open ? 0 : LOCK)) >>> 0;
      case OPTCR:
        return this.#optcr | (this.#optionLock.open ? 0 : OPTLOCK);
      default:
        return 0;
    }
  }

  /** Whole registers; CR and OPTCR hold the bus while the controller works (RM0090, 3.9.7). */
  writeRegister(offset: number, value: number, at: number): AccessResult {
    const when = this.#holds(offset) ? this.#work.wait(at) : at;
    this.#work.settle(when);
    switch (offset) {
      case ACR:
        this.#acr = value & 0x1f07;
        return done(when);
      case KEYR:
        return this.#lock.turn(value) ? done(when) : this.#jammed('FLASH_KEYR', when);
      case OPTKEYR:
        return this.#optionLock.turn(value) ? done(when) : this.#jammed('FLASH_OPTKEYR', when);
      case SR:
        this.#sr &= ~(value & CLEARABLE);
        return done(when);
      case CR:
        this.#control(value, when);
        return done(when);
      case OPTCR:
        this.#optionControl(value, when);
        return done(when);
      default:
        return done(when);
    }
  }

  /** Until when the bus will not take a write of this register. */
  heldUntil(offset: number, at: number): number {
    return this.#holds(offset) ? (this.#work.idleAt(at) ?? at) : at;
  }

  #holds(offset: number): boolean {
    return offset === CR || offset === OPTCR;
  }

  #jammed(register: string, at: number): AccessResult {
    this.misuse.note(`a wrong key in ${register}: it stays locked until the next reset`);
    return busFault(at);
  }

  #mayProgram(array: FlashArray, address: number, size: AccessSize): boolean {
    if ((this.#cr & (PG | SER | MER)) !== PG) {
      this.misuse.note(`a write to flash at ${hex(address)} while FLASH_CR did not ask for programming`);
      return this.#refuse(PGSERR);
    }
    const parallelism = (this.#cr >>> 8) & 3;
    if (parallelism > 2 || size !== 1 << parallelism) {
      this.misuse.note(`a write of ${size} bytes at ${hex(address)} against FLASH_CR.PSIZE ${parallelism}`);
      return this.#refuse(PGPERR);
    }
    const locked =
      array === this.#cells.main
        ? (protectedSectors(readOptions(this.#cells.options)) >>> sectorOf(address)) & 1
        : this.#cells.otpLocked(address);
    return locked ? this.#refuse(WRPERR) : true;
  }

  #refuse(flag: number): false {
    this.#sr |= flag;
    return false;
  }

  #control(value: number, at: number): void {
    if (!this.#lock.open) {
      if (value !== LOCK) this.misuse.note('FLASH_CR was written while locked');
      return;
    }
    this.#cr = value & CR_WRITABLE;
    if (value & LOCK) this.#lock.shut();
    if (value & STRT) this.#erase(at);
  }

  #erase(at: number): void {
    const kinds = this.#cr & (PG | SER | MER);
    if (kinds === MER) this.#massErase(at);
    else if (kinds === SER) this.#sectorErase((this.#cr >>> 3) & 0xf, at);
    else {
      this.misuse.note('FLASH_CR.STRT without one kind of erase');
      this.#refuse(PGSERR);
    }
  }

  #sectorErase(index: number, at: number): void {
    const sector = SECTORS[index];
    if (!sector) {
      this.misuse.note(`sector ${index} is not there to be erased`);
      return;
    }
    if (this.shut || (protectedSectors(readOptions(this.#cells.options)) >>> index) & 1) {
      this.#refuse(WRPERR);
      return;
    }
    const { main } = this.#cells;
    this.#start(
      {
        ns: toNs(this.#byParallelism(ERASE_MS.get(sector.size) ?? [0, 0, 0])),
        apply: () => main.erase(sector.start, sector.size),
        leaveHalfDone: () => main.eraseHalfway(sector.start, sector.size, this.#prng),
      },
      at,
    );
  }

  /** Refused while one sector is write protected (RM0090, 3.7.4). */
  #massErase(at: number): void {
    if (this.shut || protectedSectors(readOptions(this.#cells.options)) !== 0) this.#refuse(WRPERR);
    else
      this.#start(
        this.#wholeFlash(() => {}),
        at,
      );
  }

  #wholeFlash(then: () => void): FlashOperation {
    const { main } = this.#cells;
    return {
      ns: toNs(this.#byParallelism(MASS_ERASE_MS)),
      apply: () => {
        main.eraseAll();
        then();
      },
      leaveHalfDone: () => main.eraseHalfway(FLASH.start, FLASH.size, this.#prng),
    };
  }

  /** 64 bits at a time need a supply on VPP that no bench has. */
  #byParallelism(times: readonly [number, number, number]): number {
    const parallelism = (this.#cr >>> 8) & 3;
    if (parallelism === 3) this.misuse.note('FLASH_CR.PSIZE 3 needs an external supply on VPP');
    return times[Math.min(parallelism, 2)] ?? times[2];
  }

  #optionControl(value: number, at: number): void {
    if (!this.#optionLock.open) {
      if ((value & OPTLOCK) === 0) this.misuse.note('FLASH_OPTCR was written while locked');
      return;
    }
    this.#optcr = value & OPTCR_WRITABLE;
    if (value & OPTLOCK) this.#optionLock.shut();
    if (value & OPTSTRT) this.#programOptions(at);
  }

  /** Level 2 is for ever; from level 1 to 0 the whole flash goes first (RM0090, 3.7.3). */
  #programOptions(at: number): void {
    if (this.level === 2) {
      this.#refuse(WRPERR);
      return;
    }
    const { options } = this.#cells;
    const next = this.#optcr;
    const write = (): void => {
      options.eraseAll();
      programOptions(options, next);
    };
    if (this.level === 1 && rdpLevel(next) === 0) {
      this.#start(this.#wholeFlash(write), at);
      return;
    }
    this.#start(
      {
        ns: toNs(OPTIONS_MS),
        apply: write,
        leaveHalfDone: () => options.eraseHalfway(OPTIONS.start, OPTIONS.size, this.#prng),
      },
      at,
    );
  }

  /** EOP is set only where its interrupt is asked for (RM0090, 3.9.6). */
  #start(operation: FlashOperation, at: number): void {
    const eop = this.#cr & EOPIE ? EOP : 0;
    this.#work.start(
      {
        ...operation,
        apply: () => {
          operation.apply();
          this.#sr |= eop;
        },
      },
      at,
    );
  }
}
