import { AhbAp, type AhbApIdentity, type IncrementWindow } from './ahb-ap.ts';
import { busFault, type AccessPort, type AccessResult, type AccessSize } from './bus.ts';
import type { ChipEvents, ChipModel, ChipReport, IdleCore, SystemBoot } from './chip.ts';
import { ChipBus, type Slave } from './chip-bus.ts';
import type { CoreKind } from './cpu/core-kind.ts';
import { DebuggedBus } from './cpu/debugged-bus.ts';
import type { Ram } from './cpu/ram.ts';
import type { DpIdentity } from './dp-registers.ts';
import type { FlashArray } from './flash-array.ts';
import type { FlashWork } from './flash-work.ts';
import type { Tap } from './jtag/tap.ts';
import { Scs } from './scs.ts';
import { SwDp } from './sw-dp.ts';

/** What one Cortex-M chip with a single access port is made of. */
export interface CortexMParts {
  readonly core: CoreKind;
  /** Core clock after reset, Hz. */
  readonly hz: number;
  readonly debugPort: DpIdentity;
  readonly accessPort: AhbApIdentity;
  readonly incrementWindow: IncrementWindow;
  readonly ram: Ram;
  /** Memories that forget with the supply, `ram` left out. */
  readonly otherRams?: readonly Ram[];
  readonly slaves: readonly Slave[];
  /** Slaves in the vendor's part of the private peripheral bus. */
  readonly privateSlaves?: readonly Slave[];
  readonly arrays: readonly FlashArray[];
  readonly work: FlashWork;
  /** Protection: whether a debugger's access gets through. Also told that a debugger is at it. */
  readonly debuggerReaches: (address: number) => boolean;
  /** Registers take their reset values, options are latched. Power-up resets what only power-up resets as well. */
  readonly reset: (powerUp: boolean, at: number) => void;
  /** Flash address of the vectors after a reset. */
  readonly vectors: number;
  /** Vectors in system memory, where the core idles while the bench's model of the boot ROM acts. */
  readonly systemVectors?: number;
  readonly protect: () => void;
  /** What the flash controller was asked against its manual. */
  readonly misuse: () => readonly string[];
  readonly taps?: (debugPort: SwDp) => readonly Tap[];
}

/** A Cortex-M behind its pins: core, memory, flash controller, one MEM-AP. Every time is the virtual clock's, in nanoseconds. */
export class CortexMChip implements ChipModel {
  readonly debugPorts: readonly [SwDp];
  readonly taps?: readonly Tap[];
  readonly scs: Scs;
  readonly system?: SystemBoot;
  readonly idleCore: IdleCore;
  readonly #parts: CortexMParts;
  readonly #bus: ChipBus;
  readonly #private: ChipBus;
  readonly #debugged: DebuggedBus;
  readonly #accessPort: AhbAp;
  #powered = true;
  events: ChipEvents | undefined;

  constructor(parts: CortexMParts) {
    this.#parts = parts;
    this.#bus = new ChipBus(parts.ram, parts.slaves);
    this.#private = new ChipBus(parts.ram, parts.privateSlaves ?? []);
    this.scs = new Scs({
      kind: parts.core,
      bus: this.#bus,
      hz: parts.hz,
      resetRequest: (at) => this.reset(at),
    });
    this.idleCore = this.scs.core;
    this.#debugged = new DebuggedBus(this.scs, this.#bus);
    this.#accessPort = new AhbAp(this, () => true, parts.incrementWindow, parts.accessPort);
    this.debugPorts = [new SwDp(new Map<number, AccessPort>([[0, this.#accessPort]]), parts.debugPort)];
    if (parts.systemVectors !== undefined) this.system = this.#systemBoot();
    if (parts.taps) this.taps = parts.taps(this.debugPorts[0]);
    this.#powerOn(0);
  }

  get arrays(): readonly FlashArray[] {
    return this.#parts.arrays;
  }

  get powered(): boolean {
    return this.#powered;
  }

  set supplyFailsAt(at: number) {
    this.#parts.work.supplyFailsAt = at;
  }

  powerCycle(at: number): void {
    if (this.#powered) this.#parts.work.wait(at);
    this.#loseRam();
    this.#powerOn(at);
  }

  powerCut(at: number): void {
    if (!this.#powered) return;
    this.scs.core.runUntil(at);
    this.#parts.work.abort(at);
    this.#powered = false;
    this.scs.powerOff();
    this.#loseRam();
  }

  resetPin(asserted: boolean, at: number): void {
    if (!asserted) return;
    this.scs.core.runUntil(at);
    this.reset(at);
  }

  /** A system reset. RAM and the debug port outlive it; a flash operation under way does not. */
  reset(at: number): void {
    this.#parts.work.abort(at);
    this.#parts.reset(false, at);
    this.scs.reset(...this.#vectors(), at);
    this.system?.onReset?.(at);
  }

  flashIdleAt(at: number): number | undefined {
    this.scs.core.runUntil(at);
    return this.#parts.work.idleAt(at);
  }

  /** As the debugger reads. */
  read(address: number, size: AccessSize, at: number): AccessResult {
    if (!this.#parts.debuggerReaches(address)) return busFault(at);
    if (this.#private.slaveAt(address)) return this.#private.read(address, size, at);
    return this.#debugged.read(address, size, at);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (!this.#parts.debuggerReaches(address)) return busFault(at);
    if (this.#private.slaveAt(address)) return this.#private.write(address, size, value, at);
    return this.#debugged.write(address, size, value, at);
  }

  peek(address: number): number | undefined {
    return this.#arrayAt(address)?.readWord((address & ~3) >>> 0);
  }

  preload(address: number, value: number): void {
    this.#arrayAt(address)?.program((address & ~3) >>> 0, value);
  }

  flipBit(address: number, bit: number): void {
    this.#arrayAt(address)?.flip((address & ~3) >>> 0, bit);
  }

  stickBit(address: number, bit: number, value: 0 | 1): void {
    this.#arrayAt(address)?.stick((address & ~3) >>> 0, bit, value);
  }

  protect(): void {
    this.#parts.protect();
  }

  readRegister(index: number): number {
    return this.scs.readRegister(index);
  }

  writeRegister(index: number, value: number): void {
    this.scs.writeRegister(index, value);
  }

  report(): ChipReport {
    return {
      flashOperations: this.#parts.work.operations,
      overwrittenWords: this.#parts.arrays.flatMap((array) => [...array.overwritten]),
      misuse: this.#parts.misuse(),
    };
  }

  #powerOn(at: number): void {
    this.#powered = true;
    this.#parts.work.powerOn();
    this.#parts.reset(true, at);
    this.debugPorts[0].powerOnReset();
    this.#accessPort.powerOnReset();
    this.scs.powerOn(...this.#vectors(), at);
    this.system?.onReset?.(at);
  }

  #systemBoot(): SystemBoot {
    return {
      bus: this.#bus,
      selected: false,
      onReset: undefined,
      reset: (at) => this.resetPin(true, at),
      jump: (vectors, at) => {
        this.scs.core.runUntil(at);
        const stackPointer = this.#bus.read(vectors, 4, at).value;
        this.scs.core.reset(stackPointer, this.#bus.read(vectors + 4, 4, at).value, at);
      },
    };
  }

  #loseRam(): void {
    this.scs.powerOff();
    for (const ram of [this.#parts.ram, ...(this.#parts.otherRams ?? [])]) ram.lose();
  }

  /** Stack pointer and reset vector. */
  #vectors(): [number, number] {
    const { vectors, systemVectors } = this.#parts;
    if (this.system?.selected && systemVectors !== undefined)
      return [this.#bus.read(systemVectors, 4, 0).value, this.#bus.read(systemVectors + 4, 4, 0).value];
    return [this.peek(vectors) ?? 0xffffffff, this.peek(vectors + 4) ?? 0xffffffff];
  }

  #arrayAt(address: number): FlashArray | undefined {
    return this.#parts.arrays.find((array) => array.holds(address));
  }
}
