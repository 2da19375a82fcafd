import { concat, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Contents } from '../../plan/contents.ts';
import type { LockStates, LockStep, LockSteps } from '../lock-steps.ts';
import { generateKey, lockConfig, lockData, lockSlot, publicKey } from './commands.ts';
import { type ConfigZone, isWritable, lockStates, mayGenerate, type SlotRules } from './config-zone.ts';
import { ateccCrc } from './crc.ts';
import { STATUS } from './packets.ts';
import { type AteccSession, refused } from './session.ts';
import { readConfig } from './zones.ts';

/** SEC 1, 2.3.3: an uncompressed point. */
const UNCOMPRESSED = Uint8Array.of(0x04);
const P256 = 4;

/**
 * The one-way steps of an ATECC608, in the order in which the chip allows them: the configuration is locked, keys are made,
 * data and OTP zones are locked, and then single slots.
 */
export class AteccLockSteps implements LockSteps {
  readonly #session: AteccSession;
  readonly #keys = new Map<string, string>();

  constructor(session: AteccSession) {
    this.#session = session;
  }

  async observe(io: IoContext): Promise<LockStates> {
    const { bytes } = await readConfig(this.#session, io);
    return { locks: lockStates(bytes), keys: Object.fromEntries(this.#keys) };
  }

  step(operation: LockOperation, contents: Contents): LockStep {
    const { slot = 0, step } = operation;
    const session = this.#session;
    if (step === 'atecc-config') return new ConfigLock(session, operation, contents);
    if (step === 'atecc-data') return new DataLock(session);
    if (step === 'atecc-slot') return new SlotLock(session, operation, slot);
    if (step === 'atecc-key') return new KeyStep(session, operation, slot, this.#keys);
    throw unsuited(operation, `an ATECC has no step ${step}`);
  }
}

function unsuited({ name }: LockOperation, detail: string): FlashlineError<'lock-unsuited'> {
  return new FlashlineError('lock-unsuited', { params: { lock: name, detail } });
}

function rulesOf(zone: ConfigZone, slot: number, operation: LockOperation): SlotRules {
  const rules = zone.slots[slot];
  if (!rules) throw unsuited(operation, `there is no slot ${slot}`);
  return rules;
}

function lockState(locked: boolean): string {
  return locked ? 'locked' : 'unlocked';
}

/** The chip compares its own CRC of all 128 bytes with one of what was wanted: between check and lock nothing slips in. */
class ConfigLock implements LockStep {
  readonly #session: AteccSession;
  readonly #operation: LockOperation;
  readonly #contents: Contents;

  constructor(session: AteccSession, operation: LockOperation, contents: Contents) {
    this.#session = session;
    this.#operation = operation;
    this.#contents = contents;
  }

  /** The writable bytes were read back before; that they are the image's is seen once more, with the bytes around them. */
  async check(io: IoContext): Promise<void> {
    const zone = await readConfig(this.#session, io);
    if (zone.configLocked) return;
    const wanted = this.#wanted(zone);
    const differs = wanted.findIndex((byte, offset) => byte !== zone.bytes[offset]);
    if (differs >= 0) throw unsuited(this.#operation, `configuration byte ${differs} is not the image’s`);
  }

  async observe(io: IoContext): Promise<string> {
    return lockState((await readConfig(this.#session, io)).configLocked);
  }

  async carryOut(io: IoContext): Promise<void> {
    const zone = await readConfig(this.#session, io);
    await this.#session.done(lockConfig(ateccCrc(this.#wanted(zone))), io);
  }

  /** The image's bytes where Write reaches, the chip's own elsewhere. */
  #wanted({ bytes, slots }: ConfigZone): Uint8Array {
    const wanted = bytes.slice();
    for (let offset = 0; offset < bytes.length; offset += 4) {
      if (isWritable(offset)) wanted.set(this.#contents.bytes(offset, 4), offset);
    }
    // Slots that were locked alone before: the image says nothing of them.
    for (const { slot, locked } of slots) {
      const at = 88 + (slot >>> 3);
      if (locked) wanted[at] = (wanted[at] ?? 0) & ~(1 << (slot & 7));
    }
    return wanted;
  }
}

/**
 * Without a summary: this run wrote nothing into the zone but private keys, which the chip's own summary leaves out, and
 * nobody can read what else is in there before it is locked.
 */
class DataLock implements LockStep {
  readonly #session: AteccSession;

  constructor(session: AteccSession) {
    this.#session = session;
  }

  async check(): Promise<void> {
    // It needs the configuration to be locked, which the plan's order sees to, and nothing else.
  }

  async observe(io: IoContext): Promise<string> {
    return lockState((await readConfig(this.#session, io)).dataLocked);
  }

  async carryOut(io: IoContext): Promise<void> {
    await this.#session.done(lockData(), io);
  }
}

class SlotLock implements LockStep {
  readonly #session: AteccSession;
  readonly #operation: LockOperation;
  readonly #slot: number;

  constructor(session: AteccSession, operation: LockOperation, slot: number) {
    this.#session = session;
    this.#operation = operation;
    this.#slot = slot;
  }

  async check(io: IoContext): Promise<void> {
    const rules = rulesOf(await readConfig(this.#session, io), this.#slot, this.#operation);
    if (!rules.lockable)
      throw unsuited(this.#operation, 'its configuration does not let it be locked (KeyConfig.Lockable)');
  }

  async observe(io: IoContext): Promise<string> {
    return lockState(rulesOf(await readConfig(this.#session, io), this.#slot, this.#operation).locked);
  }

  async carryOut(io: IoContext): Promise<void> {
    await this.#session.done(lockSlot(this.#slot), io);
  }
}

/**
 * A key that never left the chip. While the data zone is open anybody may have put one there, so it is made anew; behind
 * the lock the one that is there stays, and is recorded as it is.
 */
class KeyStep implements LockStep {
  readonly #session: AteccSession;
  readonly #operation: LockOperation;
  readonly #slot: number;
  readonly #keys: Map<string, string>;

  constructor(session: AteccSession, operation: LockOperation, slot: number, keys: Map<string, string>) {
    this.#session = session;
    this.#operation = operation;
    this.#slot = slot;
    this.#keys = keys;
  }

  async check(io: IoContext): Promise<void> {
    const zone = await readConfig(this.#session, io);
    const rules = rulesOf(zone, this.#slot, this.#operation);
    if (!rules.privateKey || rules.keyType !== P256) {
      throw unsuited(this.#operation, 'its configuration is not that of a P-256 private key (KeyConfig)');
    }
    const open = !zone.dataLocked || (mayGenerate(rules) && !rules.locked);
    if (!open && (await this.#public(io)) === undefined) {
      throw unsuited(this.#operation, 'the slot holds no key, and its configuration does not let the chip make one');
    }
  }

  async observe(io: IoContext): Promise<string> {
    const { dataLocked } = await readConfig(this.#session, io);
    if (!dataLocked && !this.#keys.has(this.#operation.name)) return 'absent';
    const key = await this.#public(io);
    if (key === undefined) return 'absent';
    this.#keys.set(this.#operation.name, key);
    return 'present';
  }

  async carryOut(io: IoContext): Promise<void> {
    this.#keys.set(this.#operation.name, sec1(await this.#session.data(generateKey(this.#slot), io)));
  }

  /** Undefined where the slot holds none. */
  async #public(io: IoContext): Promise<string | undefined> {
    const command = publicKey(this.#slot);
    const answer = await this.#session.ask(command, io);
    if (answer.kind === 'data') return sec1(answer.data);
    if (answer.status === STATUS.execution || answer.status === STATUS.ecc) return undefined;
    throw refused(command, answer.status);
  }
}

function sec1(point: Uint8Array): string {
  return toHex(concat([UNCOMPRESSED, point]));
}
