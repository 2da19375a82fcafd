import { CORTEX_M0, type CoreKind } from '#main/bench/cpu/core-kind.ts';
import type { CoreBus } from '#main/bench/cpu/core-bus.ts';
import { DebuggedBus } from '#main/bench/cpu/debugged-bus.ts';
import { Ram } from '#main/bench/cpu/ram.ts';
import { FlashArray } from '#main/bench/flash-array.ts';
import { NrfBus } from '#main/bench/nrf/nrf-bus.ts';
import { NRF51_NVMC, Nvmc } from '#main/bench/nrf/nvmc.ts';
import { Prng } from '#main/bench/prng.ts';
import { Scs } from '#main/bench/scs.ts';

export const DHCSR = 0xe000edf0;
export const DCRSR = 0xe000edf4;
export const DCRDR = 0xe000edf8;
export const DEMCR = 0xe000edfc;
export const DFSR = 0xe000ed30;
export const HALT = 0xa05f0003;
export const RUN = 0xa05f0001;
export const STEP = 0xa05f0005;
export const RAM_START = 0x20000000;
const RAM_SIZE = 0x4000;

export interface BareOptions {
  readonly kind?: CoreKind;
  readonly skipSpins?: boolean;
  readonly hz?: number;
  readonly firmwareCycles?: number;
}

/** A core on a bus, without a chip around it, and a debugger with a time of its own. */
export class BareCore {
  readonly scs: Scs;
  readonly debugged: DebuggedBus;
  now = 0;

  constructor(bus: CoreBus, { kind = CORTEX_M0, hz = 16_000_000, ...options }: BareOptions = {}) {
    this.scs = new Scs({
      kind,
      bus,
      hz,
      resetRequest: (at) => this.scs.reset(RAM_START + RAM_SIZE, RAM_START | 1, at),
      ...options,
    });
    this.debugged = new DebuggedBus(this.scs, bus);
    this.scs.powerOn(0xffffffff, 0xffffffff, 0);
  }

  read(address: number): number {
    const result = this.debugged.read(address, 4, this.now);
    if (result.fault) throw new Error(`bus fault at ${address.toString(16)}`);
    this.now = Math.max(this.now, result.doneAt) + 100;
    return result.value;
  }

  write(address: number, value: number, size: 1 | 2 | 4 = 4): void {
    const result = this.debugged.write(address, size, value >>> 0, this.now);
    if (result.fault) throw new Error(`bus fault at ${address.toString(16)}`);
    this.now = Math.max(this.now, result.doneAt) + 100;
  }

  load(address: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) this.write(address + index, byte, 1);
  }

  /** Halfwords. */
  code(address: number, ...halves: number[]): void {
    for (const [index, half] of halves.entries()) this.write(address + index * 2, half, 2);
  }

  halt(): void {
    this.write(DHCSR, HALT);
  }

  register(index: number): number {
    this.write(DCRSR, index);
    return this.read(DCRDR);
  }

  setRegister(index: number, value: number): void {
    this.write(DCRDR, value);
    this.write(DCRSR, 0x10000 | index);
  }

  /** Starts at `pc` with a stack. */
  run(pc: number): void {
    this.setRegister(13, RAM_START + RAM_SIZE);
    this.setRegister(15, pc);
    this.setRegister(16, 1 << 24);
    this.write(DHCSR, RUN);
  }

  /** Waits, and says how the core does then. */
  after(ns: number): string {
    this.now += ns;
    this.read(DHCSR);
    return this.scs.core.status;
  }
}

/** A core with the memory and flash controller of an nRF51. */
export function nrfCore(options: BareOptions = {}) {
  const prng = new Prng(1);
  const flash = new FlashArray(0, 0x40000, { page: 0x400, writesAllowed: 2 });
  const uicr = new FlashArray(0x10001000, 0x100, { page: 0x100, writesAllowed: 2 });
  const ram = new Ram(RAM_START, RAM_SIZE, prng);
  const nvmc = new Nvmc(flash, uicr, prng, { protectionOn: () => false, finished: () => undefined }, NRF51_NVMC);
  const bus = new NrfBus({
    flash,
    uicr,
    ram,
    nvmc,
    readFicr: () => 0,
    peripherals: [{ start: 0x40000000, size: 0x80000 }],
    beforeFlashRead: () => undefined,
  });
  return { core: new BareCore(bus, options), flash, nvmc, ram };
}
