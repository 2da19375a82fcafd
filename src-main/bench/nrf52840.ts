import { busFault, done, type AccessPort, type AccessResult, type AccessSize } from './bus.ts';
import { AhbAp } from './ahb-ap.ts';
import { CtrlAp } from './ctrl-ap.ts';
import type { ChipEvents, ChipFactory, ChipModel, ChipReport } from './chip.ts';
import { readFicr, type Factory } from './ficr.ts';
import { FlashArray } from './flash-array.ts';
import { Nvmc } from './nvmc.ts';
import { Prng } from './prng.ts';
import { Scs } from './scs.ts';
import { SwDp } from './sw-dp.ts';

/** Memory map (nRF52840 PS v1.1, 4.2 Memory). */
const FLASH = { start: 0, size: 0x100000 } as const;
const FICR = { start: 0x10000000, size: 0x1000 } as const;
const UICR = { start: 0x10001000, size: 0x1000 } as const;
const RAM = { start: 0x20000000, size: 0x40000 } as const;
const PERIPHERALS = { start: 0x40000000, size: 0x40000 } as const;
const GPIO = { start: 0x50000000, size: 0x1000 } as const;
const NVMC = { start: 0x4001e000, size: 0x1000 } as const;
/** ITM, DWT, FPB, SCS, TPIU, ETM and the ROM table (ARMv7-M ARM, B3.1). */
const PPB = { start: 0xe0000000, size: 0x100000 } as const;

const APPROTECT = 0x10001208;
const PART = 0x52840;
const WRONG_PART = 0x52833;
const PSELRESET = [0x10001200, 0x10001204] as const;

interface Range {
  readonly start: number;
  readonly size: number;
}

/**
 * The nRF52840 behind its pins: two access ports, memory, flash controller, protection, debug registers.
 * Every time is the virtual clock's, in nanoseconds; nothing happens in it but by an access.
 */
export class Nrf52840 implements ChipModel {
  readonly flash = new FlashArray(FLASH.start, FLASH.size);
  readonly uicr = new FlashArray(UICR.start, UICR.size);
  readonly debugPorts: readonly [SwDp];
  readonly #nvmc: Nvmc;
  readonly #scs: Scs;
  readonly #ahbAp: AhbAp;
  readonly #ctrlAp: CtrlAp;
  readonly #factory: Factory;
  readonly #prng: Prng;
  #ram: Uint8Array<ArrayBuffer> | undefined;
  #peripherals = new Map<number, number>();
  #powered = true;
  /** UICR.APPROTECT as it was at the last reset. */
  #protected = false;
  events: ChipEvents | undefined;

  constructor({ idWords, seed, wrongPart, incrementWindow = 0x1000 }: ChipFactory) {
    this.#factory = { part: () => (wrongPart() ? WRONG_PART : PART), deviceId: [idWords[0], idWords[1]] };
    this.#prng = new Prng(seed);
    this.#nvmc = new Nvmc(this.flash, this.uicr, this.#prng, {
      protectionOn: () => this.#protected,
      finished: (operations) => this.events?.flashFinished(this, operations),
    });
    this.#scs = new Scs(() => this.#systemReset());
    this.#ahbAp = new AhbAp(this, () => !this.#protected, incrementWindow);
    this.#ctrlAp = new CtrlAp({
      reset: () => this.#systemReset(),
      eraseAll: (at) => this.#startEraseAll(at),
      eraseAllBusy: (at) => this.#nvmc.idleAt(at) !== undefined,
      protectionOn: () => this.#protected,
    });
    this.debugPorts = [
      new SwDp(
        new Map<number, AccessPort>([
          [0, this.#ahbAp],
          [1, this.#ctrlAp],
        ]),
      ),
    ];
    this.powerOn();
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** Access port protection as latched at the last reset. */
  get protectionOn(): boolean {
    return this.#protected;
  }

  readRegister(index: number): number {
    return this.#scs.registers[index] ?? 0;
  }

  writeRegister(index: number, value: number): void {
    this.#scs.registers[index] = value;
  }

  peek(address: number): number | undefined {
    return this.#arrayAt(address)?.readWord((address & ~3) >>> 0);
  }

  preload(address: number, value: number): void {
    this.#arrayAt(address)?.program((address & ~3) >>> 0, value);
  }

  protect(): void {
    this.uicr.program(APPROTECT, 0xffffff00);
  }

  report(): ChipReport {
    return {
      flashOperations: this.#nvmc.operations,
      overwrittenWords: [...this.flash.overwritten, ...this.uicr.overwritten],
    };
  }

  /** Undefined when the flash controller is idle at `at`. */
  flashIdleAt(at: number): number | undefined {
    return this.#nvmc.idleAt(at);
  }

  /** Supply rises (again): RAM holds chance, registers their reset values, UICR is latched. */
  powerOn(): void {
    this.#powered = true;
    this.#ram = undefined;
    this.#peripherals = new Map();
    this.#nvmc.powerOn();
    this.debugPorts[0].powerOnReset();
    this.#ahbAp.powerOnReset();
    this.#ctrlAp.powerOnReset();
    this.#latchProtection();
    this.#scs.powerOn(this.flash.readWord(0), this.flash.readWord(4));
  }

  /** Tells when the supply will fail, so that nothing that the bus waits for ends after it. Until the next power-up. */
  set supplyFailsAt(at: number) {
    this.#nvmc.supplyFailsAt = at;
  }

  /** Off and on again, long enough for everything under way in the flash to have ended first. */
  powerCycle(at: number): void {
    const idle = this.#powered ? this.#nvmc.idleAt(at) : undefined;
    if (idle !== undefined) this.#nvmc.settle(idle);
    this.powerOn();
  }

  /** Supply falls at `at`: RAM is lost, a flash operation under way stays half done. */
  powerCut(at: number): void {
    if (!this.#powered) return;
    this.#nvmc.powerCut(at);
    this.#powered = false;
    this.#ram = undefined;
  }

  /** nRESET works only if both PSELRESET name the same connected pin (PS v1.1, 4.5 UICR, PSELRESET). */
  resetPin(asserted: boolean, at: number): void {
    if (!asserted) return;
    this.#nvmc.settle(at);
    const [first, second] = PSELRESET.map((address) => this.uicr.readWord(address));
    const CONNECTED_MASK = 0x80000000;
    if (first === second && first !== undefined && (first & CONNECTED_MASK) === 0) this.#systemReset();
  }

  /** Rot: one cell of flash or UICR changes. `address` of the word. */
  flipBit(address: number, bit: number): void {
    this.#arrayAt(address)?.flip((address & ~3) >>> 0, bit);
  }

  /** A defect: the cell holds `value` from now on. */
  stickBit(address: number, bit: number, value: 0 | 1): void {
    this.#arrayAt(address)?.stick((address & ~3) >>> 0, bit, value);
  }

  read(address: number, size: AccessSize, at: number): AccessResult {
    const word = (address & ~3) >>> 0;
    const result = this.#readWord(word, at);
    if (result.fault || size === 4) return result;
    const mask = size === 1 ? 0xff : 0xffff;
    return done(result.doneAt, (result.value >>> ((address & 3) * 8)) & mask);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    if (within(RAM, address)) return this.#writeRam(address, size, value, at);
    const array = this.#arrayAt(address);
    if (array) return this.#nvmc.writeArray(array, address, size, value, at);
    if (within(FICR, address)) return done(at);
    if (size !== 4) return this.#known(address) ? this.#writeNarrow(address, size, value, at) : busFault(at);
    return this.#writeRegister(address, value, at);
  }

  #readWord(address: number, at: number): AccessResult {
    const array = this.#arrayAt(address);
    if (array) {
      const idle = this.#nvmc.idleAt(at);
      if (idle !== undefined) this.#nvmc.settle(idle);
      this.events?.beforeFlashRead(this, address, array.isProgrammed(address));
      return this.#nvmc.readArray(array, address, idle ?? at);
    }
    if (within(RAM, address))
      return done(at, new DataView(this.#ramBytes().buffer).getUint32(address - RAM.start, true));
    if (within(FICR, address)) return done(at, readFicr(this.#factory, address - FICR.start));
    if (within(NVMC, address)) return done(at, this.#nvmc.readRegister(address - NVMC.start, at));
    if (within(PPB, address)) return done(at, this.#readPpb(address));
    if (this.#known(address)) return done(at, this.#peripherals.get(address) ?? 0);
    return busFault(at);
  }

  #writeRegister(address: number, value: number, at: number): AccessResult {
    if (within(NVMC, address)) this.#nvmc.writeRegister(address - NVMC.start, value, at);
    else if (within(PPB, address)) this.#scs.write(address, value);
    else if (this.#known(address)) this.#peripherals.set(address, value >>> 0);
    else return busFault(at);
    return done(at);
  }

  /** Peripherals of the APB take whole words; a narrow write reaches the word with the other lanes zero. */
  #writeNarrow(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const mask = size === 1 ? 0xff : 0xffff;
    return this.#writeRegister((address & ~3) >>> 0, ((value & mask) << ((address & 3) * 8)) >>> 0, at);
  }

  #writeRam(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const bytes = this.#ramBytes();
    for (let i = 0; i < size; i++) bytes[address - RAM.start + i] = value >>> (8 * i);
    return done(at);
  }

  /** ROM table at 0xE00FF000 (Cortex-M4 TRM, table 4-1), FPB with 6+2 comparators, DWT with 4; the rest is the SCS's. */
  #readPpb(address: number): number {
    if (address === FP_CTRL) return FP_COMPARATORS | (this.#scs.read(address) & 1);
    return ROM_TABLE.get(address) ?? this.#scs.read(address);
  }

  #known(address: number): boolean {
    return within(PERIPHERALS, address) || within(GPIO, address) || within(PPB, address);
  }

  #arrayAt(address: number): FlashArray | undefined {
    if (this.flash.holds(address)) return this.flash;
    return this.uicr.holds(address) ? this.uicr : undefined;
  }

  #ramBytes(): Uint8Array<ArrayBuffer> {
    if (this.#ram) return this.#ram;
    const bytes = new Uint8Array(RAM.size);
    this.#prng.scramble(bytes);
    this.#ram = bytes;
    return bytes;
  }

  /** RAM and the debug port outlive it; protection is latched from UICR (PS v1.1, 4.8, Access port protection). */
  #systemReset(): void {
    this.#nvmc.reset();
    this.#peripherals = new Map();
    this.#latchProtection();
    this.#scs.reset(this.flash.readWord(0), this.flash.readWord(4));
  }

  /** CTRL-AP ERASEALL also erases RAM (PS v1.1, 4.8.2). */
  #startEraseAll(at: number): void {
    this.#nvmc.startEraseAll(at);
    this.#ramBytes().fill(0);
  }

  /** Any PALL (bits 0-7) but 0xFF protects (PS v1.1, 4.5 UICR, APPROTECT). */
  #latchProtection(): void {
    this.#protected = (this.uicr.readWord(APPROTECT) & 0xff) !== 0xff;
  }
}

const ROM_TABLE: ReadonlyMap<number, number> = new Map([
  [0xe00ff000, 0xfff0f003], // SCS
  [0xe00ff004, 0xfff02003], // DWT
  [0xe00ff008, 0xfff03003], // FPB
  [0xe00ff00c, 0xfff01003], // ITM
  [0xe00ff010, 0xfff41003], // TPIU
  [0xe00ff014, 0xfff42003], // ETM
  [0xe0001000, 0x40000000], // DWT_CTRL: NUMCOMP 4
]);

/** Bit 0 enables; 6 code and 2 literal comparators (ARMv7-M ARM, C1.11.3). */
const FP_CTRL = 0xe0002000;
const FP_COMPARATORS = 0x260;

function within(range: Range, address: number): boolean {
  return address >= range.start && address < range.start + range.size;
}
