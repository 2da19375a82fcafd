import { toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import { readSignatures } from '../../image/esp-signature.ts';
import type { Contents } from '../../plan/contents.ts';
import type { LockStates, LockStep, LockSteps } from '../lock-steps.ts';
import { EfuseBurner } from './efuse/burner.ts';
import { has, isMet, missing, obstacle, type Want, wantsOf } from './efuse/goal.ts';
import { revisionText } from './efuse/revision.ts';
import type { Registers } from './efuse/registers.ts';
import { lockStates } from './efuse/show.ts';
import { type EfuseState, readEfuses, valueOf } from './efuse/state.ts';
import type { EspSession } from './session.ts';

/** Of one question to the controller. */
const ANSWER_MS = 1000;
/** ESP32: secure boot as the later chips have it, and no download mode, from revision 3 on (ESP32 ECO V3 User Guide). */
const ESP32_ECO3 = 300;
const FROM_ECO3 = new Set(['esp-key-digest', 'esp-secure-boot', 'esp-disable-download']);
/** What a boot loader may be long. */
const LOADER_ROOM = 0x10000;

/** What of a session they need. */
export type EfuseSession = Pick<EspSession, 'chip' | 'efuse' | 'revision' | 'carefully'> & {
  readonly loader: Registers;
};

/**
 * The one-way steps of Espressif's chips: eFuses, burnt by the stub, which shows them even when the ROM loader would no
 * longer. The line goes at the ROM's own rate meanwhile.
 */
export class EspLockSteps implements LockSteps {
  readonly #session: EfuseSession;

  constructor(session: EfuseSession) {
    this.#session = session;
  }

  async observe(io: IoContext): Promise<LockStates> {
    return { locks: lockStates(await this.#session.carefully(() => this.#read(io), ANSWER_MS, io)), keys: {} };
  }

  step(operation: LockOperation, contents: Contents): LockStep {
    const wants = wantsOf(operation, this.#session.efuse);
    if (!wants) throw unsuited(operation, 'this chip has nothing like it');
    let tried = false;
    return {
      check: (io) => this.#check(operation, wants, contents, io),
      observe: async (io) => {
        const state = await this.#session.carefully(() => this.#read(io, wants), ANSWER_MS, io);
        // What a code had to put right may be what a failing supply left undone: once more, then it is the cells'.
        const whole = tried || wants.every(({ block }) => (state.errors[block]?.corrected ?? 0) === 0);
        if (wants.every((want) => isMet(want, state))) return whole ? 'burnt' : 'weakly burnt';
        return wants.every((want) => !has(missing(want, state))) ? 'burnt wrongly' : 'not burnt';
      },
      carryOut: async (io) => {
        await this.#session.carefully(() => this.#burn(wants, io), ANSWER_MS, io);
        tried = true;
      },
    };
  }

  async #check(operation: LockOperation, wants: readonly Want[], contents: Contents, io: IoContext): Promise<void> {
    const session = this.#session;
    const { efuse } = session;
    if (efuse.kind === 'esp32' && FROM_ECO3.has(operation.step)) {
      const revision = await session.revision(io);
      if (revision < ESP32_ECO3)
        throw unsuited(operation, `the chip’s revision ${revisionText(revision)} has it not, 3.0 has`);
    }
    const all = operation.step === 'esp-secure-boot';
    const state = await session.carefully(() => this.#read(io, all ? undefined : wants), ANSWER_MS, io);
    for (const want of wants) {
      const detail = obstacle(want, state);
      if (detail !== undefined) throw unsuited(operation, detail);
    }
    if (all) this.#checkSigned(operation, state, contents);
  }

  /** A unit whose boot loader none of its digests' keys signed would never start again. */
  #checkSigned(operation: LockOperation, state: EfuseState, contents: Contents): void {
    const vectors = this.#session.chip.boot?.vectors ?? 0;
    const signers = readSignatures(contents.bytes(vectors, LOADER_ROOM));
    const trusted = [...burntDigests(state), ...(operation.digests ?? [])];
    const length = Math.min(...state.efuse.keys.map(({ size }) => size)) / 4;
    if (!signers.some((digest) => trusted.some((known) => known.slice(0, length) === digest.slice(0, length)))) {
      throw unsuited(
        operation,
        signers.length === 0
          ? 'the release has no boot loader that is signed'
          : 'no digest of the unit is that of a key that signed the boot loader',
      );
    }
  }

  /** Data before block 0, and behind everything what protects it. The codes of a block want all of it, also what is burnt. */
  async #burn(wants: readonly Want[], io: IoContext): Promise<void> {
    const burner = new EfuseBurner(this.#session.loader, this.#session.efuse);
    const rank = ({ block, last }: Want) => (last ? Infinity : -block);
    for (const step of new Set(wants.map(rank).toSorted((one, other) => one - other))) {
      const due = wants.filter((want) => rank(want) === step);
      const block = due[0]?.block ?? 0;
      const data = new Uint8Array(32);
      for (const { value } of due) value.forEach((byte, at) => (data[at] = (data[at] ?? 0) | byte));
      await burner.burn(block, data, io);
    }
  }

  /** Block 0, which protects, and what these wants are of; all of them where nobody says. */
  #read(io: IoContext, wants?: readonly Want[]): Promise<EfuseState> {
    const { efuse, loader } = this.#session;
    return readEfuses(efuse, loader, io, wants && [0, ...wants.map(({ block }) => block)]);
  }
}

/** In hexadecimal, those that secure boot still takes. */
function burntDigests(state: EfuseState): string[] {
  const { efuse } = state;
  return efuse.keys.flatMap(({ block, bit, size, purpose }) => {
    const data = (state.blocks[block] ?? new Uint8Array()).subarray(bit / 8, (bit + size) / 8);
    if (!has(data)) return [];
    if (purpose === undefined) return [toHex(data)];
    const use = /^SECURE_BOOT_DIGEST(\d)$/u.exec(efuse.purposes[valueOf(state, purpose)] ?? '')?.[1];
    const revoke = efuse.switches.revoke[Number(use)];
    return use === undefined || (revoke !== undefined && valueOf(state, revoke) === 1) ? [] : [toHex(data)];
  });
}

function unsuited({ name }: LockOperation, detail: string): FlashlineError<'lock-unsuited'> {
  return new FlashlineError('lock-unsuited', { params: { lock: name, detail } });
}
