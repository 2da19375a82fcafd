import type { Board } from '../board.ts';
import type { GdbMemory } from './memory.ts';
import { toNs } from '../virtual-clock.ts';

/** Debug registers (ARMv7-M ARM, C1.6, C1.11; ARMv6-M has the same at the same places). */
const DHCSR = 0xe000edf0;
const DEMCR = 0xe000edfc;
const AIRCR = 0xe000ed0c;
const DFSR = 0xe000ed30;
const FP_CTRL = 0xe0002000;
const FP_COMP0 = 0xe0002008;

const DEBUG = 0xa05f0001;
const HALT = 0xa05f0003;
const STEP = 0xa05f0005;
const UNDEBUGGED = 0xa05f0000;
const S_HALT = 1 << 17;
const VC_CORERESET = 1;
const SYSRESETREQ = 0x05fa0004;
const DFSR_ALL = 0x1f;
const PC = 15;
/** Revision 1 of the comparators reaches no further (ARMv7-M ARM, C1.11.5). */
const CODE_END = 0x20000000;
/** `bkpt #0` */
const BKPT = Uint8Array.of(0x00, 0xbe);

/** A core that runs lives this much longer each time somebody looks. */
const TURN_NS = toNs(1);

/** Run control of a board's core, the way a debug probe does it: through the debug registers in memory. */
export class GdbCore {
  readonly #board: Board;
  readonly #memory: GdbMemory;
  /** Breakpoint address by comparator. */
  readonly #comparators = new Map<number, number>();
  /** What stood in RAM where a BKPT stands now. */
  readonly #replaced = new Map<number, Uint8Array>();

  constructor(board: Board, memory: GdbMemory) {
    this.#board = board;
    this.#memory = memory;
    this.halt();
  }

  halt(): void {
    this.#memory.writeWord(DHCSR, HALT);
  }

  /** From `address` where one is given (bit 0 is Thumb's), else from where it stands. */
  resume(address?: number): void {
    this.#start(DEBUG, address);
  }

  step(address?: number): void {
    this.#start(STEP, address);
  }

  /** Lets a running core live a little; true once it has halted. */
  advance(): boolean {
    this.#board.clock.advance(TURN_NS);
    return this.halted;
  }

  get halted(): boolean {
    return (this.#memory.readWord(DHCSR) & S_HALT) !== 0;
  }

  /** The debugger goes: the core runs on by itself. */
  release(): void {
    for (const address of [...this.#comparators.values(), ...this.#replaced.keys()]) this.clearBreakpoint(address);
    this.#memory.writeWord(DHCSR, UNDEBUGGED);
  }

  reset(after: 'run' | 'halt'): void {
    this.#memory.writeWord(DHCSR, after === 'halt' ? HALT : UNDEBUGGED);
    this.#memory.writeWord(DEMCR, after === 'halt' ? VC_CORERESET : 0);
    this.#memory.writeWord(AIRCR, SYSRESETREQ);
  }

  /** By a comparator in the code region, by the instruction itself in RAM; false when all comparators are in use. */
  setBreakpoint(address: number): boolean {
    if (this.#replaced.has(address) || [...this.#comparators.values()].includes(address)) return true;
    if (address >= CODE_END) return this.#replace(address);
    const control = this.#memory.readWord(FP_CTRL);
    const count = ((control >>> 4) & 0xf) | ((control >>> 8) & 0x70);
    const free = Array.from({ length: count }, (_, index) => index).find((index) => !this.#comparators.has(index));
    if (free === undefined) return false;
    this.#memory.writeWord(FP_CTRL, 3);
    const half = address & 2 ? 0x80000000 : 0x40000000;
    this.#memory.writeWord(FP_COMP0 + 4 * free, (half | (address & 0x1ffffffc) | 1) >>> 0);
    this.#comparators.set(free, address);
    return true;
  }

  clearBreakpoint(address: number): void {
    const before = this.#replaced.get(address);
    if (before) this.#memory.write(address, before);
    this.#replaced.delete(address);
    for (const [index, set] of this.#comparators) {
      if (set !== address) continue;
      this.#memory.writeWord(FP_COMP0 + 4 * index, 0);
      this.#comparators.delete(index);
    }
  }

  #replace(address: number): boolean {
    const before = this.#memory.read(address, BKPT.length);
    if (!before || !this.#memory.write(address, BKPT)) return false;
    this.#replaced.set(address, before);
    return true;
  }

  #start(control: number, address: number | undefined): void {
    if (address !== undefined) this.#board.chip.writeRegister(PC, address & ~1);
    this.#memory.writeWord(DFSR, DFSR_ALL);
    this.#memory.writeWord(DHCSR, control);
  }
}
