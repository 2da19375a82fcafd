import type { Slave } from '../chip-bus.ts';
import { toNs, usToNs } from '../virtual-clock.ts';
import { RegisterBlock } from './register-block.ts';

/** Data sheet, 2.17: the ring oscillator's nominal frequency after reset. */
const ROSC_HZ = 6_500_000;
/** On every board that can boot from USB. */
const XOSC_HZ = 12_000_000;
/** Usual time to lock. */
const PLL_LOCK_NS = usToNs(100);

const XOSC_CTRL = 0;
const XOSC_STATUS = 4;
const XOSC_STARTUP = 0xc;
const PLL_CS = 0;
const PLL_PWR = 4;
const PLL_FBDIV = 8;
const PLL_PRIM = 0xc;
const PD = 1;
const VCOPD = 0x20;
const POSTDIVPD = 8;
const CLK_REF_CTRL = 0x30;
const CLK_REF_SELECTED = 0x38;
const CLK_SYS_CTRL = 0x3c;
const CLK_SYS_DIV = 0x40;
const CLK_SYS_SELECTED = 0x44;
const STABLE = 0x80000000;

/** Oscillators, PLLs and the two clocks that a program runs by (data sheet, 2.15 to 2.18), with the times they take to settle. */
export class ClockTree {
  readonly blocks: readonly Slave[];
  /** Clocks that were switched to a source that does not run. */
  readonly misuse = new Set<string>();
  readonly #changed: (at: number) => void;
  readonly #xosc: RegisterBlock;
  readonly #pllSys: Pll;
  readonly #pllUsb: Pll;
  readonly #clocks: RegisterBlock;
  #xoscStableAt = Infinity;
  #hz = ROSC_HZ;

  constructor(changed: (at: number) => void) {
    this.#changed = changed;
    this.#xosc = new RegisterBlock(0x40024000, {
      resetValues: new Map([[XOSC_STARTUP, 0xc4]]),
      read: (offset, at) => (offset === XOSC_STATUS ? this.#xoscStatus(at) : undefined),
      written: (offset, value, at) => this.#xoscWritten(offset, value, at),
      steadyUntil: (offset, at) => until(offset === XOSC_STATUS ? this.#xoscStableAt : 0, at),
    });
    const update = (at: number) => this.#update(at);
    this.#pllSys = new Pll(0x40028000, update);
    this.#pllUsb = new Pll(0x4002c000, update);
    this.#clocks = new RegisterBlock(0x40008000, {
      resetValues: new Map([
        [0x34, 0x100],
        [CLK_SYS_DIV, 0x100],
      ]),
      read: (offset) => this.#selected(offset),
      written: (_, __, at) => this.#update(at),
    });
    const rosc = new RegisterBlock(0x40060000, {
      resetValues: new Map([[0x10, 0xaa0]]),
      // STATUS: stable and enabled (2.17.8)
      read: (offset) => (offset === 0x18 ? 0x80001000 : undefined),
    });
    this.blocks = [this.#xosc, this.#pllSys.block, this.#pllUsb.block, this.#clocks, rosc];
  }

  /** clk_sys, Hz. */
  get hz(): number {
    return this.#hz;
  }

  /** Everything runs by the ring oscillator. */
  reset(at: number): void {
    for (const block of [this.#xosc, this.#pllSys.block, this.#pllUsb.block, this.#clocks]) block.reset();
    this.#xoscStableAt = Infinity;
    this.#pllSys.lockedAt = Infinity;
    this.#pllUsb.lockedAt = Infinity;
    this.#update(at);
  }

  /** What the boot ROM leaves where it waits for USB: crystal, PLL_USB at 48 MHz, and that as clk_sys (2.8.4). */
  startUsb(at: number): void {
    this.#xosc.set(XOSC_CTRL, 0xfabaa0);
    this.#xoscStableAt = at;
    this.#pllUsb.startUsb(at);
    this.#clocks.set(CLK_REF_CTRL, 2);
    this.#clocks.set(CLK_SYS_CTRL, 0x21);
    this.#update(at);
  }

  #xoscStatus(at: number): number {
    const enabled = this.#xoscEnabled ? 0x1000 : 0;
    return (enabled | (at >= this.#xoscStableAt ? STABLE : 0)) >>> 0;
  }

  get #xoscEnabled(): boolean {
    return ((this.#xosc.value(XOSC_CTRL) >>> 12) & 0xfff) === 0xfab;
  }

  /** STARTUP counts in 256 crystal cycles (2.16.3). */
  #xoscWritten(offset: number, _value: number, at: number): void {
    if (offset !== XOSC_CTRL) return;
    const delay = this.#xosc.value(XOSC_STARTUP) & 0x3fff;
    if (!this.#xoscEnabled) this.#xoscStableAt = Infinity;
    else if (this.#xoscStableAt === Infinity) this.#xoscStableAt = at + toNs((delay * 256 * 1000) / XOSC_HZ);
    this.#update(at);
  }

  /** SELECTED: one bit for the source in use; the switch is done at once. */
  #selected(offset: number): number | undefined {
    if (offset === CLK_REF_SELECTED) return 1 << (this.#clocks.value(CLK_REF_CTRL) & 3);
    if (offset === CLK_SYS_SELECTED) return 1 << (this.#clocks.value(CLK_SYS_CTRL) & 1);
    return undefined;
  }

  #update(at: number): void {
    const source = this.#systemSource(at);
    if (source === 0) this.misuse.add('clk_sys switched to a source that does not run');
    const divider = this.#clocks.value(CLK_SYS_DIV) >>> 8 || 0x10000;
    const hz = (source || ROSC_HZ) / divider;
    if (hz === this.#hz) return;
    this.#hz = hz;
    this.#changed(at);
  }

  /** Hz; 0 for a source that does not run. */
  #systemSource(at: number): number {
    const crystal = at >= this.#xoscStableAt ? XOSC_HZ : 0;
    const usb = this.#pllUsb.hzAt(at, crystal);
    const control = this.#clocks.value(CLK_SYS_CTRL);
    if (control & 1) return [this.#pllSys.hzAt(at, crystal), usb, ROSC_HZ, crystal][(control >>> 5) & 7] ?? 0;
    return [ROSC_HZ, usb, crystal][this.#clocks.value(CLK_REF_CTRL) & 3] ?? 0;
  }
}

class Pll {
  readonly block: RegisterBlock;
  lockedAt = Infinity;

  constructor(start: number, changed: (at: number) => void) {
    this.block = new RegisterBlock(start, {
      resetValues: new Map([
        [PLL_CS, 1],
        [PLL_PWR, 0x2d],
        [PLL_PRIM, 0x77000],
      ]),
      read: (offset, at) =>
        offset === PLL_CS ? ((this.block.value(PLL_CS) & 0x13f) | (at >= this.lockedAt ? STABLE : 0)) >>> 0 : undefined,
      written: (offset, value, at) => {
        if (offset === PLL_PWR) this.#power(value, at);
        changed(at);
      },
      steadyUntil: (offset, at) => until(offset === PLL_CS ? this.lockedAt : 0, at),
    });
  }

  startUsb(at: number): void {
    this.block.set(PLL_PWR, 4);
    this.block.set(PLL_FBDIV, 40);
    this.block.set(PLL_PRIM, 0x52000);
    this.lockedAt = at;
  }

  /** Crystal / REFDIV x FBDIV / POSTDIV1 / POSTDIV2 (2.18.2). */
  hzAt(at: number, reference: number): number {
    const prim = this.block.value(PLL_PRIM);
    const dividers = ((prim >>> 16) & 7) * ((prim >>> 12) & 7) * (this.block.value(PLL_CS) & 63);
    if (at < this.lockedAt || this.block.value(PLL_PWR) & POSTDIVPD || dividers === 0) return 0;
    return (reference * (this.block.value(PLL_FBDIV) & 0xfff)) / dividers;
  }

  #power(value: number, at: number): void {
    if (value & (PD | VCOPD)) this.lockedAt = Infinity;
    else if (this.lockedAt === Infinity) this.lockedAt = at + PLL_LOCK_NS;
  }
}

/** A change due at `due`, seen from `at`: nothing changes after it. */
function until(due: number, at: number): number {
  return due > at ? due : Infinity;
}
