import { isFilledWith } from '#shared/base/bytes.ts';
import type { ChipDescription, FlashMemory } from '#shared/model/chip.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { Operation, Plan } from '#shared/model/plan.ts';
import { type Contents, withErased } from '../plan/contents.ts';
import { memoryNamed, mismatch, PlanFault } from './carry-out-checks.ts';
import type { RoleProof } from './carry-out-proof.ts';
import type { FlashDevice } from './flash-device.ts';

type Validate = Extract<Operation, { op: 'validate' }>;

/** That every pending flag was read back clear. Erasing and programming ask for it; only `FlagGuard` gives it. */
class ClearFlags {
  readonly #contents: Contents;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  /** What may be programmed while flags are pending: the release with the flags' words erased. */
  get contents(): Contents {
    return this.#contents;
  }
}
export type { ClearFlags };

/**
 * Keeps the valid flags honest (DESIGN section 5, invariant 1). Content changes only against `ClearFlags`, in whose
 * contents no flag's word exists; a flag is written only against a `RoleProof` of its own role.
 */
export class FlagGuard {
  readonly #chip: ChipDescription;
  readonly #contents: Contents;
  readonly #device: FlashDevice;
  readonly #pending: readonly Validate[];
  readonly #withoutFlags: Contents;

  constructor(plan: Plan, contents: Contents, chip: ChipDescription, device: FlashDevice) {
    this.#chip = chip;
    this.#contents = contents;
    this.#device = device;
    this.#pending = plan.operations.filter((operation) => operation.op === 'validate');
    this.#withoutFlags = this.#pending.reduce(
      (rest, flag) => withErased(rest, this.#memoryOf(flag), flag.address, flag.size),
      contents,
    );
  }

  /** Reads every pending flag and rejects with `verify-mismatch` unless all are erased. */
  async confirmClear(io: IoContext): Promise<ClearFlags> {
    for (const flag of this.#pending) await this.requireBlank(this.#memoryOf(flag), flag.address, flag.size, io);
    return new ClearFlags(this.#withoutFlags);
  }

  /** Rejects unless no pending flag makes a unit start: each is zeros, or erased. */
  async confirmNoneValid(io: IoContext): Promise<void> {
    for (const { memory: name, address, size } of this.#pending) {
      const { erased } = memoryNamed(this.#chip, name);
      const found = await this.#device.read(address, size, io);
      if (!isFilledWith(found, 0) && !isFilledWith(found, erased))
        throw new PlanFault(`a flag at ${address} was not cleared`);
    }
  }

  async requireBlank(memory: FlashMemory, address: number, size: number, io: IoContext): Promise<void> {
    const blank = new Uint8Array(size).fill(memory.erased);
    const found = await this.#device.read(address, size, io);
    const difference = mismatch(address, blank, found);
    if (difference) throw difference;
  }

  async requireZeros(flag: { address: number; size: number }, io: IoContext): Promise<void> {
    const found = await this.#device.read(flag.address, flag.size, io);
    const difference = mismatch(flag.address, new Uint8Array(flag.size), found);
    if (difference) throw difference;
  }

  /** Zeros over the flag, last word first: a core starts from no reset vector of zero, whatever its stack pointer. */
  async overwrite(memory: FlashMemory, flag: { address: number; size: number }, io: IoContext): Promise<void> {
    const zeros = new Uint8Array(memory.word);
    for (let offset = flag.size - memory.word; offset >= 0; offset -= memory.word) {
      await this.#device.program(memory, flag.address + offset, zeros, io);
    }
  }

  /** Sets the flag of the role that was proven. Resolves to the bytes programmed. */
  async set(flag: Validate, proof: RoleProof, io: IoContext): Promise<Uint8Array> {
    if (proof.role !== flag.role) throw new PlanFault(`the ${flag.role} flag cannot rest on the ${proof.role}'s proof`);
    const bytes = this.flagBytes(flag);
    await this.#device.program(this.#memoryOf(flag), flag.address, bytes, io);
    return bytes;
  }

  flagBytes({ address, size }: { readonly address: number; readonly size: number }): Uint8Array {
    return this.#contents.bytes(address, size);
  }

  /** What must be read back before `validate`: flags that are not pending stay as they are. */
  get expected(): Contents {
    return this.#withoutFlags;
  }

  /** What shall stand in the end where `expected` stands now: the same bytes, or with a pending flag in them set. */
  inTheEnd(address: number, expected: Uint8Array): Uint8Array {
    const end = address + expected.length;
    const pending = this.#pending.some((flag) => flag.address < end && address < flag.address + flag.size);
    return pending ? this.#contents.bytes(address, expected.length) : expected;
  }

  #memoryOf(flag: Validate): FlashMemory {
    return memoryNamed(this.#chip, flag.memory);
  }
}
