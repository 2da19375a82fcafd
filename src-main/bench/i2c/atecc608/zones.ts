import { concat } from '#shared/base/bytes.ts';
import type { Prng } from '../../prng.ts';

/** As bytes of a response or a status (DS20005927A, table 9-3). */
export const OK = 0x00;
export const PARSE = 0x03;
export const EXECUTION = 0x0f;

const OPEN = 0x55;
const SLOT_BYTES = Array.from({ length: 16 }, (_, slot) => (slot < 8 ? 36 : slot === 8 ? 416 : 72));
const KEY_BYTES = 32;

/** An ATECC608B as it leaves its factory: DS20005927A table 2-5, with the values that the parts come with. */
function factoryConfig(serial: Uint8Array): Uint8Array {
  const config = new Uint8Array(128);
  config.set([0x01, 0x23, serial[0] ?? 0, serial[1] ?? 0, 0x00, 0x00, 0x60, 0x03]);
  config.set([...serial.subarray(2, 6), 0xee, 0x01, 0x01, 0x00, 0xc0, 0x00, 0x00, 0x00], 8);
  config.set([0x83, 0x20, 0x87, 0x20, 0x8f, 0x20, 0xc4, 0x8f, 0x8f, 0x8f, 0x8f, 0x8f, 0x9f, 0x8f, 0x0f, 0x8f], 20);
  config.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xaf, 0x8f], 36);
  config.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 52);
  config.set([0x00, 0x00, OPEN, OPEN, 0xff, 0xff], 84);
  config.set([0x33, 0, 0x33, 0, 0x33, 0, 0x1c, 0, 0x1c, 0, 0x1c, 0, 0x1c, 0, 0x1c, 0], 96);
  config.set([0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x1c, 0], 112);
  return config;
}

/** The EEPROM of an ATECC, and who may do what to it when. What a command does, it does at its end or half (`tear`). */
export class Zones {
  readonly config: Uint8Array;
  readonly otp = new Uint8Array(64).fill(0xff);
  readonly data = SLOT_BYTES.map((size) => new Uint8Array(size).fill(0xff));
  /** Private keys, by slot. */
  readonly keys = new Map<number, Uint8Array>();
  /** What was locked, in the order in which it was: for tests. */
  readonly lockedInOrder: string[] = [];

  constructor(serial: Uint8Array) {
    this.config = factoryConfig(serial);
  }

  get configLocked(): boolean {
    return this.config[87] !== OPEN;
  }

  get dataLocked(): boolean {
    return this.config[86] !== OPEN;
  }

  slotConfig(slot: number): number {
    return this.#word(20 + 2 * slot);
  }

  keyConfig(slot: number): number {
    return this.#word(96 + 2 * slot);
  }

  slotLocked(slot: number): boolean {
    return ((this.#word(88) >>> slot) & 1) === 0;
  }

  /** KeyConfig.Private with the type P-256. */
  isPrivateKey(slot: number): boolean {
    return (this.keyConfig(slot) & 0x1d) === 0x11;
  }

  /** The bytes that Read answers with, or a status. */
  read(param1: number, param2: number): Uint8Array | number {
    const place = this.#place(param1, param2);
    if (typeof place === 'number') return place;
    const { bytes, offset, size, slot, zone } = place;
    if (zone !== 0 && !this.dataLocked) return EXECUTION;
    if (slot !== undefined) {
      const readable = (this.slotConfig(slot) & 0xc0) === 0 && (this.keyConfig(slot) & 1) === 0;
      if (!readable) return EXECUTION;
    }
    return bytes.slice(offset, offset + size);
  }

  /** Where Write would write, or a status. */
  writable(param1: number, param2: number, data: Uint8Array): { bytes: Uint8Array; offset: number } | number {
    const place = this.#place(param1, param2);
    if (typeof place === 'number') return place;
    const { bytes, offset, size, slot, zone } = place;
    if (data.length !== size) return PARSE;
    if (zone === 0) {
      const end = offset + size;
      const forbidden = offset < 16 || (offset < 88 && end > 84);
      return this.configLocked || forbidden ? EXECUTION : { bytes, offset };
    }
    if (!this.configLocked) return EXECUTION;
    if (!this.dataLocked) {
      const isKey = slot !== undefined && (this.keyConfig(slot) & 1) === 1;
      return size !== 32 || isKey ? EXECUTION : { bytes, offset };
    }
    if (slot === undefined || this.slotLocked(slot) || this.slotConfig(slot) >>> 12 !== 0) return EXECUTION;
    return (this.keyConfig(slot) & 1) === 1 ? EXECUTION : { bytes, offset };
  }

  /** Whether Lock may, in the state that the zones are in; `crc` is the summary's algorithm. */
  lockable(mode: number, summary: number, crc: (bytes: Uint8Array) => number): boolean {
    const slot = (mode >>> 2) & 0xf;
    switch (mode & 0x03) {
      case 0:
        return !this.configLocked && (mode & 0x80 || crc(this.config) === summary) !== false;
      case 1:
        return this.configLocked && !this.dataLocked && (mode & 0x80 || crc(this.#summary()) === summary) !== false;
      case 2:
        return this.configLocked && !this.slotLocked(slot) && (this.keyConfig(slot) & 0x20) !== 0;
      default:
        return false;
    }
  }

  lock(mode: number): void {
    const slot = (mode >>> 2) & 0xf;
    const zone = mode & 0x03;
    if (zone === 0) this.config[87] = 0;
    else if (zone === 1) this.config[86] = 0;
    else {
      const at = 88 + (slot >>> 3);
      this.config[at] = (this.config[at] ?? 0) & ~(1 << (slot & 7));
    }
    this.lockedInOrder.push(['config', 'data', `slot ${slot}`][zone] ?? '');
  }

  /** Whether GenKey may make a key here: while the data zone is open, or where WriteConfig bit 1 lets it. */
  mayGenerate(slot: number): boolean {
    if (!this.configLocked || !this.isPrivateKey(slot) || this.slotLocked(slot)) return false;
    return !this.dataLocked || ((this.slotConfig(slot) >>> 12) & 2) !== 0;
  }

  /** A write that lost its supply: each byte is the old one, the new one, or neither. */
  static tear(bytes: Uint8Array, offset: number, data: Uint8Array, dice: Prng): void {
    for (let at = 0; at < data.length; at++) {
      const chance = dice.next() >>> 30;
      if (chance === 0) bytes[offset + at] = dice.next() >>> 24;
      else if (chance === 1) bytes[offset + at] = data[at] ?? 0;
    }
  }

  /** Slots in their order but private keys, then OTP (cryptoauthlib, calib_lock_data_zone_crc). */
  #summary(): Uint8Array {
    const slots = this.data.filter((_, slot) => (this.keyConfig(slot) & 1) === 0);
    return concat([...slots, this.otp]);
  }

  #place(param1: number, param2: number) {
    const zone = param1 & 0x03;
    const size = param1 & 0x80 ? KEY_BYTES : 4;
    const word = param2 & 7;
    const slot = zone === 2 ? (param2 >>> 3) & 0xf : undefined;
    const block = slot === undefined ? (param2 >>> 3) & 3 : param2 >>> 8;
    const bytes = slot === undefined ? [this.config, this.otp][zone] : this.data[slot];
    const offset = block * 32 + (size === 4 ? word * 4 : 0);
    if (!bytes || (size === 32 && word !== 0)) return PARSE;
    // The last block of a slot of 36 or 72 bytes is shorter than a block.
    return offset + size > bytes.length ? PARSE : { zone, slot, bytes, offset, size };
  }

  #word(offset: number): number {
    return (this.config[offset] ?? 0) | ((this.config[offset + 1] ?? 0) << 8);
  }
}
