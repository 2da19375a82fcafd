import { done, type AccessResult, type AccessSize } from '../bus.ts';
import type { ChipEvents, ChipModel, ChipReport } from '../chip.ts';
import type { CoreKind } from '../cpu/core-kind.ts';
import { DebuggedBus } from '../cpu/debugged-bus.ts';
import { Ram } from '../cpu/ram.ts';
import { FlashArray, type FlashKind } from '../flash-array.ts';
import { NrfBus, type Range } from './nrf-bus.ts';
import { Nvmc, type NvmcKind } from './nvmc.ts';
import { Prng } from '../prng.ts';
import { Scs } from '../scs.ts';
import type { SwDp } from '../sw-dp.ts';

/** What differs between the parts of the family. */
export interface NrfKind {
  readonly core: CoreKind;
  readonly hz: number;
  readonly flash: Range;
  readonly flashKind: FlashKind;
  readonly uicr: Range;
  readonly uicrKind: FlashKind;
  readonly ram: Range;
  readonly peripherals: readonly Range[];
  readonly nvmc: NvmcKind;
}

/**
 * An nRF51 or nRF52 behind its pins: memory, flash controller, core; the debug ports are the part's own.
 * Every time is the virtual clock's, in nanoseconds. Code executes as far as it is ARMv6-M's: a core that meets an instruction
 * of ARMv7-M goes on "running" without being simulated (cpu/core.ts), as a Cortex-M4's firmware does.
 */
export abstract class NrfChip implements ChipModel {
  readonly flash: FlashArray;
  readonly uicr: FlashArray;
  abstract readonly debugPorts: readonly SwDp[];
  protected readonly nvmc: Nvmc;
  protected readonly scs: Scs;
  /** The way of a debugger into memory. */
  protected readonly debugged: DebuggedBus;
  readonly #bus: NrfBus;
  readonly #ram: Ram;
  #powered = true;
  #protected = false;
  events: ChipEvents | undefined;

  constructor(kind: NrfKind, seed: number, readFicr: (offset: number) => number) {
    const prng = new Prng(seed);
    this.flash = new FlashArray(kind.flash.start, kind.flash.size, kind.flashKind);
    this.uicr = new FlashArray(kind.uicr.start, kind.uicr.size, kind.uicrKind);
    this.#ram = new Ram(kind.ram.start, kind.ram.size, prng);
    const hooks = {
      protectionOn: () => this.#protected,
      finished: (operations: number) => this.events?.flashFinished(this, operations),
    };
    this.nvmc = new Nvmc(this.flash, this.uicr, prng, hooks, kind.nvmc);
    this.#bus = new NrfBus({
      flash: this.flash,
      uicr: this.uicr,
      ram: this.#ram,
      nvmc: this.nvmc,
      readFicr,
      peripherals: kind.peripherals,
      beforeFlashRead: (array, address) => this.events?.beforeFlashRead(this, address, array.isProgrammed(address)),
    });
    this.scs = new Scs({
      kind: kind.core,
      bus: this.#bus,
      hz: kind.hz,
      resetRequest: (at) => this.systemReset(at),
    });
    this.debugged = new DebuggedBus(this.scs, this.#bus);
  }

  /** Whether UICR, as it is now, protects the chip from its next reset on. */
  protected abstract protectionWanted(): boolean;
  protected abstract powerOnDebug(): void;
  abstract protect(): void;
  abstract resetPin(asserted: boolean, at: number): void;

  get arrays(): readonly FlashArray[] {
    return [this.flash, this.uicr];
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** Protection as latched at the last reset. */
  get protectionOn(): boolean {
    return this.#protected;
  }

  readRegister(index: number): number {
    return this.scs.readRegister(index);
  }

  writeRegister(index: number, value: number): void {
    this.scs.writeRegister(index, value);
  }

  peek(address: number): number | undefined {
    return this.#bus.arrayAt(address)?.readWord((address & ~3) >>> 0);
  }

  preload(address: number, value: number): void {
    this.#bus.arrayAt(address)?.program((address & ~3) >>> 0, value);
  }

  report(): ChipReport {
    return {
      flashOperations: this.nvmc.operations,
      overwrittenWords: [...this.flash.overwritten, ...this.uicr.overwritten],
    };
  }

  flashIdleAt(at: number): number | undefined {
    this.scs.core.runUntil(at);
    return this.nvmc.idleAt(at);
  }

  /** Supply rises (again): RAM holds chance, registers their reset values, UICR is latched. */
  powerOn(at = 0): void {
    this.#powered = true;
    this.#ram.lose();
    this.#bus.reset();
    this.nvmc.powerOn();
    this.powerOnDebug();
    this.#protected = this.protectionWanted();
    this.scs.powerOn(this.flash.readWord(0), this.flash.readWord(4), at);
  }

  set supplyFailsAt(at: number) {
    this.nvmc.supplyFailsAt = at;
  }

  powerCycle(at: number): void {
    if (this.#powered) {
      this.scs.core.runUntil(at);
      const idle = this.nvmc.idleAt(at);
      if (idle !== undefined) this.nvmc.settle(idle);
    }
    this.powerOn(at);
  }

  powerCut(at: number): void {
    if (!this.#powered) return;
    this.scs.core.runUntil(at);
    this.nvmc.powerCut(at);
    this.scs.powerOff();
    this.#powered = false;
    this.#ram.lose();
  }

  flipBit(address: number, bit: number): void {
    this.#bus.arrayAt(address)?.flip((address & ~3) >>> 0, bit);
  }

  stickBit(address: number, bit: number, value: 0 | 1): void {
    this.#bus.arrayAt(address)?.stick((address & ~3) >>> 0, bit, value);
  }

  read(address: number, size: AccessSize, at: number): AccessResult {
    if (this.hiddenFromDebugger(address)) return done(at);
    return this.debugged.read(address, size, at);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (this.hiddenFromDebugger(address)) return done(at);
    return this.debugged.write(address, size, value, at);
  }

  /** Reads as zero and takes no writes from a debugger. */
  protected hiddenFromDebugger(_address: number): boolean {
    return false;
  }

  /** RAM and the debug port outlive it; protection is latched from UICR. */
  protected systemReset(at: number): void {
    this.nvmc.settle(at);
    this.nvmc.reset();
    this.#bus.reset();
    this.#protected = this.protectionWanted();
    this.scs.reset(this.flash.readWord(0), this.flash.readWord(4), at);
  }

  protected eraseRam(): void {
    this.#ram.views.bytes.fill(0);
  }
}
