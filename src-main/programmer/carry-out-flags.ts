import { equalBytes, isFilledWith } from '#shared/base/bytes.ts';
import type { ChipDescription, FlashMemory } from '#shared/model/chip.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { Operation, Plan } from '#shared/model/plan.ts';
import { type Contents, withErased } from '../plan/contents.ts';
import { memoryNamed, mismatch, PlanFault } from './carry-out-checks.ts';
import type { RoleProof } from './carry-out-proof.ts';
import type { FlashDevice } from './flash-device.ts';

interface FlagPlace {
  readonly address: number;
  readonly size: number;
}

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
  /** What flags were left as, by their addresses. */
  readonly #overwritten = new Map<number, Uint8Array>();

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

  /** Rejects unless no pending flag makes a unit start: each is as it was overwritten, or erased. */
  async confirmNoneValid(io: IoContext): Promise<void> {
    for (const { memory: name, address, size } of this.#pending) {
      const { erased } = memoryNamed(this.#chip, name);
      const found = await this.#device.read(address, size, io);
      const left = this.#overwritten.get(address);
      if (!isFilledWith(found, erased) && !(left && equalBytes(found, left)))
        throw new PlanFault(`a flag at ${address} was not cleared`);
    }
  }

  async requireBlank(memory: FlashMemory, address: number, size: number, io: IoContext): Promise<void> {
    const blank = new Uint8Array(size).fill(memory.erased);
    const found = await this.#device.read(address, size, io);
    const difference = mismatch(address, blank, found);
    if (difference) throw difference;
  }

  async requireOverwritten({ address, size }: FlagPlace, io: IoContext): Promise<void> {
    const left = this.#overwritten.get(address) ?? new Uint8Array(size);
    const difference = mismatch(address, left, await this.#device.read(address, size, io));
    if (difference) throw difference;
  }

  /** Ends what the flag says without an erase; see `fallOf`. */
  async overwrite(memory: FlashMemory, flag: FlagPlace, io: IoContext): Promise<void> {
    const found = await this.#device.read(flag.address, flag.size, io);
    const { offset, bytes } = fallOf(found, memory.word);
    await this.#device.program(memory, flag.address + offset, bytes, io);
    found.set(bytes, offset);
    this.#overwritten.set(flag.address, found);
  }

  /** Sets the flag of the role that was proven. Resolves to the bytes programmed. */
  async set(flag: Validate, proof: RoleProof, io: IoContext): Promise<Uint8Array> {
    if (proof.role !== flag.role) throw new PlanFault(`the ${flag.role} flag cannot rest on the ${proof.role}'s proof`);
    const bytes = this.flagBytes(flag);
    const memory = this.#memoryOf(flag);
    const almost = memory.zeroable ? allButOneBit(bytes, memory.word) : undefined;
    if (almost) await this.#device.program(memory, flag.address, almost, io);
    const last = almost ? bytes.subarray(0, WORD) : bytes;
    await this.#device.program(memory, flag.address, last, io);
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

/** Initial stack pointer and reset vector, a word each. */
const VECTORS = 8;
const WORD = VECTORS / 2;

/**
 * The least that ends a flag. Power may fail in the middle of a word, and any of its bits that were to fall may then have fallen or
 * not: half a reset vector leads somewhere else. So of a pair of words one bit falls, which no instant can halve: a reset vector's
 * lowest, without which no Cortex-M executes anything (ARMv7-M B1.5.5), or the lowest of the first word where the second has none
 * (a header's magic number). Of a single word (an end marker) all fall: no part of it means anything.
 */
function fallOf(flag: Uint8Array, word: number): { readonly offset: number; readonly bytes: Uint8Array } {
  if (flag.length < VECTORS || word > WORD) return { offset: 0, bytes: new Uint8Array(flag.length) };
  const reset = flag.length - WORD;
  const offset = ((flag[reset] ?? 0) & 1) === 1 ? reset : 0;
  const at = offset === 0 ? flag.findIndex((byte) => byte !== 0) : reset;
  const bytes = flag.slice(offset, offset + WORD);
  const byte = flag[at] ?? 0;
  bytes[at - offset] = byte & (byte - 1);
  return { offset, bytes };
}

/**
 * The flag with one bit of its first word yet to fall, its highest 0: a stack pointer that is nowhere, another magic number. So the
 * last that happens to it can happen in no half either. Undefined where a word cannot be written twice.
 */
function allButOneBit(flag: Uint8Array, word: number): Uint8Array | undefined {
  if (flag.length < VECTORS || word > WORD) return undefined;
  const highest = [...flag.subarray(0, WORD).keys()].toReversed().find((at) => flag[at] !== 0xff);
  if (highest === undefined) return undefined;
  const bytes = flag.slice();
  const byte = flag[highest] ?? 0;
  bytes[highest] = byte | (0x80 >>> Math.clz32((~byte & 0xff) << 24));
  return bytes;
}
