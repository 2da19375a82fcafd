import type { IoContext } from '#shared/base/clock.ts';

/** A Cortex-M core's registers by their ARMv7-M names; `sp` is the current stack pointer. */
export type CoreRegister =
  | 'r0'
  | 'r1'
  | 'r2'
  | 'r3'
  | 'r4'
  | 'r5'
  | 'r6'
  | 'r7'
  | 'r8'
  | 'r9'
  | 'r10'
  | 'r11'
  | 'r12'
  | 'sp'
  | 'lr'
  | 'pc'
  | 'xpsr';

export type CoreRegisters = Partial<Record<CoreRegister, number>>;

/** Code on the core, called with data: `bytes` go to `address`, then the core runs from `entry` (without Thumb bit). */
export interface CoreCall {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly entry: number;
}

/** Halting, running and the registers of one core. */
export interface RunControl {
  halt(io: IoContext): Promise<void>;
  resume(io: IoContext): Promise<void>;
  readRegisters(names: readonly CoreRegister[], io: IoContext): Promise<CoreRegisters>;
  writeRegisters(values: CoreRegisters, io: IoContext): Promise<void>;
  /** A hardware breakpoint on a halfword address. */
  setBreakpoint(address: number, io: IoContext): Promise<void>;
  clearBreakpoint(address: number, io: IoContext): Promise<void>;
  /** Resolves when the core has halted; rejects with `target-stuck` after `timeoutMs`. */
  waitForHalt(timeoutMs: number, io: IoContext): Promise<void>;
  /**
   * Writes, resumes at the entry and resolves when the core has halted at a breakpoint, all in as few round trips as
   * the dialect allows; absent where the single calls do as well. Rejects as they do.
   */
  call?(call: CoreCall, timeoutMs: number, io: IoContext): Promise<void>;
  /**
   * Runs a halted core from `entry` (without Thumb bit) as `call` does, and resolves while it runs; its end is the
   * caller's to wait for. Absent where memory cannot be reached meanwhile.
   */
  launch?(entry: number, io: IoContext): Promise<void>;
  /**
   * Makes a halted core ready for code of ours, whatever the firmware was doing: awake, with interrupts masked. Uses
   * 4 bytes of RAM at `scratch`. `reset` when that took a reset of the chip. Absent where halting does all of this.
   */
  takeOver?(scratch: number, io: IoContext): Promise<'as-found' | 'reset'>;
  /** Resets the whole chip; `halt` stops it before its first instruction. */
  reset(after: 'run' | 'halt', io: IoContext): Promise<void>;
}
