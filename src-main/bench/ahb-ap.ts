import { busFault, done, type AccessPort, type AccessResult, type AccessSize, type Bus } from './bus.ts';

/** AHB-AP of the Cortex-M4 (ADIv5.2 C2; Cortex-M4 TRM 7.2). */
export const AHB_AP_IDR = 0x24770011;

/** What an AHB-AP says of itself. */
export interface AhbApIdentity {
  readonly idr: number;
  /** Of the ROM table, with the format and entry-present bits. */
  readonly base: number;
  /** Several bytes or halfwords in one transfer; a port without it (Cortex-M0+) does not keep that value of CSW.AddrInc. */
  readonly packed: boolean;
}

const CORTEX_M4_AP: AhbApIdentity = { idr: AHB_AP_IDR, base: 0xe00ff003, packed: true };

const CSW = 0x00;
const TAR = 0x04;
const DRW = 0x0c;
const BD0 = 0x10;
const BD3 = 0x1c;
const CFG = 0xf4;
const BASE_REGISTER = 0xf8;
const IDR = 0xfc;

const CSW_RESET = 0x23000002;
const CSW_WRITABLE = 0x7f000037;
const CSW_DEVICE_ENABLED = 0x40;
const INCREMENT_PACKED = 2;
/**
 * Where auto-increment wraps. ADIv5.2 (C2.2.2) guarantees 1 KiB; the AHB-AP of the Cortex-M3 and M4 does 4 KiB (TRM, 7.2,
 * CSW.AddrInc), and OpenOCD relies on that. A bench may be set to the guarantee, to catch who goes beyond it.
 */
export type IncrementWindow = 0x400 | 0x1000;

export class AhbAp implements AccessPort {
  readonly #bus: Bus;
  /** False under access port protection: the AP answers, its bus accesses fail. */
  readonly #enabled: () => boolean;
  readonly #wrapMask: number;
  readonly #identity: AhbApIdentity;
  #csw = CSW_RESET;
  #tar = 0;

  constructor(bus: Bus, enabled: () => boolean, window: IncrementWindow, identity = CORTEX_M4_AP) {
    this.#identity = identity;
    this.#wrapMask = window - 1;
    this.#bus = bus;
    this.#enabled = enabled;
  }

  powerOnReset(): void {
    this.#csw = CSW_RESET;
    this.#tar = 0;
  }

  read(register: number, at: number): AccessResult {
    if (register === DRW) return this.#data(undefined, at);
    if (register >= BD0 && register <= BD3) return this.#banked(register, undefined, at);
    return done(at, this.#readOwn(register));
  }

  write(register: number, value: number, at: number): AccessResult {
    if (register === DRW) return this.#data(value, at);
    if (register >= BD0 && register <= BD3) return this.#banked(register, value, at);
    if (register === CSW)
      this.#csw = this.#identity.packed ? value & CSW_WRITABLE : withoutPacking(value & CSW_WRITABLE);
    if (register === TAR) this.#tar = value >>> 0;
    return done(at);
  }

  #readOwn(register: number): number {
    switch (register) {
      case CSW:
        return this.#csw | (this.#enabled() ? CSW_DEVICE_ENABLED : 0);
      case TAR:
        return this.#tar;
      case CFG:
        return 0;
      case BASE_REGISTER:
        return this.#identity.base;
      case IDR:
        return this.#identity.idr;
      default:
        return 0;
    }
  }

  /** 32 bits at TAR[31:4] + the register's place, whatever CSW.Size says; no increment (ADIv5.2 C2.6.1). */
  #banked(register: number, value: number | undefined, at: number): AccessResult {
    if (!this.#enabled()) return busFault(at);
    const address = ((this.#tar & ~0xf) | (register - BD0)) >>> 0;
    return value === undefined ? this.#bus.read(address, 4, at) : this.#bus.write(address, 4, value, at);
  }

  #data(value: number | undefined, at: number): AccessResult {
    if (!this.#enabled()) return busFault(at);
    const size = this.#size();
    const packed = ((this.#csw >>> 4) & 3) === INCREMENT_PACKED;
    const accesses = packed ? 4 / size : 1;
    let word = 0;
    let time = at;
    for (let i = 0; i < accesses; i++) {
      const result = this.#lane(size, value, time);
      if (result.fault) return result;
      word |= result.value;
      time = result.doneAt;
      this.#increment(size);
    }
    return done(time, word);
  }

  /** Bytes and halfwords travel in the lanes that their address picks (ADIv5.2 C2.2.6). */
  #lane(size: AccessSize, value: number | undefined, at: number): AccessResult {
    const address = (this.#tar & ~(size - 1)) >>> 0;
    const shift = (address & 3 & ~(size - 1)) * 8;
    const mask = size === 4 ? 0xffffffff : (1 << (size * 8)) - 1;
    if (value !== undefined) return this.#bus.write(address, size, ((value >>> shift) & mask) >>> 0, at);
    const result = this.#bus.read(address, size, at);
    return result.fault || shift === 0 ? result : done(result.doneAt, result.value << shift);
  }

  #increment(size: AccessSize): void {
    if (((this.#csw >>> 4) & 3) === 0) return;
    this.#tar = ((this.#tar & ~this.#wrapMask) | ((this.#tar + size) & this.#wrapMask)) >>> 0;
  }

  #size(): AccessSize {
    const code = this.#csw & 7;
    return code === 0 ? 1 : code === 1 ? 2 : 4;
  }
}

function withoutPacking(csw: number): number {
  return ((csw >>> 4) & 3) === INCREMENT_PACKED ? csw & ~0x30 : csw;
}
