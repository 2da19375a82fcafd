import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';

/** Flash patch and breakpoint unit (ARMv7-M, C1.11; ARMv6-M's BPU is laid out the same). */
const FP_CTRL = 0xe000_2000;
const FP_COMP0 = 0xe000_2008;
const FP_ENABLE = 0x3;

/** Revision 1 compares addresses of the code region only. */
const CODE_END = 0x2000_0000;
/** `bkpt #0` */
const BKPT = Uint8Array.of(0x00, 0xbe);

/** The breakpoints of a core: comparators, and for code in RAM that these do not reach the instruction itself. */
export class Breakpoints {
  readonly #memory: MemoryAccess;
  /** Address of each comparator in use. */
  readonly #comparators = new Map<number, number>();
  /** What stood where a BKPT stands now. */
  readonly #replaced = new Map<number, Uint8Array>();

  constructor(memory: MemoryAccess) {
    this.#memory = memory;
  }

  async set(address: number, io: IoContext): Promise<void> {
    if (this.#replaced.has(address) || [...this.#comparators.values()].includes(address)) return;
    const control = await this.#memory.readWord(FP_CTRL, io);
    if (control >>> 28 === 0 && address >= CODE_END) return this.#replace(address, io);
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

  async clear(address: number, io: IoContext): Promise<void> {
    const before = this.#replaced.get(address);
    if (before) await this.#memory.write(address, before, io);
    this.#replaced.delete(address);
    for (const [index, set] of this.#comparators) {
      if (set !== address) continue;
      await this.#memory.writeWord(FP_COMP0 + 4 * index, 0, io);
      this.#comparators.delete(index);
    }
  }

  async #replace(address: number, io: IoContext): Promise<void> {
    const before = await this.#memory.read(address, BKPT.length, io);
    await this.#memory.write(address, BKPT, io);
    this.#replaced.set(address, before);
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
