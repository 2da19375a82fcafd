import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import type { FlashArray } from '../flash-array.ts';
import type { FlashInterface } from '../flash-slaves.ts';
import type { FlashOperation, FlashWork } from '../flash-work.ts';
import { KeyLock } from '../key-lock.ts';
import { hex, Misuse } from '../misuse.ts';
import type { Prng } from '../prng.ts';
import { toNs, usToNs } from '../virtual-clock.ts';
import type { EccArray } from './ecc-array.ts';
import {
  anyWriteProtected,
  loadOptions,
  OPTION_REGISTERS,
  OPTIONS,
  rdpLevel,
  storeOptions,
  writeProtected,
  type RdpLevel,
} from './options.ts';

/** STM32G071x8/xB data sheet, "Flash memory characteristics", typical. */
const DOUBLE_WORD_NS = usToNs(85);
const PAGE_ERASE_NS = toNs(22);
const MASS_ERASE_NS = toNs(22.1);
/** No figure of their own: a page erase, and a double word each. */
const OPTIONS_NS = PAGE_ERASE_NS + OPTION_REGISTERS.length * DOUBLE_WORD_NS;

/** RM0444, 3.7 FLASH registers. */
const ACR = 0x00;
const KEYR = 0x08;
const OPTKEYR = 0x0c;
const SR = 0x10;
const CR = 0x14;
const ECCR = 0x18;

const ACR_RESET = 0x00040600;

const EOP = 1 << 0;
const PROGERR = 1 << 3;
const WRPERR = 1 << 4;
const PGAERR = 1 << 5;
const SIZERR = 1 << 6;
const PGSERR = 1 << 7;
const MISSERR = 1 << 8;
const FASTERR = 1 << 9;
const OPTVERR = 1 << 15;
const BSY1 = 1 << 16;
const CFGBSY = 1 << 18;
const CLEARABLE = 0xc3fb;
/** While one of these stands nothing can be programmed (RM0444, 3.3.8). */
const STANDING = PROGERR | WRPERR | PGAERR | SIZERR | PGSERR | MISSERR | FASTERR;

const PG = 1 << 0;
const PER = 1 << 1;
const MER1 = 1 << 2;
const STRT = 1 << 16;
const OPTSTRT = 1 << 17;
const FSTPG = 1 << 18;
const EOPIE = 1 << 24;
const OBL_LAUNCH = 1 << 27;
const OPTLOCK = 1 << 30;
const LOCK = 0x80000000;
const CR_WRITABLE = 0x170403ff;

const ECCC = 1 << 30;
const ECCD = 0x80000000;

export interface FlashCells {
  readonly main: EccArray;
  readonly options: FlashArray;
}

/** The flash interface of the STM32G0 (RM0444, 3). Times are virtual nanoseconds. */
export class FlashController implements FlashInterface {
  readonly misuse = new Misuse();
  readonly #cells: FlashCells;
  readonly #work: FlashWork;
  readonly #prng: Prng;
  readonly #launch: (at: number) => void;
  readonly #lock = new KeyLock(0x45670123, 0xcdef89ab);
  readonly #optionLock = new KeyLock(0x08192a3b, 0x4c5d6e7f);
  #acr = ACR_RESET;
  #sr = 0;
  #cr = 0;
  #eccr = 0;
  /** Option registers as written; what was loaded at the last reset is in force. */
  #options = new Map<number, number>();
  #inForce: ReadonlyMap<number, number> = new Map();
  /** The lower word of a double word, until the upper one comes. */
  #half: { readonly address: number; readonly value: number } | undefined;
  #intruded = false;

  /** `launch`: OBL_LAUNCH loads the options anew by a reset of the chip. */
  constructor(cells: FlashCells, work: FlashWork, prng: Prng, launch: (at: number) => void) {
    this.#cells = cells;
    this.#work = work;
    this.#prng = prng;
    this.#launch = launch;
  }

  get level(): RdpLevel {
    return rdpLevel(this.#inForce);
  }

  /** Level 1 shuts the flash to everybody once a debugger is at the chip (RM0444, 3.5.1). */
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
    const { values, doubtful } = loadOptions(this.#cells.options);
    this.#inForce = values;
    this.#options = new Map(values);
    this.#acr = ACR_RESET;
    this.#sr = doubtful ? OPTVERR : 0;
    this.#cr = 0;
    this.#eccr = 0;
    this.#half = undefined;
    this.#lock.reset();
    this.#optionLock.reset();
  }

  readArray(array: FlashArray, address: number, at: number): AccessResult {
    const when = this.#work.wait(at);
    if (array !== this.#cells.main) return done(when, array.readWord(address));
    if (this.shut) return busFault(when);
    const { value, ecc } = this.#cells.main.read(address);
    if (ecc !== 'good') this.#noteEcc(address, ecc === 'corrected' ? ECCC : ECCD);
    return done(when, value);
  }

  /** Two words, the lower first, make one double word (RM0444, 3.3.8). */
  writeArray(array: FlashArray, address: number, size: AccessSize, value: number, at: number): AccessResult {
    const when = this.#work.wait(at);
    if (array !== this.#cells.main) return done(when);
    if (this.shut) return busFault(when);
    const first = this.#half;
    this.#half = undefined;
    const error = this.#programError(address, size, first);
    if (error !== 0) this.#sr |= error;
    else if (first) this.#programPair(first.address, first.value, value, when);
    else this.#half = { address, value };
    return done(when);
  }

  readRegister(offset: number, at: number): number {
    const busy = this.#work.idleAt(at) !== undefined;
    switch (offset) {
      case ACR:
        return this.#acr;
      case SR:
        return this.#sr | (busy ? BSY1 : 0) | (busy || this.#half ? CFGBSY : 0);
      case CR:
        return (this.#cr | (this.#lock.open ? 0 : LOCK) | (this.#optionLock.open ? 0 : OPTLOCK)) >>> 0;
      case ECCR:
        return this.#eccr >>> 0;
      default:
        return this.#options.get(offset) ?? 0;
    }
  }

  writeRegister(offset: number, value: number, at: number): AccessResult {
    const when = this.heldUntil(offset, at);
    this.#work.settle(when);
    switch (offset) {
      case ACR:
        this.#acr = value & 0x00050f07;
        return done(when);
      case KEYR:
        return this.#lock.turn(value) ? done(when) : this.#jammed('FLASH_KEYR', when);
      case OPTKEYR:
        if (!this.#lock.open) this.misuse.note('FLASH_OPTKEYR was written while FLASH_CR was locked');
        return this.#optionLock.turn(value) ? done(when) : this.#jammed('FLASH_OPTKEYR', when);
      case SR:
        this.#sr &= ~(value & CLEARABLE);
        return done(when);
      case CR:
        this.#control(value, when);
        return done(when);
      case ECCR:
        this.#eccr &= ~(value & (ECCC | ECCD));
        return done(when);
      default:
        this.#setOption(offset, value);
        return done(when);
    }
  }

  /** The control register waits for what is under way. */
  heldUntil(offset: number, at: number): number {
    return offset === CR ? (this.#work.idleAt(at) ?? at) : at;
  }

  #jammed(register: string, at: number): AccessResult {
    this.misuse.note(`a wrong key in ${register}: it stays locked until the next reset`);
    return busFault(at);
  }

  #setOption(offset: number, value: number): void {
    const register = OPTION_REGISTERS.find((option) => option.offset === offset);
    if (!register) return;
    if (this.#optionLock.open) this.#options.set(offset, (value & register.writable) >>> 0);
    else this.misuse.note('an option register was written while locked');
  }

  #noteEcc(address: number, flag: number): void {
    if (this.#eccr & (ECCC | ECCD)) return;
    this.#eccr = flag | ((address - this.#cells.main.start) >>> 3);
  }

  /** The flag that refuses this write; 0 when it may go on. */
  #programError(address: number, size: AccessSize, first: { readonly address: number } | undefined): number {
    if (this.#sr & STANDING) {
      this.misuse.note('programming went on over standing error flags');
      return PGSERR;
    }
    if ((this.#cr & (PG | FSTPG | PER | MER1)) !== PG) {
      this.misuse.note(`a write to flash at ${hex(address)} while FLASH_CR did not ask for programming`);
      return this.#cr & FSTPG ? FASTERR : PGSERR;
    }
    if (size !== 4) return this.#wrong(SIZERR, `a write of ${size} bytes at ${hex(address)}: only words are taken`);
    const due = first ? first.address + 4 : address - (address % 8);
    if (address !== due) return this.#wrong(PGAERR, `${hex(address)} was written where ${hex(due)} was due`);
    return writeProtected(this.#inForce, this.#pageOf(address)) ? WRPERR : 0;
  }

  #wrong(flag: number, sentence: string): number {
    this.misuse.note(sentence);
    return flag;
  }

  /** A double word that is not blank takes nothing but zeros (RM0444, 3.3.8, PROGERR). */
  #programPair(address: number, low: number, high: number, at: number): void {
    const { main } = this.#cells;
    if (!main.isErased(address) && (low !== 0 || high !== 0)) {
      main.overwritten.add(address);
      this.#sr |= PROGERR;
      return;
    }
    this.#start(
      {
        ns: DOUBLE_WORD_NS,
        apply: () => main.programPair(address, low, high),
        leaveHalfDone: () => main.pairHalfway(address, low, high, this.#prng),
      },
      at,
    );
  }

  #control(value: number, at: number): void {
    const starts = value & (STRT | OPTSTRT | OBL_LAUNCH);
    if (!this.#lock.open) {
      if ((value & ~(LOCK | OPTLOCK)) !== 0) this.misuse.note('FLASH_CR was written while locked');
      return;
    }
    this.#cr = value & CR_WRITABLE;
    if ((this.#cr & PG) === 0) this.#half = undefined;
    if (starts & (OPTSTRT | OBL_LAUNCH) && !this.#optionLock.open)
      this.misuse.note('options were started while locked');
    if (value & LOCK) this.#lock.shut();
    if (value & STRT) this.#erase(at);
    if (this.#optionLock.open && value & OPTSTRT) this.#programOptions(at);
    if (this.#optionLock.open && value & OBL_LAUNCH) this.#launch(at);
    if (value & OPTLOCK) this.#optionLock.shut();
  }

  #erase(at: number): void {
    const kinds = this.#cr & (PG | FSTPG | PER | MER1);
    if (kinds === MER1) this.#massErase(at);
    else if (kinds === PER) this.#pageErase((this.#cr >>> 3) & 0x7f, at);
    else {
      this.misuse.note('FLASH_CR.STRT without one kind of erase');
      this.#sr |= PGSERR;
    }
  }

  #pageErase(index: number, at: number): void {
    const { main } = this.#cells;
    const page = main.start + index * main.page;
    if (!main.holds(page)) {
      this.misuse.note(`page ${index} is not there to be erased`);
      return;
    }
    if (this.shut || writeProtected(this.#inForce, index)) {
      this.#sr |= WRPERR;
      return;
    }
    this.#start(
      {
        ns: PAGE_ERASE_NS,
        apply: () => main.erasePage(page),
        leaveHalfDone: () => main.erasePageHalfway(page, this.#prng),
      },
      at,
    );
  }

  #massErase(at: number): void {
    if (this.shut || anyWriteProtected(this.#inForce)) this.#sr |= WRPERR;
    else
      this.#start(
        this.#wholeFlash(MASS_ERASE_NS, () => {}),
        at,
      );
  }

  #wholeFlash(ns: number, then: () => void): FlashOperation {
    const { main } = this.#cells;
    return {
      ns,
      apply: () => {
        main.eraseAll();
        then();
      },
      leaveHalfDone: () => main.eraseHalfway(main.start, main.size, this.#prng),
    };
  }

  /** In force from the next load on; level 2 is for ever, from level 1 to 0 the whole flash goes first (RM0444, 3.5.1). */
  #programOptions(at: number): void {
    if (this.level === 2) {
      this.#sr |= WRPERR;
      return;
    }
    const { options } = this.#cells;
    const next = new Map(this.#options);
    const store = (): void => storeOptions(options, next);
    if (this.level === 1 && rdpLevel(next) === 0) {
      this.#start(this.#wholeFlash(MASS_ERASE_NS + OPTIONS_NS, store), at);
      return;
    }
    this.#start(
      {
        ns: OPTIONS_NS,
        apply: store,
        leaveHalfDone: () => options.eraseHalfway(OPTIONS.start, OPTIONS.size, this.#prng),
      },
      at,
    );
  }

  #pageOf(address: number): number {
    const { main } = this.#cells;
    return Math.floor((address - main.start) / main.page);
  }

  /** EOP is set only where its interrupt is asked for (RM0444, 3.7.4). */
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
