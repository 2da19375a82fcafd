import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { LockStates, LockStep, LockSteps } from '../lock-steps.ts';
import type { NorChip } from './nor-chip.ts';
import type { NorProtection } from './nor-protection.ts';
import { enableQuad, quadState } from './nor-quad.ts';

/**
 * What a NOR chip keeps for good beside its data: its quad enable bit, and the protection of its blocks. Both can be taken
 * back; they are steps of no return in that the product relies on them, and that they come after every read-back.
 */
export class NorLocks implements LockSteps {
  readonly #nor: NorChip;
  readonly #protection: NorProtection;

  constructor(nor: NorChip, protection: NorProtection) {
    this.#nor = nor;
    this.#protection = protection;
  }

  async observe(io: IoContext): Promise<LockStates> {
    const { observed } = await this.#protection.read(io);
    return { locks: { ...observed, 'quad enable': await quadState(this.#nor, io) }, keys: {} };
  }

  step(operation: LockOperation): LockStep {
    if (operation.step === 'quad-enable') return this.#quadEnable(operation);
    if (operation.step === 'block-protection') return this.#blockProtection(operation);
    throw unsuited(operation, `a NOR flash has no step ${operation.step}`);
  }

  #quadEnable(operation: LockOperation): LockStep {
    return {
      check: async (io) => {
        if ((await quadState(this.#nor, io)) === 'unknown')
          throw unsuited(operation, 'neither the chip nor its description says where its quad enable bit is');
      },
      observe: async (io) => {
        const state = await quadState(this.#nor, io);
        return state === 'none' ? operation.expected : state;
      },
      carryOut: (io) => enableQuad(this.#nor, io),
    };
  }

  #blockProtection(operation: LockOperation): LockStep {
    return {
      check: () => Promise.resolve(),
      observe: async (io) => {
        if (await this.#protection.isWhole(io)) return operation.expected;
        return Object.values((await this.#protection.read(io)).observed).join(', ');
      },
      carryOut: async (io) => void (await this.#protection.lock(io)),
    };
  }
}

function unsuited({ name }: LockOperation, detail: string): FlashlineError<'lock-unsuited'> {
  return new FlashlineError('lock-unsuited', { params: { lock: name, detail } });
}
