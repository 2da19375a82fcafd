import { done, type AccessResult, type AccessSize } from '../bus.ts';
import { ChipBus, type Slave } from '../chip-bus.ts';
import type { CoreBus, DeviceLoop } from '../cpu/core-bus.ts';
import type { Ram } from '../cpu/ram.ts';
import { BOOT_ROM } from './boot-rom.ts';
import { ClockTree } from './clock-tree.ts';
import type { NorFlash } from './nor-flash.ts';
import { RegisterBlock } from './register-block.ts';
import { Ssi, type SelectOverride } from './ssi.ts';
import { XipWindow } from './xip.ts';

/** SYSINFO.CHIP_ID (data sheet, 2.20.2): revision 2, part 2, Raspberry Pi. */
const CHIP_ID = 0x20002927;
const WRONG_CHIP_ID = 0x20004927;

const RESETS_ALL = 0x01ffffff;
const IO_QSPI = 1 << 6;
const PADS_QSPI = 1 << 9;
const SS_CTRL = 0xc;
const WATCHDOG_TRIGGER = 0x80000000;

export interface PeripheralsOptions {
  readonly ram: Ram;
  readonly flash: NorFlash;
  readonly wrongPart: () => boolean;
  readonly beforeFlashRead: (address: number) => void;
  /** clk_sys has changed. */
  readonly clockChanged: (at: number) => void;
  /** The watchdog resets the chip. */
  readonly resetRequest: (at: number) => void;
}

/** What is on the RP2040's bus beside the cores (data sheet, 2.2 Address Map). What is not named keeps what is written. */
export class Peripherals {
  readonly ram: Ram;
  readonly slaves: readonly Slave[];
  readonly ssi: Ssi;
  readonly flash: NorFlash;
  readonly loop: DeviceLoop;
  readonly #clocks: ClockTree;
  readonly #xip: XipWindow;
  readonly #blocks: readonly RegisterBlock[];
  readonly #resets: RegisterBlock;
  readonly #ioQspi: RegisterBlock;

  constructor(options: PeripheralsOptions) {
    this.ram = options.ram;
    this.flash = options.flash;
    this.#clocks = new ClockTree(options.clockChanged);
    this.ssi = new Ssi(options.flash, () => 1e9 / this.hz);
    this.#xip = new XipWindow(this.ssi, options.flash, options.beforeFlashRead);
    this.#resets = new RegisterBlock(0x4000c000, {
      resetValues: new Map([[0, RESETS_ALL]]),
      read: (offset) => (offset === 8 ? ~this.#resets.value(0) & RESETS_ALL : undefined),
    });
    this.#ioQspi = new RegisterBlock(0x40018000, {
      resetValues: new Map([[SS_CTRL, 0x1f]]),
      written: (offset, value, at) => {
        if (offset === SS_CTRL) this.ssi.setOverride(overrideOf(value), at);
      },
    });
    this.#blocks = [this.#resets, this.#ioQspi, ...plainBlocks(options)];
    this.slaves = [this.ssi, this.#xip, this.#xip.registers, BOOT_ROM, ...this.#clocks.blocks, ...this.#blocks];
    this.loop = {
      holds: (address) => address >>> 12 === 0x18000 || address >>> 14 === 0x40018000 >>> 14,
      state: (at) => this.#loopState(at),
    };
  }

  get hz(): number {
    return this.#clocks.hz;
  }

  get misuse(): readonly string[] {
    return [...this.#clocks.misuse];
  }

  settle(at: number): void {
    this.ssi.settle(at);
  }

  reset(at: number): void {
    this.ssi.settle(at);
    for (const block of this.#blocks) block.reset();
    this.ssi.reset(at);
    this.#xip.reset();
    this.#clocks.reset(at);
  }

  /** What the boot ROM has done before it starts code from the flash (2.8.1.3). */
  startFlash(at: number): void {
    this.#resets.set(0, this.#resets.value(0) & ~(IO_QSPI | PADS_QSPI));
    this.#ioQspi.set(SS_CTRL, 0);
    this.ssi.reset(at);
    this.#xip.reset();
  }

  /** What the boot ROM has done where it waits for USB. */
  startUsb(at: number): void {
    this.startFlash(at);
    this.#clocks.startUsb(at);
  }

  #loopState(at: number) {
    const { phase } = this.flash;
    if (phase === undefined || !this.ssi.idle(at)) return undefined;
    return { phase: phase * 4 + this.ssi.override, until: this.flash.idleAt(at) ?? Infinity, takesTime: true };
  }
}

function overrideOf(control: number): SelectOverride {
  const field = (control >>> 8) & 3;
  return field === 1 ? 1 : field === 2 ? 2 : field === 3 ? 3 : 0;
}

function plainBlocks(options: PeripheralsOptions): RegisterBlock[] {
  const sysinfo = new RegisterBlock(0x40000000, {
    read: (offset) => (offset === 0 ? (options.wrongPart() ? WRONG_CHIP_ID : CHIP_ID) : offset === 4 ? 2 : undefined),
  });
  const powerOn: RegisterBlock = new RegisterBlock(0x40010000, {
    read: (offset) => (offset === 0xc ? ~powerOn.value(4) & 0x1ffff : undefined),
  });
  const watchdog = new RegisterBlock(0x40058000, {
    written: (offset, value, at) => {
      if (offset === 0 && value & WATCHDOG_TRIGGER) options.resetRequest(at);
    },
  });
  const timer = new RegisterBlock(0x40054000, {
    read: (offset, at) => microseconds(offset, at),
    steadyUntil: (offset, at) => (microseconds(offset, at) === undefined ? Infinity : at),
  });
  const padsQspi = new RegisterBlock(0x40020000, {
    // Pulls and drive of the six pads after reset (2.19.6.4)
    resetValues: new Map([0x4, 0x8, 0xc, 0x10, 0x14, 0x18].map((offset) => [offset, 0x52])),
  });
  const others = [
    0x40004000, 0x40014000, 0x4001c000, 0x40030000, 0x40034000, 0x40038000, 0x4003c000, 0x40040000, 0x40044000,
    0x40048000, 0x4004c000, 0x40050000, 0x4005c000, 0x40064000, 0x4006c000, 0x50000000, 0x50100000, 0x50110000,
    0x50200000, 0x50300000,
  ].map((start) => new RegisterBlock(start));
  return [sysinfo, powerOn, watchdog, timer, padsQspi, ...others];
}

/** TIMEHR, TIMELR, TIMERAWH, TIMERAWL (4.6.5): microseconds. */
function microseconds(offset: number, at: number): number | undefined {
  const us = Math.floor(at / 1000);
  if (offset === 0xc || offset === 0x28) return us >>> 0;
  return offset === 8 || offset === 0x24 ? Math.floor(us / 0x100000000) : undefined;
}

/** The bus as one core sees it: its own number in SIO, all else shared. */
export class CoreView extends ChipBus implements CoreBus {
  readonly loop: DeviceLoop;

  constructor(peripherals: Peripherals, number: number) {
    super(peripherals.ram, [...peripherals.slaves, sio(number)]);
    this.loop = peripherals.loop;
  }
}

/** Single-cycle I/O (2.3.1): the core's number, and plain words. */
function sio(number: number): Slave {
  const words = new Map<number, number>();
  return {
    start: 0xd0000000,
    size: 0x1000,
    readWord: (address: number, at: number): AccessResult =>
      done(at, address === 0xd0000000 ? number : (words.get(address) ?? 0)),
    write: (address: number, _size: AccessSize, value: number, at: number): AccessResult => {
      words.set(address & ~3, value);
      return done(at);
    },
    steadyUntil: () => Infinity,
  };
}
