import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { AddressedWord, MemoryAccess } from '../probe/memory-access.ts';
import type { CoreCall, CoreRegister, CoreRegisters, RunControl } from '../probe/run-control.ts';
import { Breakpoints } from './breakpoints.ts';
import { CONTROL_AND_MASKS, QUIET_MASKS, REGISTER_NUMBER, XPSR_THUMB } from './core-registers.ts';

/** System control space (ARMv7-M, B3.2.2 and C1.6; ARMv6-M, C1.6). */
const AIRCR = 0xe000_ed0c;
const DFSR = 0xe000_ed30;
const MPU_TYPE = 0xe000_ed90;
const MPU_CTRL = 0xe000_ed94;
const DHCSR = 0xe000_edf0;
const DCRSR = 0xe000_edf4;
const DCRDR = 0xe000_edf8;
const DEMCR = 0xe000_edfc;

const DBGKEY = 0xa05f_0000;
const C_DEBUGEN = 0x1;
const C_HALT = 0x2;
const C_STEP = 0x4;
/** Holds back PendSV, SysTick and external interrupts while the core runs under the debugger; to change only while halted. */
const C_MASKINTS = 0x8;
const S_REGRDY = 0x1_0000;
const S_HALT = 0x2_0000;
const S_SLEEP = 0x4_0000;
const S_LOCKUP = 0x8_0000;
const S_RESET_ST = 0x200_0000;

const DCRSR_WRITE = 0x1_0000;
const VC_CORERESET = 0x1;
const VC_HARDERR = 0x400;
const AIRCR_SYSRESETREQ = 0x05fa_0004;
/** DFSR: halted because a vector was caught; every flag of it is cleared by writing it back. */
const DFSR_VCATCH = 0x8;
const DFSR_ALL = 0x1f;

const HALT_MS = 200;
const REGISTER_MS = 100;
const RESET_MS = 500;
/** While waiting for a halt, how often a core is looked at that may have locked up instead. */
const LOOK_EVERY_MS = 100;

export type CoreState = 'running' | 'halted' | 'sleeping' | 'lock-up' | 'in reset';

/** Run control of a Cortex-M through its memory-mapped debug registers, whatever gives access to the memory. */
export class CortexM implements RunControl {
  readonly #memory: MemoryAccess;
  readonly #breakpoints: Breakpoints;

  constructor(memory: MemoryAccess) {
    this.#memory = memory;
    this.#breakpoints = new Breakpoints(memory);
  }

  /** `in reset` also when it was reset since this was last asked and still is in nothing else. */
  async state(io: IoContext): Promise<CoreState> {
    // The first reading clears what is only remembered.
    await this.#memory.readWord(DHCSR, io);
    const status = await this.#memory.readWord(DHCSR, io);
    if (status & S_RESET_ST) return 'in reset';
    if (status & S_LOCKUP) return 'lock-up';
    if (status & S_HALT) return 'halted';
    return status & S_SLEEP ? 'sleeping' : 'running';
  }

  /** Also a core that sleeps, whose debug registers may refuse while its clock stands, and one in lock-up. */
  async halt(io: IoContext): Promise<void> {
    const deadline = io.clock.monotonic() + HALT_MS;
    for (;;) {
      try {
        await this.#control(C_HALT, io);
        await this.waitForHalt(HALT_MS, io);
        return;
      } catch (error) {
        if (!isRefusal(error) || io.clock.monotonic() >= deadline) throw error;
        await io.clock.sleep(1, io.signal);
      }
    }
  }

  /** Lets the core run under the debugger: breakpoints halt it. */
  async resume(io: IoContext): Promise<void> {
    await this.#control(0, io);
  }

  /** One instruction; no interrupt comes in between. */
  async step(io: IoContext): Promise<void> {
    await this.#control(C_HALT | C_MASKINTS, io);
    await this.#control(C_STEP | C_MASKINTS, io);
    await this.waitForHalt(HALT_MS, io);
    await this.#control(C_HALT, io);
  }

  async readRegisters(names: readonly CoreRegister[], io: IoContext): Promise<CoreRegisters> {
    const values: CoreRegisters = {};
    for (const name of names) values[name] = await this.#readRegister(REGISTER_NUMBER[name], io);
    return values;
  }

  async writeRegisters(values: CoreRegisters, io: IoContext): Promise<void> {
    for (const [name, number] of Object.entries(REGISTER_NUMBER)) {
      const value = values[name as CoreRegister];
      if (value !== undefined) await this.#writeRegister(number, value, io);
    }
  }

  setBreakpoint(address: number, io: IoContext): Promise<void> {
    return this.#breakpoints.set(address, io);
  }

  clearBreakpoint(address: number, io: IoContext): Promise<void> {
    return this.#breakpoints.clear(address, io);
  }

  async waitForHalt(timeoutMs: number, io: IoContext): Promise<void> {
    for (let left = timeoutMs; ; left -= LOOK_EVERY_MS) {
      if (await this.#hasHalted(Math.min(left, LOOK_EVERY_MS), io)) return;
      const status = await this.#memory.readWord(DHCSR, io);
      if (status & S_HALT) return;
      if (left <= LOOK_EVERY_MS || status & S_LOCKUP) throw stuck(timeoutMs, status);
    }
  }

  /**
   * `bytes` in place, from `entry` on to a breakpoint, with interrupts held back and hard faults caught: code that
   * goes astray is told at once (`target-fault`, at the address where it ended) and not after the timeout.
   */
  async call({ address, bytes, entry }: CoreCall, timeoutMs: number, io: IoContext): Promise<void> {
    await this.#memory.write(address, bytes, io);
    await this.launch(entry, io);
    await this.waitForHalt(timeoutMs, io);
    if ((await this.#memory.readWord(DFSR, io)) & DFSR_VCATCH) throw await this.#astray(io);
  }

  /** Interrupts held back, hard faults caught. */
  async launch(entry: number, io: IoContext): Promise<void> {
    const catches = [
      [DEMCR, VC_HARDERR | VC_CORERESET],
      [DFSR, DFSR_ALL],
    ] as const;
    await this.#write(catches, io);
    await this.writeRegisters({ pc: entry, xpsr: XPSR_THUMB }, io);
    await this.#write([controlled(C_HALT | C_MASKINTS), controlled(C_MASKINTS)], io);
  }

  async #astray(io: IoContext): Promise<FlashlineError> {
    const { pc = 0 } = await this.readRegisters(['pc'], io);
    return new FlashlineError('target-fault', {
      where: { address: pc },
      params: { address: hexAddress(pc) },
      cause: 'code in RAM ended in a fault or a reset',
    });
  }

  /** Halts; a core that halts is awake. Privileged, on the main stack, interrupts masked, memory protection off. */
  async takeOver(_scratch: number, io: IoContext): Promise<'as-found'> {
    await this.halt(io);
    // Thread mode first: the masks of a handler's core are its own.
    await this.#writeRegister(REGISTER_NUMBER.xpsr, XPSR_THUMB, io);
    await this.#writeRegister(CONTROL_AND_MASKS, QUIET_MASKS, io);
    if ((await this.#memory.readWord(MPU_TYPE, io)) !== 0) await this.#memory.writeWord(MPU_CTRL, 0, io);
    return 'as-found';
  }

  async reset(after: 'run' | 'halt', io: IoContext): Promise<void> {
    await this.#memory.writeWord(DEMCR, after === 'halt' ? VC_CORERESET : 0, io);
    // S_RESET_ST is cleared by this read and set by the reset: seeing it again proves that the reset happened.
    await this.#memory.readWord(DHCSR, io);
    await this.#memory.writeWord(DHCSR, DBGKEY | (after === 'halt' ? C_DEBUGEN | C_HALT : 0), io);
    await this.#memory.writeWord(AIRCR, AIRCR_SYSRESETREQ, io);
    await this.#hasBeenReset(io);
    if (after === 'halt') await this.waitForHalt(HALT_MS, io);
  }

  /** Of a core that is held in reset: it will halt before its first instruction. */
  async catchReset(io: IoContext): Promise<void> {
    await this.#control(0, io);
    await this.#memory.writeWord(DEMCR, VC_CORERESET, io);
  }

  /** The bus may refuse for as long as the reset lasts. */
  async #hasBeenReset(io: IoContext): Promise<void> {
    const deadline = io.clock.monotonic() + RESET_MS;
    for (;;) {
      try {
        await this.#waitForBit(DHCSR, S_RESET_ST, RESET_MS, io);
        return;
      } catch (error) {
        if (!isRefusal(error) || io.clock.monotonic() >= deadline) throw error;
        await io.clock.sleep(1, io.signal);
      }
    }
  }

  async #control(bits: number, io: IoContext): Promise<void> {
    await this.#write([controlled(bits)], io);
  }

  /** In this order, and in as few packets as can be. */
  async #write(words: readonly AddressedWord[], io: IoContext): Promise<void> {
    if (this.#memory.writeWords) {
      await this.#memory.writeWords(words, io);
      return;
    }
    for (const [address, value] of words) await this.#memory.writeWord(address, value, io);
  }

  async #readRegister(number: number, io: IoContext): Promise<number> {
    await this.#memory.writeWord(DCRSR, number, io);
    await this.#waitForBit(DHCSR, S_REGRDY, REGISTER_MS, io);
    return this.#memory.readWord(DCRDR, io);
  }

  async #writeRegister(number: number, value: number, io: IoContext): Promise<void> {
    const words = [
      [DCRDR, value],
      [DCRSR, DCRSR_WRITE | number],
    ] as const;
    await this.#write(words, io);
    await this.#waitForBit(DHCSR, S_REGRDY, REGISTER_MS, io);
  }

  async #hasHalted(timeoutMs: number, io: IoContext): Promise<boolean> {
    try {
      await this.#memory.waitForWord(DHCSR, S_HALT, S_HALT, timeoutMs, io);
      return true;
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'flash-timeout') return false;
      throw error;
    }
  }

  async #waitForBit(address: number, bit: number, timeoutMs: number, io: IoContext): Promise<void> {
    try {
      await this.#memory.waitForWord(address, bit, bit, timeoutMs, io);
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'flash-timeout') throw error;
      throw new FlashlineError('target-stuck', {
        where: { address },
        params: { seconds: timeoutMs / 1000 },
        cause: error,
      });
    }
  }
}

/** The chip refused this access, and may not refuse the next one. */
function isRefusal(error: unknown): boolean {
  return error instanceof FlashlineError && error.failure.code === 'target-fault';
}

/** DHCSR's control bits, beside the one that gives the debugger its say. */
function controlled(bits: number): AddressedWord {
  return [DHCSR, DBGKEY | C_DEBUGEN | bits];
}

function stuck(timeoutMs: number, status: number): FlashlineError {
  const cause =
    status & S_LOCKUP ? 'the core is in lock-up' : status & S_SLEEP ? 'the core sleeps' : 'the core runs on';
  return new FlashlineError('target-stuck', {
    where: { address: DHCSR },
    params: { seconds: timeoutMs / 1000 },
    cause,
  });
}
