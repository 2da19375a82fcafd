import { toHex } from '#shared/base/bytes.ts';

/**
 * The configuration zone, 128 bytes (ATECC508A DS20005927A, table 2-5; the ATECC608 differs in bytes that no one here needs):
 * 0-3 and 8-12 serial, 4-7 revision, 16 I2C address, 20-51 SlotConfig, 52-67 counters, 84 UserExtra, 85 UserExtraAdd,
 * 86 LockValue, 87 LockConfig, 88-89 SlotLocked, 96-127 KeyConfig. Words are little endian.
 */
export const CONFIG_BYTES = 128;
const LOCK_VALUE = 86;
const LOCK_CONFIG = 87;
const SLOT_LOCKED = 88;
/** LockValue and LockConfig of a zone that is open; any other value has locked it. */
const UNLOCKED = 0x55;

export const I2C_ADDRESS = 16;
/** Bytes that Write never changes: 0-15 made by the factory, 84-87 changed by Lock and UpdateExtra alone. */
export function isWritable(offset: number): boolean {
  return offset >= 16 && offset < CONFIG_BYTES && (offset < 84 || offset >= 88);
}

export const SLOTS = 16;

export function slotBytes(slot: number): number {
  if (slot < 8) return 36;
  return slot === 8 ? 416 : 72;
}

/** What the configuration says of one slot. */
export interface SlotRules {
  readonly slot: number;
  readonly bytes: number;
  /** Raw, for people with the data sheet at hand. */
  readonly slotConfig: number;
  readonly keyConfig: number;
  /** SlotConfig bit 7: the content never leaves in the clear. */
  readonly secret: boolean;
  /** SlotConfig bit 6. */
  readonly encryptedRead: boolean;
  /** SlotConfig bits 12-15. */
  readonly writeConfig: number;
  /** KeyConfig bit 0: an ECC private key, which nobody can read. */
  readonly privateKey: boolean;
  /** KeyConfig bits 2-4: 4 is P-256, 6 AES, 7 anything else. */
  readonly keyType: number;
  /** KeyConfig bit 5: Lock may close this slot alone. */
  readonly lockable: boolean;
  /** SlotLocked's bit fell. */
  readonly locked: boolean;
}

export interface ConfigZone {
  readonly bytes: Uint8Array;
  /** 9 bytes, as hexadecimal, in the order in which the data sheet has them. */
  readonly serial: string;
  readonly revision: string;
  /** 7 bits. */
  readonly i2cAddress: number;
  readonly configLocked: boolean;
  /** Data and OTP: LockValue. */
  readonly dataLocked: boolean;
  readonly slots: readonly SlotRules[];
}

/** Decodes 128 bytes; every value has a meaning. */
export function readConfigZone(bytes: Uint8Array): ConfigZone {
  if (bytes.length !== CONFIG_BYTES) throw new RangeError(`a configuration zone of ${bytes.length} bytes`);
  return {
    bytes,
    serial: toHex(bytes.subarray(0, 4)) + toHex(bytes.subarray(8, 13)),
    revision: toHex(bytes.subarray(4, 8)),
    i2cAddress: (bytes[I2C_ADDRESS] ?? 0) >>> 1,
    configLocked: bytes[LOCK_CONFIG] !== UNLOCKED,
    dataLocked: bytes[LOCK_VALUE] !== UNLOCKED,
    slots: Array.from({ length: SLOTS }, (_, slot) => slotRules(bytes, slot)),
  };
}

function slotRules(bytes: Uint8Array, slot: number): SlotRules {
  const slotConfig = readU16(bytes, 20 + 2 * slot);
  const keyConfig = readU16(bytes, 96 + 2 * slot);
  return {
    slot,
    bytes: slotBytes(slot),
    slotConfig,
    keyConfig,
    secret: (slotConfig & 0x80) !== 0,
    encryptedRead: (slotConfig & 0x40) !== 0,
    writeConfig: slotConfig >>> 12,
    privateKey: (keyConfig & 1) !== 0,
    keyType: (keyConfig >>> 2) & 7,
    lockable: (keyConfig & 0x20) !== 0,
    locked: ((readU16(bytes, SLOT_LOCKED) >>> slot) & 1) === 0,
  };
}

/** Of a slot that holds a P-256 private key: whether the chip may make that key itself once the data zone is locked. */
export function mayGenerate({ writeConfig }: SlotRules): boolean {
  // WriteConfig of private keys: bit 13 lets GenKey write (DS20005927A, table 2-11).
  return (writeConfig & 0x2) !== 0;
}

/** Why nobody could prove what is written into this slot by reading it back; undefined where it can be proven. */
export function unprovable(zone: ConfigZone, rules: SlotRules): string | undefined {
  if (!zone.dataLocked) return 'slots cannot be read before the data zone is locked (LockValue)';
  if (rules.privateKey) return `slot ${rules.slot} holds a private key (KeyConfig.Private)`;
  if (rules.secret || rules.encryptedRead) return `slot ${rules.slot} does not show its content (SlotConfig.IsSecret)`;
  return undefined;
}

/** The lock bytes as records have them. */
export function lockStates(bytes: Uint8Array): Record<string, string> {
  const hex = (value: number, digits: number) => `0x${value.toString(16).toUpperCase().padStart(digits, '0')}`;
  return {
    LockConfig: hex(bytes[LOCK_CONFIG] ?? 0, 2),
    LockValue: hex(bytes[LOCK_VALUE] ?? 0, 2),
    SlotLocked: hex(readU16(bytes, SLOT_LOCKED), 4),
  };
}

function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}
