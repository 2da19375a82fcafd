import { readU32 } from '#shared/base/bytes.ts';
import type { ChipModel } from '../chip.ts';
import type { AccessSize } from '../bus.ts';
import { FLASH, OPTIONS, OTP, sectorOf, SECTORS } from '../stm32f4/cells.ts';
import { type RdpLevel, rdpLevel } from '../stm32f4/options.ts';
import { Dfu, type DfuMemory, type WorkDone } from './dfu-machine.ts';

/** AN3156, 5: commands are what block 0 carries. */
const SET_ADDRESS = 0x21;
const ERASE = 0x41;
const READ_UNPROTECT = 0x92;
const GET_COMMANDS = Uint8Array.of(0x00, SET_ADDRESS, ERASE, READ_UNPROTECT);
const COMMAND_BLOCK = 0;
const FIRST_DATA_BLOCK = 2;

/** Flash interface registers (RM0090, 3.9) and their keys. */
const KEYR = 0x40023c04;
const OPTKEYR = 0x40023c08;
const SR = 0x40023c0c;
const CR = 0x40023c10;
const OPTCR = 0x40023c14;
const KEYS = [0x45670123, 0xcdef89ab] as const;
const OPTION_KEYS = [0x08192a3b, 0x4c5d6e7f] as const;
const LOCK = 0x80000000;
const PG = 1;
const SER = 2;
const MER = 4;
const STRT = 0x10000;
const SNB_SHIFT = 3;
const PSIZE_SHIFT = 8;
const ERRORS = 0xf2;
const OPTSTRT = 2;
const RDP_LEVEL_0 = 0xaa00;

/** Where the core is held, as it is when it runs the ROM: DHCSR with its key (ARMv7-M, C1.6.2). */
const DHCSR = 0xe000edf0;
const HALT = 0xa05f0003;
const RUN = 0xa05f0000;

export interface DfuSeMemoryOptions {
  readonly chip: ChipModel;
  readonly transferBytes: number;
  /** The unique id behind the OTP area can be uploaded. */
  readonly showsUid: boolean;
}

/**
 * The STM32F407's ROM between DfuSe and the flash interface: it drives the chip model's own registers. The core is held
 * meanwhile, in the place of one that runs the ROM.
 */
export class DfuSeMemory implements DfuMemory {
  readonly leavesFromIdle = true;
  readonly tolerant = true;
  readonly #chip: ChipModel;
  readonly #transferBytes: number;
  readonly #showsUid: boolean;
  #pointer: number = FLASH.start;

  constructor({ chip, transferBytes, showsUid }: DfuSeMemoryOptions) {
    this.#chip = chip;
    this.#transferBytes = transferBytes;
    this.#showsUid = showsUid;
  }

  /** Power is up and BOOT0 high. */
  start(at: number): void {
    this.#pointer = FLASH.start;
    this.#write(DHCSR, HALT, at);
  }

  work(block: number, data: Uint8Array, at: number): WorkDone {
    if (block === COMMAND_BLOCK) return this.#command(data, at);
    if (block < FIRST_DATA_BLOCK) return { endsAt: at, status: Dfu.errStalled };
    if (this.#level > 0) return { endsAt: at, status: Dfu.errVendor };
    return this.#program(this.#pointer + (block - FIRST_DATA_BLOCK) * this.#transferBytes, data, at);
  }

  upload(block: number, length: number, at: number): Uint8Array | number {
    if (block === COMMAND_BLOCK) return GET_COMMANDS.subarray(0, length);
    if (block < FIRST_DATA_BLOCK) return Dfu.errStalled;
    if (this.#level > 0) return Dfu.errVendor;
    const address = this.#pointer + (block - FIRST_DATA_BLOCK) * this.#transferBytes;
    if (!this.#readable(address, length)) return Dfu.errTarget;
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset++) {
      const word = ((address + offset) & ~3) >>> 0;
      const value = this.#chip.read(word, 4, at).value;
      const from = (address + offset) & 3;
      for (let lane = from; lane < 4 && offset + lane - from < length; lane++)
        bytes[offset + lane - from] = value >>> (8 * lane);
      offset += 3 - from;
    }
    return bytes;
  }

  /** Leave: the core starts what stands at the pointer. The model starts its firmware by a reset. */
  manifest(at: number): WorkDone {
    this.#write(DHCSR, RUN, at);
    this.#chip.resetPin(true, at);
    this.#chip.resetPin(false, at);
    return { endsAt: at, status: Dfu.ok, leaves: true };
  }

  get #level(): RdpLevel {
    return rdpLevel(this.#chip.peek(OPTIONS.start) ?? 0);
  }

  #command(data: Uint8Array, at: number): WorkDone {
    const [command] = data;
    const address = data.length === 5 ? readU32(data, 1) : undefined;
    if (command === SET_ADDRESS && address !== undefined) {
      if (!this.#readable(address, 1)) return { endsAt: at, status: Dfu.errTarget };
      this.#pointer = address;
      return { endsAt: at, status: Dfu.ok };
    }
    if (command === READ_UNPROTECT && data.length === 1) return this.#unprotect(at);
    if (command !== ERASE) return { endsAt: at, status: Dfu.errStalled };
    if (this.#level > 0) return { endsAt: at, status: Dfu.errVendor };
    if (data.length === 1) return this.#erase(MER, at);
    const sector = address === undefined ? -1 : sectorOf(address);
    if (!SECTORS[sector]) return { endsAt: at, status: Dfu.errTarget };
    return this.#erase(SER | (sector << SNB_SHIFT), at);
  }

  #erase(kind: number, at: number): WorkDone {
    let now = this.#unlock(at);
    now = this.#write(CR, kind | (2 << PSIZE_SHIFT), now);
    now = this.#write(CR, kind | (2 << PSIZE_SHIFT) | STRT, now);
    return this.#ended(now, Dfu.errErase);
  }

  /** By words, and by bytes where there is no whole one. */
  #program(address: number, data: Uint8Array, at: number): WorkDone {
    if (address < FLASH.start || address + data.length > FLASH.start + FLASH.size)
      return { endsAt: at, status: Dfu.errTarget };
    let now = this.#unlock(at);
    let psize = -1;
    for (let offset = 0; offset < data.length;) {
      const size: AccessSize = (address + offset) % 4 === 0 && offset + 4 <= data.length ? 4 : 1;
      const wanted = size === 4 ? 2 : 0;
      if (psize !== wanted) now = this.#write(CR, PG | (wanted << PSIZE_SHIFT), now);
      psize = wanted;
      const value = size === 4 ? readU32(data, offset) : (data[offset] ?? 0);
      now = this.#chip.write(address + offset, size, value, now).doneAt;
      offset += size;
    }
    return this.#ended(now, Dfu.errWrite);
  }

  /** Level 0 again: the chip erases everything first, then it is reset (AN3156, 5.4; RM0090, 3.7.3). */
  #unprotect(at: number): WorkDone {
    let now = at;
    for (const key of OPTION_KEYS) now = this.#write(OPTKEYR, key, now);
    const options = (this.#chip.read(OPTCR, 4, now).value & ~0xff03) | RDP_LEVEL_0;
    now = this.#write(OPTCR, options, now);
    now = this.#write(OPTCR, options | OPTSTRT, now);
    return { endsAt: this.#chip.flashIdleAt(now) ?? now, status: Dfu.ok, leaves: true };
  }

  #unlock(at: number): number {
    let now = this.#chip.flashIdleAt(at) ?? at;
    if (this.#chip.read(CR, 4, now).value & LOCK) for (const key of KEYS) now = this.#write(KEYR, key, now);
    return this.#write(SR, ERRORS, now);
  }

  #ended(at: number, error: number): WorkDone {
    const endsAt = this.#chip.flashIdleAt(at) ?? at;
    const failed = (this.#chip.read(SR, 4, at).value & ERRORS) !== 0;
    return { endsAt, status: failed ? error : Dfu.ok };
  }

  #readable(address: number, length: number): boolean {
    const within = ({ start, size }: { readonly start: number; readonly size: number }) =>
      address >= start && address + length <= start + size;
    return [FLASH, OTP, OPTIONS].some(within) || (this.#showsUid && within({ start: 0x1fff7a10, size: 12 }));
  }

  #write(address: number, value: number, at: number): number {
    return this.#chip.write(address, 4, value >>> 0, at).doneAt;
  }
}

/**
 * The serial number that ST's boot loaders make of the 96-bit unique id: it folds two thirds onto each other, so that two
 * units may well have the same. As halfwords from the lowest: [1]+[5], [0]+[4], [3].
 */
export function serialOf(chip: ChipModel, at: number): string {
  const words = [0x1fff7a10, 0x1fff7a14, 0x1fff7a18].map((address) => chip.read(address, 4, at).value);
  const half = (index: number) => ((words[index >> 1] ?? 0) >>> (16 * (index & 1))) & 0xffff;
  const sums = [half(1) + half(5), half(0) + half(4), half(3)];
  return sums.map((sum) => (sum & 0xffff).toString(16).toUpperCase().padStart(4, '0')).join('');
}
