import { equalBytes, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Contents } from '../plan/contents.ts';
import type { Protection } from '../target/protection/protection.ts';
import { covers, rangesText, WRITE_PROTECTION, type WriteProtection } from '../target/protection/write-protection.ts';
import type { LockStates, LockStep, LockSteps } from './lock-steps.ts';
import { isProgrammer, type OpenedUnit } from './programmer.ts';

/** How a chip that shows nothing fails whoever reads it. */
const HIDDEN: ReadonlySet<FailureCode> = new Set<FailureCode>(['target-fault', 'no-target', 'flash-refused']);

export interface ProtectedUnit {
  readonly chip: ChipDescription;
  readonly protection?: Protection | undefined;
  readonly writeProtection?: WriteProtection | undefined;
  /** Reads flash as anybody might who wants to know. */
  read(address: number, length: number, io: IoContext): Promise<Uint8Array>;
}

/** The unit's own steps, or those of its chip's protections. */
export function lockStepsOf(unit: OpenedUnit): LockSteps | undefined {
  if (isProgrammer(unit)) return unit.locks;
  const { chip, protection, writeProtection, memory } = unit;
  if (!protection && !writeProtection) return undefined;
  return new ProtectionLocks({
    chip,
    protection,
    writeProtection,
    read: (address, length, io) => memory.read(address, length, io),
  });
}

/**
 * A chip's protections as steps of a recipe. What the chip says of them is not believed alone: what is forbidden then is
 * tried, and counts as protected only where it fails.
 */
export class ProtectionLocks implements LockSteps {
  readonly #unit: ProtectedUnit;
  /** As last read: a chip that shows nothing any more does not show this either. */
  #pages: string | undefined;

  constructor(unit: ProtectedUnit) {
    this.#unit = unit;
  }

  async observe(io: IoContext): Promise<LockStates> {
    const { protection, chip } = this.#unit;
    const state = await protection?.read(io);
    const words = await Promise.all(chip.locks.map(async ({ name, address }) => [name, await this.#word(address, io)]));
    if (!state?.locked) await this.#protectedPages(io);
    const pages = this.#pages === undefined ? {} : { [WRITE_PROTECTION]: this.#pages };
    return { locks: { ...Object.fromEntries(words), ...state?.observed, ...pages }, keys: {} };
  }

  step(operation: LockOperation, contents: Contents): LockStep {
    const { protection, writeProtection } = this.#unit;
    const { step } = operation;
    if (step === 'readout-protection' && protection) return this.#readout(protection, operation, contents);
    if (step === 'write-protection' && writeProtection) return this.#write(writeProtection, operation, contents);
    throw unsuited(operation, `this way of reaching ${this.#unit.chip.name} has no step ${step}`);
  }

  #readout(protection: Protection, operation: LockOperation, contents: Contents): LockStep {
    return {
      // It was read and written until now, so that it is open; and no chip refuses to be locked.
      check: () => Promise.resolve(),
      observe: async (io) => {
        if (!(await protection.read(io)).locked) return 'open';
        const shown = await this.#shown(operation, contents, io);
        return shown === undefined ? operation.expected : `locked, and yet shows what is at ${hexAddress(shown)}`;
      },
      carryOut: async (io) => void (await protection.lock(io)),
    };
  }

  #write(pages: WriteProtection, operation: LockOperation, contents: Contents): LockStep {
    const ranges = operation.ranges ?? [];
    return {
      check: async (io) => {
        const fault = await pages.fault(ranges, io);
        if (fault !== undefined) throw unsuited(operation, fault);
      },
      observe: async (io) => {
        const found = await pages.read(io);
        this.#pages = rangesText(found);
        if (!ranges.every((range) => covers(found, range))) return rangesText(found);
        for (const range of ranges) {
          const address = this.#inUse(range.address, range.size, contents);
          if ((await pages.refusesWrite?.(address, io)) === false)
            return `protected, and yet takes a write at ${hexAddress(address)}`;
        }
        return operation.expected;
      },
      carryOut: (io) => pages.protect(ranges, io),
    };
  }

  /** The address of what was read of bytes that nobody must see; undefined where they are hidden. */
  async #shown(operation: LockOperation, contents: Contents, io: IoContext): Promise<number | undefined> {
    for (const { address, size } of operation.ranges ?? []) {
      try {
        const found = await this.#unit.read(address, size, io);
        // Some chips answer with zeros.
        if (equalBytes(found, contents.bytes(address, size))) return address;
      } catch (error) {
        if (!(error instanceof FlashlineError) || !HIDDEN.has(error.failure.code)) throw error;
      }
    }
    return undefined;
  }

  /** The first word that holds something: of words with ECC one in use takes no ones, a blank one would. */
  #inUse(address: number, size: number, contents: Contents): number {
    const memory = this.#unit.chip.memories.find(
      (each) => each.kind === 'flash' && address >= each.start && address < each.start + each.size,
    );
    const word = memory?.kind === 'flash' ? memory.word : 4;
    const bytes = contents.bytes(address, Math.min(size, memory?.kind === 'flash' ? memory.page : size));
    const first = bytes.findIndex((byte) => byte !== 0xff);
    return first < 0 ? address : address + first - (first % word);
  }

  async #protectedPages(io: IoContext): Promise<void> {
    const { writeProtection } = this.#unit;
    if (writeProtection) this.#pages = rangesText(await writeProtection.read(io));
  }

  async #word(address: number, io: IoContext): Promise<string> {
    try {
      const bytes = await this.#unit.read(address, 4, io);
      return hexAddress(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true));
    } catch (error) {
      if (!(error instanceof FlashlineError) || !HIDDEN.has(error.failure.code)) throw error;
      return 'cannot be read';
    }
  }
}

function unsuited({ name }: LockOperation, detail: string): FlashlineError<'lock-unsuited'> {
  return new FlashlineError('lock-unsuited', { params: { lock: name, detail } });
}
