import { assertNever } from '#shared/base/assert-never.ts';
import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import type { FlashArray } from '../flash-array.ts';
import type { Prng } from '../prng.ts';
import { toNs, usToNs } from '../virtual-clock.ts';

/** What differs between the controllers of the nRF52 and the nRF51. */
export interface NvmcKind {
  readonly writeNs: number;
  readonly erasePageNs: number;
  readonly eraseAllNs: number;
  /** A write is taken while another one is running (READYNEXT). */
  readonly buffersWrite: boolean;
  /** ERASEPAGEPARTIAL. */
  readonly erasesPartially: boolean;
}

/** nRF52840 PS v1.1, 4.3 NVMC, Electrical specification: tWRITE, tERASEPAGE, tERASEALL. */
export const NVMC_TIMES: NvmcKind = {
  writeNs: usToNs(41),
  erasePageNs: toNs(85),
  eraseAllNs: toNs(169),
  buffersWrite: true,
  erasesPartially: true,
};

/** nRF51822 PS v3.1, 8.12: the longest write, and erasing in its typical time. */
export const NRF51_NVMC: NvmcKind = {
  writeNs: usToNs(46.3),
  erasePageNs: toNs(21),
  eraseAllNs: toNs(21),
  buffersWrite: false,
  erasesPartially: false,
};

/** Register offsets (PS v1.1, 4.3 NVMC, Registers). */
const READY = 0x400;
const READYNEXT = 0x408;
const CONFIG = 0x504;
/** ERASEPCR1 and ERASEPCR0 are deprecated names of the same task. */
const ERASEPAGE = 0x508;
const ERASEPCR0 = 0x510;
const ERASEALL = 0x50c;
const ERASEUICR = 0x514;
const ERASEPAGEPARTIAL = 0x518;
const ERASEPAGEPARTIALCFG = 0x51c;
const ICACHECNF = 0x540;

const WEN = 1;
const EEN = 2;
const PARTIAL_DURATION_RESET = 10;

type Operation =
  | { readonly kind: 'write'; readonly array: FlashArray; readonly address: number; readonly value: number }
  | { readonly kind: 'erase-page'; readonly array: FlashArray; readonly address: number }
  | { readonly kind: 'erase-partial'; readonly address: number; readonly ms: number }
  | { readonly kind: 'erase-all' };

interface Busy {
  readonly operation: Operation;
  readonly until: number;
}

export interface NvmcHooks {
  /** ERASEUICR is blocked while access port protection is on (PS v1.1, 4.3, Access port protection behavior). */
  protectionOn(): boolean;
  /** After an operation has changed the cells; `operations` counts since power-up. */
  finished(operations: number): void;
}

/**
 * The non-volatile memory controller (PS v1.1, 4.3). An operation starts when it is accepted and changes the cells
 * when it ends. One further write is buffered (READYNEXT); flash accesses beyond that stall the bus until the
 * running operation has ended. Where the PS leaves open what happens, the choice is written at the spot.
 */
export class Nvmc {
  readonly #flash: FlashArray;
  readonly #uicr: FlashArray;
  readonly #prng: Prng;
  readonly #hooks: NvmcHooks;
  readonly #kind: NvmcKind;
  readonly #partialMs = new Map<number, number>();
  #config = 0;
  #partialDuration = PARTIAL_DURATION_RESET;
  #icache = 0;
  #busy: Busy | undefined;
  #buffered: Operation | undefined;
  operations = 0;
  /** Nothing ends after the supply has failed, however long the bus is held for it. */
  supplyFailsAt = Infinity;

  constructor(flash: FlashArray, uicr: FlashArray, prng: Prng, hooks: NvmcHooks, kind: NvmcKind = NVMC_TIMES) {
    this.#kind = kind;
    this.#flash = flash;
    this.#uicr = uicr;
    this.#prng = prng;
    this.#hooks = hooks;
  }

  /** Ends what has ended by `at`. Every access settles first. */
  settle(at: number): void {
    const last = Math.min(at, this.supplyFailsAt);
    while (this.#busy && this.#busy.until <= last) {
      const { operation, until } = this.#busy;
      this.#busy = undefined;
      this.#apply(operation);
      this.operations++;
      this.#hooks.finished(this.operations);
      const next = this.#buffered;
      this.#buffered = undefined;
      if (next) this.#start(next, until);
    }
  }

  /** When the running operation and the buffered one will have ended, undefined when idle at `at`. */
  idleAt(at: number): number | undefined {
    this.settle(at);
    if (!this.#busy) return undefined;
    return this.#busy.until + (this.#buffered ? this.#kind.writeNs : 0);
  }

  /** When the registers will next change by themselves; Infinity when nothing is under way. */
  steadyUntil(at: number): number {
    this.settle(at);
    return this.#busy?.until ?? Infinity;
  }

  /** Until when an access to flash or UICR is kept waiting; `at` when it is not. */
  heldUntil(write: boolean, at: number): number {
    const idle = this.idleAt(at);
    if (idle === undefined || (write && (this.#config !== WEN || this.#canBuffer()))) return at;
    return write ? (this.#busy?.until ?? at) : idle;
  }

  /** A system reset: registers return to their reset values, a running operation is carried through. */
  reset(): void {
    this.#config = 0;
    this.#partialDuration = PARTIAL_DURATION_RESET;
    this.#icache = 0;
  }

  /** Power fails: what was under way stays half done, what was buffered never happens. */
  powerCut(at: number): void {
    this.settle(at);
    const operation = this.#busy?.operation;
    this.#busy = undefined;
    this.#buffered = undefined;
    if (operation) this.#leaveHalfDone(operation);
    this.powerOn();
  }

  powerOn(): void {
    this.supplyFailsAt = Infinity;
    this.reset();
    this.operations = 0;
  }

  /** CTRL-AP's ERASEALL: needs no CONFIG, and waits for nobody. */
  startEraseAll(at: number): void {
    this.settle(at);
    this.#buffered = undefined;
    this.#start({ kind: 'erase-all' }, at);
  }

  /** A read in flash or UICR. The CPU and the debugger are held while the array is busy (4.3, Writing to flash). */
  readArray(array: FlashArray, address: number, at: number): AccessResult {
    const when = this.#waitIdle(at);
    return done(when, array.readWord(address));
  }

  /**
   * A write in flash or UICR. Whole words only: others are a fault (4.3, Writing to flash). Without CONFIG.WEN = Wen nothing
   * happens: the PS names no fault for that, and Nordic's own simulation (nrf_hw_models, NVMC) ignores it too.
   */
  writeArray(array: FlashArray, address: number, size: AccessSize, value: number, at: number): AccessResult {
    this.settle(at);
    if (size !== 4) return busFault(at);
    if (this.#config !== WEN) return done(at);
    const operation = { kind: 'write', array, address, value } as const;
    if (!this.#busy) {
      this.#start(operation, at);
      return done(at);
    }
    if (this.#canBuffer()) {
      this.#buffered = operation;
      return done(at);
    }
    const until = this.#busy.until;
    this.settle(until);
    // The buffered write, if there was one, is running now and this one takes its place in the buffer.
    if (this.#busy) this.#buffered = operation;
    else this.#start(operation, until);
    return done(until);
  }

  readRegister(offset: number, at: number): number {
    this.settle(at);
    switch (offset) {
      case READY:
        return this.#busy ? 0 : 1;
      case READYNEXT:
        return this.#kind.buffersWrite && (!this.#busy || this.#canBuffer()) ? 1 : 0;
      case CONFIG:
        return this.#config;
      case ERASEPAGEPARTIALCFG:
        return this.#partialDuration;
      case ICACHECNF:
        return this.#icache;
      default:
        return 0;
    }
  }

  /** Erase tasks need CONFIG.WEN = Een, and are lost while an operation is running, as in Nordic's simulation. */
  writeRegister(offset: number, value: number, at: number): void {
    this.settle(at);
    switch (offset) {
      case CONFIG:
        // Wen and Een together are not defined: nothing is enabled then.
        this.#config = value & 3;
        return;
      case ERASEPAGEPARTIALCFG:
        this.#partialDuration = value & 0x7f;
        return;
      case ICACHECNF:
        this.#icache = value & 0x101;
        return;
      default:
        if (this.#config === EEN && !this.#busy) this.#eraseTask(offset, value, at);
    }
  }

  #eraseTask(offset: number, value: number, at: number): void {
    if (offset === ERASEALL && value & 1) this.#start({ kind: 'erase-all' }, at);
    if (offset === ERASEUICR && value & 1 && !this.#hooks.protectionOn()) {
      this.#start({ kind: 'erase-page', array: this.#uicr, address: this.#uicr.start }, at);
    }
    // Outside the code area the PS promises nothing (4.3, Erasing a page in flash): here nothing happens.
    if (!this.#flash.holds(value)) return;
    const page = value - (value % this.#flash.page);
    if (offset === ERASEPAGE || offset === ERASEPCR0) {
      this.#start({ kind: 'erase-page', array: this.#flash, address: page }, at);
    }
    if (offset === ERASEPAGEPARTIAL && this.#kind.erasesPartially) {
      this.#start({ kind: 'erase-partial', address: page, ms: this.#partialDuration }, at);
    }
  }

  /** Only a write can follow a write without waiting (4.3, Writing to flash: READYNEXT). */
  #canBuffer(): boolean {
    return this.#kind.buffersWrite && this.#busy?.operation.kind === 'write' && !this.#buffered;
  }

  #waitIdle(at: number): number {
    const idle = this.idleAt(at) ?? at;
    this.settle(idle);
    return idle;
  }

  #start(operation: Operation, at: number): void {
    this.#busy = { operation, until: at + this.#duration(operation) };
  }

  #apply(operation: Operation): void {
    switch (operation.kind) {
      case 'write':
        operation.array.program(operation.address, operation.value);
        return;
      case 'erase-page':
        operation.array.erasePage(operation.address);
        this.#partialMs.delete(operation.address);
        return;
      case 'erase-partial':
        this.#partialErase(operation.address, operation.ms);
        return;
      case 'erase-all':
        this.#flash.eraseAll();
        this.#uicr.eraseAll();
        this.#partialMs.clear();
    }
  }

  /** A page is erased once its parts add up to tERASEPAGE (4.3, Partial erase of a page in flash); until then its content is undefined. */
  #partialErase(address: number, ms: number): void {
    const sum = (this.#partialMs.get(address) ?? 0) + ms;
    if (toNs(sum) >= this.#kind.erasePageNs) {
      this.#flash.erasePage(address);
      this.#partialMs.delete(address);
      return;
    }
    this.#partialMs.set(address, sum);
    this.#flash.erasePageHalfway(address, this.#prng);
  }

  #leaveHalfDone(operation: Operation): void {
    switch (operation.kind) {
      case 'write':
        operation.array.programHalfway(operation.address, operation.value, this.#prng);
        return;
      case 'erase-page':
        operation.array.erasePageHalfway(operation.address, this.#prng);
        return;
      case 'erase-partial':
        this.#flash.erasePageHalfway(operation.address, this.#prng);
        return;
      case 'erase-all':
        // The order within a mass erase is not documented: every page may be anywhere in between.
        for (let page = 0; page < this.#flash.size; page += this.#flash.page)
          this.#flash.erasePageHalfway(page, this.#prng);
        this.#uicr.erasePageHalfway(this.#uicr.start, this.#prng);
    }
  }

  #duration(operation: Operation): number {
    switch (operation.kind) {
      case 'write':
        return this.#kind.writeNs;
      case 'erase-page':
        return this.#kind.erasePageNs;
      case 'erase-partial':
        return toNs(operation.ms);
      case 'erase-all':
        return this.#kind.eraseAllNs;
      default:
        return assertNever(operation, 'flash operation');
    }
  }
}
