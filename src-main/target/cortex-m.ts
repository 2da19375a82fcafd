import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';
import type { CoreRegister, CoreRegisters, RunControl } from '../probe/run-control.ts';

/** System control space (ARMv7-M, B3.2.2 and C1.6; ARMv6-M, C1.6). */
const AIRCR = 0xe000_ed0c;
const DHCSR = 0xe000_edf0;
const DCRSR = 0xe000_edf4;
const DCRDR = 0xe000_edf8;
const DEMCR = 0xe000_edfc;

const DBGKEY = 0xa05f_0000;
const C_DEBUGEN = 0x1;
const C_HALT = 0x2;
const S_REGRDY = 0x1_0000;
const S_HALT = 0x2_0000;
const S_RESET_ST = 0x200_0000;

const DCRSR_WRITE = 0x1_0000;
const VC_CORERESET = 0x1;
const AIRCR_SYSRESETREQ = 0x05fa_0004;

/** Flash patch and breakpoint unit (ARMv7-M, C1.11; ARMv6-M's BPU is laid out the same). */
const FP_CTRL = 0xe000_2000;
const FP_COMP0 = 0xe000_2008;
const FP_ENABLE = 0x3;

const HALT_MS = 200;
const REGISTER_MS = 100;
const RESET_MS = 500;

/** DCRSR's numbers for the registers that have one name in both architectures. */
const REGISTER_NUMBER: Readonly<Record<CoreRegister, number>> = {
  r0: 0,
  r1: 1,
  r2: 2,
  r3: 3,
  r4: 4,
  r5: 5,
  r6: 6,
  r7: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  sp: 13,
  lr: 14,
  pc: 15,
  xpsr: 16,
};

/** Run control of a Cortex-M through its memory-mapped debug registers, whatever gives access to the memory. */
export class CortexM implements RunControl {
  readonly #memory: MemoryAccess;
  /** Breakpoint address of each comparator in use. */
  readonly #comparators = new Map<number, number>();

  constructor(memory: MemoryAccess) {
    this.#memory = memory;
  }

  async halt(io: IoContext): Promise<void> {
    await this.#memory.writeWord(DHCSR, DBGKEY | C_HALT | C_DEBUGEN, io);
    await this.waitForHalt(HALT_MS, io);
  }

  /** Lets the core run under the debugger: breakpoints halt it. */
  async resume(io: IoContext): Promise<void> {
    await this.#memory.writeWord(DHCSR, DBGKEY | C_DEBUGEN, io);
  }

  async readRegisters(names: readonly CoreRegister[], io: IoContext): Promise<CoreRegisters> {
    const values: CoreRegisters = {};
    for (const name of names) {
      await this.#memory.writeWord(DCRSR, REGISTER_NUMBER[name], io);
      await this.#waitForBit(DHCSR, S_REGRDY, REGISTER_MS, io);
      values[name] = await this.#memory.readWord(DCRDR, io);
    }
    return values;
  }

  async writeRegisters(values: CoreRegisters, io: IoContext): Promise<void> {
    for (const [name, number] of Object.entries(REGISTER_NUMBER)) {
      const value = values[name as CoreRegister];
      if (value === undefined) continue;
      await this.#memory.writeWord(DCRDR, value, io);
      await this.#memory.writeWord(DCRSR, DCRSR_WRITE | number, io);
      await this.#waitForBit(DHCSR, S_REGRDY, REGISTER_MS, io);
    }
  }

  async setBreakpoint(address: number, io: IoContext): Promise<void> {
    if ([...this.#comparators.values()].includes(address)) return;
    const control = await this.#memory.readWord(FP_CTRL, io);
    // NUM_CODE stands in bits 7-4 and 14-12 (ARMv7-M, C1.11.3).
    const count = ((control >>> 4) & 0xf) | ((control >>> 8) & 0x70);
    const free = Array.from({ length: count }, (_, index) => index).find((index) => !this.#comparators.has(index));
    if (free === undefined) {
      throw new FlashlineError('internal', { cause: `all ${count} breakpoint comparators are in use` });
    }
    await this.#memory.writeWord(FP_CTRL, FP_ENABLE, io);
    await this.#memory.writeWord(FP_COMP0 + 4 * free, comparatorFor(address, control >>> 28), io);
    this.#comparators.set(free, address);
  }

  async clearBreakpoint(address: number, io: IoContext): Promise<void> {
    for (const [index, set] of this.#comparators) {
      if (set !== address) continue;
      await this.#memory.writeWord(FP_COMP0 + 4 * index, 0, io);
      this.#comparators.delete(index);
    }
  }

  waitForHalt(timeoutMs: number, io: IoContext): Promise<void> {
    return this.#waitForBit(DHCSR, S_HALT, timeoutMs, io);
  }

  async reset(after: 'run' | 'halt', io: IoContext): Promise<void> {
    const debug = after === 'halt' ? C_DEBUGEN | C_HALT : 0;
    await this.#memory.writeWord(DEMCR, after === 'halt' ? VC_CORERESET : 0, io);
    // S_RESET_ST is cleared by this read and set by the reset: seeing it again proves that the reset happened.
    await this.#memory.readWord(DHCSR, io);
    await this.#memory.writeWord(DHCSR, DBGKEY | debug, io);
    await this.#memory.writeWord(AIRCR, AIRCR_SYSRESETREQ, io);
    await this.#waitForBit(DHCSR, S_RESET_ST, RESET_MS, io);
    if (after === 'halt') await this.waitForHalt(HALT_MS, io);
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

/**
 * FP_COMPn's value. Revision 1 compares bits 28-2 and picks the halfword in bits 31-30; revision 2 compares the
 * whole address (ARMv7-M, C1.11.5).
 */
function comparatorFor(address: number, revision: number): number {
  if (revision !== 0) return (address | 1) >>> 0;
  const halfword = address & 2 ? 0x8000_0000 : 0x4000_0000;
  return (halfword | (address & 0x1fff_fffc) | 1) >>> 0;
}
