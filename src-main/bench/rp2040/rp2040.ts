import type { AccessPort, AccessResult, AccessSize } from '../bus.ts';
import { AhbAp, type AhbApIdentity } from '../ahb-ap.ts';
import type { ChipEvents, ChipFactory, ChipModel, ChipReport } from '../chip.ts';
import { DebuggedBus } from '../cpu/debugged-bus.ts';
import { CORTEX_M0PLUS } from '../cpu/core-kind.ts';
import { Ram } from '../cpu/ram.ts';
import { FlashArray } from '../flash-array.ts';
import { FlashWork } from '../flash-work.ts';
import { Prng } from '../prng.ts';
import { Scs } from '../scs.ts';
import { SwDp } from '../sw-dp.ts';
import { BOOT2_AT, BOOT2_SIZE, CORE1_WAIT, isBoot2, USB_BOOT } from './boot-rom.ts';
import { NorFlash } from './nor-flash.ts';
import { CoreView, Peripherals } from './peripherals.ts';

const FLASH = { start: 0x10000000, size: 0x200000 } as const;
const RAM = { start: 0x20000000, size: 0x42000 } as const;
/** Cells may be cleared bit by bit; what is held against a program is told by the flash itself. */
const NOR_CELLS = { page: 0x1000, writesAllowed: 255 };
const STACK = 0x20042000;

/** Data sheet, 2.3.4: DPv2 ports that share the wires, picked by TARGETSEL; instance 15 is the rescue port, without an AP. */
const DPIDR = 0x0bc12477;
const TARGET_ID = 0x01002927;
const RESCUE_INSTANCE = 15;
const AP: AhbApIdentity = { idr: 0x04770031, base: 0xe00ff003, packed: false };

/**
 * The RP2040 with a W25Q16JV flash on its QSPI pins: two Cortex-M0+ (the second one asleep until a debugger takes it), multi-drop SWD,
 * flash interface, clocks. Every time is the virtual clock's, in nanoseconds. After a reset the first core runs what the flash's
 * first 256 bytes say, or waits for USB where their checksum is wrong. Two cores that run at once see each other's writes
 * in steps of what the debugger asks, not instruction by instruction.
 */
export class Rp2040 implements ChipModel {
  readonly debugPorts: readonly SwDp[];
  readonly flash = new FlashArray(FLASH.start, FLASH.size, NOR_CELLS);
  readonly #ram: Ram;
  readonly #work: FlashWork;
  readonly #nor: NorFlash;
  readonly #peripherals: Peripherals;
  readonly #cores: readonly { readonly scs: Scs; readonly bus: DebuggedBus; readonly ap: AhbAp }[];
  #powered = true;
  events: ChipEvents | undefined;

  constructor({ idWords, seed, wrongPart, incrementWindow = 0x400 }: ChipFactory) {
    const prng = new Prng(seed);
    this.#ram = new Ram(RAM.start, RAM.size, prng);
    this.#work = new FlashWork((operations) => this.events?.flashFinished(this, operations));
    this.#nor = new NorFlash({
      cells: this.flash,
      work: this.#work,
      prng,
      uniqueId: new Uint8Array(new Uint32Array([idWords[0], idWords[1]]).buffer),
      jedecId: [0xef, 0x40, 0x15],
    });
    this.#peripherals = new Peripherals({
      ram: this.#ram,
      flash: this.#nor,
      wrongPart,
      beforeFlashRead: (address) => this.events?.beforeFlashRead(this, address, this.flash.isProgrammed(address)),
      clockChanged: () => this.#clockCores(),
      resetRequest: (at) => this.#chipReset(at),
    });
    this.#cores = [0, 1].map((number) => this.#makeCore(number, incrementWindow));
    const ports = this.#cores.map(
      ({ ap }, instance) =>
        new SwDp(new Map<number, AccessPort>([[0, ap]]), { dpidr: DPIDR, targetId: TARGET_ID, instance }),
    );
    const rescue = new SwDp(new Map(), { dpidr: DPIDR, targetId: TARGET_ID, instance: RESCUE_INSTANCE });
    this.debugPorts = [...ports, rescue];
    this.#powerOn(0);
  }

  get powered(): boolean {
    return this.#powered;
  }

  set supplyFailsAt(at: number) {
    this.#work.supplyFailsAt = at;
  }

  powerCycle(at: number): void {
    if (this.#powered) {
      this.#runUntil(at);
      this.#work.wait(at);
    }
    this.#powerOn(at);
  }

  powerCut(at: number): void {
    if (!this.#powered) return;
    this.#runUntil(at);
    this.#work.abort(at);
    for (const { scs } of this.#cores) scs.powerOff();
    this.#powered = false;
    this.#ram.lose();
  }

  /** The RUN pin. */
  resetPin(asserted: boolean, at: number): void {
    if (!asserted) return;
    this.#runUntil(at);
    this.#chipReset(at);
  }

  flashIdleAt(at: number): number | undefined {
    this.#runUntil(at);
    this.#peripherals.settle(at);
    return this.#work.idleAt(at);
  }

  /** As the debugger of the first core reads. */
  read(address: number, size: AccessSize, at: number): AccessResult {
    return this.#core(0).bus.read(address, size, at);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    return this.#core(0).bus.write(address, size, value, at);
  }

  peek(address: number): number | undefined {
    return this.flash.holds(address) ? this.flash.readWord((address & ~3) >>> 0) : undefined;
  }

  preload(address: number, value: number): void {
    if (this.flash.holds(address)) this.flash.program((address & ~3) >>> 0, value);
  }

  flipBit(address: number, bit: number): void {
    if (this.flash.holds(address)) this.flash.flip((address & ~3) >>> 0, bit);
  }

  stickBit(address: number, bit: number, value: 0 | 1): void {
    if (this.flash.holds(address)) this.flash.stick((address & ~3) >>> 0, bit, value);
  }

  /** The chip cannot refuse a debugger; its flash can refuse changes, by its block protection bits. */
  protect(): void {
    this.#nor.protect();
  }

  readRegister(index: number): number {
    return this.#core(0).scs.readRegister(index);
  }

  writeRegister(index: number, value: number): void {
    this.#core(0).scs.writeRegister(index, value);
  }

  report(): ChipReport {
    return {
      flashOperations: this.#work.operations,
      overwrittenWords: [...this.flash.overwritten],
      misuse: [...this.#nor.misuse, ...this.#peripherals.misuse],
    };
  }

  #makeCore(number: number, window: 0x400 | 0x1000) {
    const view = new CoreView(this.#peripherals, number);
    const scs: Scs = new Scs({
      kind: CORTEX_M0PLUS,
      bus: view,
      hz: this.#peripherals.hz,
      resetRequest: (at) => this.#coreReset(number, at),
    });
    const other = (): readonly Scs[] => this.#cores.filter((core) => core.scs !== scs).map((core) => core.scs);
    const bus = new DebuggedBus(scs, view, other);
    return { scs, bus, ap: new AhbAp(bus, () => true, window, AP) };
  }

  #core(number: number) {
    const core = this.#cores[number];
    if (!core) throw new RangeError(`core ${number}`);
    return core;
  }

  #runUntil(at: number): void {
    for (const { scs } of this.#cores) scs.core.runUntil(at);
  }

  #clockCores(): void {
    for (const { scs } of this.#cores) scs.core.setClock(this.#peripherals.hz);
  }

  #powerOn(at: number): void {
    this.#powered = true;
    this.#ram.lose();
    this.#work.powerOn();
    this.#nor.powerOn();
    for (const port of this.debugPorts) port.powerOnReset();
    for (const { ap, scs } of this.#cores) {
      ap.powerOnReset();
      scs.powerOn(STACK, USB_BOOT | 1, at);
    }
    this.#chipReset(at);
  }

  /** Everything but the debug ports and the flash. */
  #chipReset(at: number): void {
    this.#peripherals.reset(at);
    this.#coreReset(1, at);
    this.#coreReset(0, at);
  }

  /** One core starts again in the boot ROM. */
  #coreReset(number: number, at: number): void {
    const { scs } = this.#core(number);
    if (number === 1) {
      scs.reset(STACK, CORE1_WAIT | 1, at);
    } else if (this.#loadBoot2()) {
      this.#peripherals.startFlash(at);
      scs.reset(BOOT2_AT, BOOT2_AT | 1, at);
    } else {
      this.#peripherals.startUsb(at);
      scs.reset(STACK, USB_BOOT | 1, at);
    }
    this.#clockCores();
  }

  #loadBoot2(): boolean {
    const bytes = new Uint8Array(BOOT2_SIZE);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < BOOT2_SIZE; at += 4) view.setUint32(at, this.flash.readWord(FLASH.start + at), true);
    if (!isBoot2(bytes)) return false;
    this.#ram.views.bytes.set(bytes, BOOT2_AT - RAM.start);
    return true;
  }
}
