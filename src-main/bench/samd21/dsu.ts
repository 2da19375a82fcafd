import { busFault, done, type AccessResult, type AccessSize } from '../bus.ts';
import { laneMask, type Slave } from '../chip-bus.ts';

/** SAM D21 data sheet, 13 DSU: registers, at 0x100 once more for debuggers, and the ROM table at 0x1000. */
export const DSU = { start: 0x41002000, size: 0x2000 } as const;
/** What a debugger may reach of a protected part. */
export const DSU_EXTERNAL = { start: DSU.start + 0x100, end: DSU.start + DSU.size } as const;
const ROM_TABLE = 0x1000;

const STATUS_WORD = 0x00;
const ADDR = 0x04;
const LENGTH = 0x08;
const DATA = 0x0c;
const DID = 0x18;

/** In the word at 0: CTRL in byte 0, STATUSA in byte 1, STATUSB in byte 2. */
const SOFTWARE_RESET = 1 << 0;
const CRC = 1 << 2;
const CHIP_ERASE = 1 << 4;
const DONE = 1 << 8;
const BUS_ERROR = 1 << 10;
const STATUSA = 0x1f00;
const PROTECTED = 1 << 16;
const DEBUGGER_PRESENT = 1 << 17;

export interface DsuHooks {
  did(): number;
  /** Starts it; `finished` when the time is up. */
  chipErase(at: number, finished: () => void): void;
  readWord(address: number, at: number): AccessResult;
  settle(at: number): void;
}

/** The device service unit: who the part is, whether it is shut, and the chip erase that opens it. */
export class Dsu implements Slave {
  readonly start = DSU.start;
  readonly size = DSU.size;
  readonly #hooks: DsuHooks;
  readonly #values = new Map<number, number>();
  #statusa = 0;
  #debugger = false;
  /** As latched from the security bit at the last reset. */
  protectedNow = false;

  constructor(hooks: DsuHooks) {
    this.#hooks = hooks;
  }

  debuggerCame(): void {
    this.#debugger = true;
  }

  reset(powerUp: boolean, securityBit: boolean): void {
    if (powerUp) this.#debugger = false;
    this.protectedNow = securityBit;
    this.#statusa = 0;
    this.#values.clear();
  }

  readWord(address: number, at: number): AccessResult {
    this.#hooks.settle(at);
    const offset = address - this.start;
    if (offset >= ROM_TABLE) return done(at, ROM_TABLE_WORDS.get(offset) ?? 0);
    const register = offset & 0xfc;
    if (register === DID) return done(at, this.#hooks.did());
    if (register !== STATUS_WORD) return done(at, this.#values.get(register) ?? 0);
    const present = this.#debugger ? DEBUGGER_PRESENT : 0;
    return done(at, this.#statusa | present | (this.protectedNow ? PROTECTED : 0));
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    this.#hooks.settle(at);
    const offset = address - this.start;
    if (offset >= ROM_TABLE) return done(at);
    const register = offset & 0xfc;
    const lanes = ((value & laneMask(size)) << ((address & 3) * 8)) >>> 0;
    if (register === STATUS_WORD) return this.#control(lanes, at);
    if (register !== DID) this.#values.set(register, lanes);
    return done(at);
  }

  /** Ones clear STATUSA; each bit of CTRL starts something. */
  #control(lanes: number, at: number): AccessResult {
    this.#statusa &= ~(lanes & STATUSA);
    if (lanes & SOFTWARE_RESET) this.#values.clear();
    if (lanes & CHIP_ERASE) {
      this.#hooks.chipErase(at, () => {
        this.#statusa |= DONE;
      });
    }
    return lanes & CRC ? this.#crc(at) : done(at);
  }

  /** CRC-32 of LENGTH bytes from ADDR on, from DATA to DATA, without the last inversion. The time is not counted. */
  #crc(at: number): AccessResult {
    if (this.protectedNow) return busFault(at);
    const from = (this.#values.get(ADDR) ?? 0) & ~3;
    const length = (this.#values.get(LENGTH) ?? 0) & ~3;
    let crc = this.#values.get(DATA) ?? 0;
    for (let address = from; address < from + length; address += 4) {
      const word = this.#hooks.readWord(address >>> 0, at);
      if (word.fault) {
        this.#statusa |= BUS_ERROR | DONE;
        return done(at);
      }
      crc = crcWord(crc, word.value);
    }
    this.#values.set(DATA, crc);
    this.#statusa |= DONE;
    return done(at);
  }
}

/** The polynomial of IEEE 802.3, lowest bit first. */
function crcWord(seed: number, word: number): number {
  let crc = seed ^ word;
  for (let bit = 0; bit < 32; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
}

/** One entry, the core's own table at 0xE00FF000; then ids that say Atmel and the part (SAM D21 data sheet, 13). */
const ROM_TABLE_WORDS: ReadonlyMap<number, number> = new Map([
  [0x1000, 0x9f0fc003],
  [0x1fcc, 1],
  [0x1fd0, 0x00],
  [0x1fe0, 0xd0],
  [0x1fe4, 0xfc],
  [0x1fe8, 0x09],
  [0x1fec, 0x00],
  [0x1ff0, 0x0d],
  [0x1ff4, 0x10],
  [0x1ff8, 0x05],
  [0x1ffc, 0xb1],
]);
