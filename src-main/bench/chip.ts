import type { Bus } from './bus.ts';
import type { FlashArray } from './flash-array.ts';
import type { Tap } from './jtag/tap.ts';
import type { SwDp } from './sw-dp.ts';

/** What the chip tells the bench; a fault plan listens. */
export interface ChipEvents {
  flashFinished(chip: ChipModel, operations: number): void;
  /** `address` of a word; `programmed`: written since its last erase. */
  beforeFlashRead(chip: ChipModel, address: number, programmed: boolean): void;
}

/** What a careful reader would hold against whoever drove the chip. */
export interface ChipReport {
  /** Flash operations since power came up. */
  readonly flashOperations: number;
  /** Words written more often since their erase than the data sheet allows. */
  readonly overwrittenWords: readonly number[];
  /** What else was asked of the flash controller against its manual, a sentence each; left out by models that do not tell. */
  readonly misuse?: readonly string[];
}

/**
 * The other place that a chip may start from: its boot ROM, of which the bench has a model that acts in its place. The core
 * idles meanwhile.
 */
export interface SystemBoot {
  /** As the core sees memory. */
  readonly bus: Bus;
  /** The boot pin: from the next reset on it is the ROM that runs. */
  selected: boolean;
  /** Told of every reset and power-up, after it. */
  onReset: ((at: number) => void) | undefined;
  /** A reset from within. */
  reset(at: number): void;
  /** The ROM's code jumps: its stack pointer and where to go on stand at `vectors`. */
  jump(vectors: number, at: number): void;
}

/** The core, where the bench acts in the place of the code that idles on it: what exceptions come to is executed for true. */
export interface IdleCore {
  setClock(hz: number): void;
  /** Takes an exception; when its handler has returned, Infinity where it never does. */
  interrupt(exception: number, at: number): number;
}

/**
 * A simulated chip behind its pins, as the bench needs it. Every time is the virtual clock's, in nanoseconds: an access
 * says when it happens, and the chip first lives up to that moment (its core executes, its flash controller works).
 */
export interface ChipModel extends Bus {
  /** The debug ports on the wires: one, or several where the chip is multi-drop. */
  readonly debugPorts: readonly SwDp[];
  /** The chip's TAPs, the one nearest to TDO first; left out where there is no JTAG. */
  readonly taps?: readonly Tap[];
  readonly powered: boolean;
  /** Its non-volatile memories, for who watches or restores cells; left out by models that show none. */
  readonly arrays?: readonly FlashArray[];
  /** Left out where the bench knows no boot ROM of it. */
  readonly system?: SystemBoot;
  /** Left out where there is more than one, or none that executes. */
  readonly idleCore?: IdleCore;
  events: ChipEvents | undefined;
  /** When the supply will fail, so that nothing the bus waits for ends after it; Infinity if it will not. Until the next power-up. */
  set supplyFailsAt(at: number);
  /** Off and on again, long enough for everything under way in the flash to have ended first. RAM and debug state are lost. */
  powerCycle(at: number): void;
  /** Supply falls: RAM is lost, a flash operation under way stays half done. */
  powerCut(at: number): void;
  /** nRESET is driven low (`asserted`) or let go. */
  resetPin(asserted: boolean, at: number): void;
  /** When the flash controller will be idle; undefined when it is. */
  flashIdleAt(at: number): number | undefined;
  /** Word of a non-volatile memory, past all protection and timing; undefined where there is none. */
  peek(address: number): number | undefined;
  /** Programs a word of a non-volatile memory, past all protection and timing: what the unit held when it came. */
  preload(address: number, value: number): void;
  /** Rot: one cell of a non-volatile memory changes. `address` of the word. */
  flipBit(address: number, bit: number): void;
  /** A defect: the cell holds `value` from now on. */
  stickBit(address: number, bit: number, value: 0 | 1): void;
  /** Sets the chip's protection against debuggers in its non-volatile memory; the next power-up latches it. */
  protect(): void;
  /** Core registers r0-r15, xPSR at 16, as a debugger numbers them. */
  readRegister(index: number): number;
  writeRegister(index: number, value: number): void;
  report(): ChipReport;
}

/** What makes one chip differ from the next of its kind. */
export interface ChipFactory {
  /** Random words of its own, the same for the same unit: hardware ids come from them. */
  readonly idWords: readonly [number, number, number, number];
  /** What silicon leaves to chance. */
  readonly seed: number;
  /** Asked at each identification: another part stands in the fixture (fault injection). */
  readonly wrongPart: () => boolean;
  /** Where MEM-AP auto-increment wraps: the bench may be set to the guaranteed 1 KiB. Left out: as the part does it. */
  readonly incrementWindow?: 0x400 | 0x1000;
}

/** One kind of chip that the bench can make. */
export interface ChipKind {
  readonly make: (factory: ChipFactory) => ChipModel;
  /** gdb's memory map of it, where the bench's gdb server may program its flash. */
  readonly gdbMemoryMap?: string;
}
