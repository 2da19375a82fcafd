import { BreakpointUnit } from './cpu/breakpoint-unit.ts';
import { Core, type CoreEvents } from './cpu/core.ts';
import type { CoreBus } from './cpu/core-bus.ts';
import type { CoreKind } from './cpu/core-kind.ts';
import type { PrivateBus } from './cpu/core-memory.ts';

/**
 * The private peripheral bus with the core behind it: System Control Space, breakpoint unit, ROM table, as a debugger and the
 * program drive them (ARMv6-M ARM, B3.2 and C1; ARMv7-M ARM, B3.2 and C1.6).
 */
const CPUID = 0xe000ed00;
const VTOR = 0xe000ed08;
const AIRCR = 0xe000ed0c;
const DFSR = 0xe000ed30;
const DHCSR = 0xe000edf0;
const DCRSR = 0xe000edf4;
const DCRDR = 0xe000edf8;
const DEMCR = 0xe000edfc;
const DWT_CYCCNT = 0xe0001004;
const DWT_PCSR = 0xe000101c;
const BPU = { start: 0xe0002000, end: 0xe0002fd0 } as const;

const C_DEBUGEN = 1;
const C_HALT = 2;
const C_STEP = 4;
const C_CONTROL = 0x2f;
const S_REGRDY = 1 << 16;
const S_HALT = 1 << 17;
const S_SLEEP = 1 << 18;
const S_LOCKUP = 1 << 19;
const S_RETIRE = 1 << 24;
const S_RESET = 1 << 25;
const VC_CORERESET = 1;
const VC_HARDERR = 1 << 10;
const DFSR_HALTED = 1;
const DFSR_BKPT = 2;
const DFSR_VCATCH = 8;

/** Up to CONTROL and PRIMASK (20) the core's own; FPSCR at 33 and s0-s31 at 64 (C1.6.3, REGSEL) are kept, and used by nobody. */
const OWN_REGISTERS = 21;
const REGISTERS = 96;

export interface ScsOptions {
  readonly kind: CoreKind;
  readonly bus: CoreBus;
  /** Core clock after reset, Hz. */
  readonly hz: number;
  /** SYSRESETREQ, by a debugger or by the program: the chip resets, and the core with it. */
  readonly resetRequest: (at: number) => void;
  readonly skipSpins?: boolean;
  readonly firmwareCycles?: number;
}

export class Scs implements PrivateBus, CoreEvents {
  readonly core: Core;
  readonly #kind: CoreKind;
  readonly #resetRequest: (at: number) => void;
  readonly #breakpoints: BreakpointUnit;
  #plain = new Map<number, number>();
  #others = new Map<number, number>();
  #vtor = 0;
  #dhcsr = 0;
  #demcr = 0;
  #dcrdr = 0;
  #dfsr = 0;
  #sawReset = true;

  constructor({ kind, bus, hz, resetRequest, ...options }: ScsOptions) {
    this.#kind = kind;
    this.#resetRequest = resetRequest;
    this.#breakpoints = new BreakpointUnit(kind);
    this.core = new Core({ kind, bus, ppb: this.#programsView(), events: this, hz, ...options });
  }

  get halted(): boolean {
    return this.core.status === 'halted';
  }

  /** Debug settings outlive a system reset, not a power cycle (C1.6). */
  powerOn(stackPointer: number, resetVector: number, at: number): void {
    this.#dhcsr = 0;
    this.#demcr = 0;
    this.#dcrdr = 0;
    this.#dfsr = 0;
    this.#breakpoints.powerOn();
    this.reset(stackPointer, resetVector, at);
  }

  /** Power is gone: nothing executes. */
  powerOff(): void {
    this.core.powerOff();
  }

  reset(stackPointer: number, resetVector: number, at: number): void {
    this.#plain = new Map();
    this.#others = new Map();
    this.#vtor = 0;
    this.#sawReset = true;
    this.core.reset(stackPointer, resetVector, at);
    if ((this.#dhcsr & C_DEBUGEN) === 0) return;
    if (this.#demcr & VC_CORERESET) this.#halt(DFSR_VCATCH, at);
    else if (this.#dhcsr & C_HALT) this.#halt(DFSR_HALTED, at);
  }

  readRegister(index: number): number {
    return index < OWN_REGISTERS ? this.core.readRegister(index) : (this.#others.get(index) ?? 0);
  }

  writeRegister(index: number, value: number): void {
    if (index < OWN_REGISTERS) this.core.writeRegister(index, value);
    else if (this.#kind.architecture === 'v7-m' && index < REGISTERS) this.#others.set(index, value >>> 0);
  }

  isSteady(address: number): boolean {
    return address !== DWT_CYCCNT && address !== DWT_PCSR;
  }

  /** As a debugger reads at `at`; the core has lived up to there. */
  read(address: number, at: number): number {
    const fixed = this.#kind.fixedWords.get(address);
    if (fixed !== undefined) return fixed;
    if (address >= BPU.start && address < BPU.end) return this.#breakpoints.read(address - BPU.start);
    switch (address) {
      case CPUID:
        return this.#kind.cpuid;
      case VTOR:
        return this.#vtor;
      case AIRCR:
        return 0xfa050000;
      case DFSR:
        return this.#dfsr;
      case DHCSR:
        return this.#readStatus();
      case DCRDR:
        return this.#dcrdr;
      case DEMCR:
        return this.#demcr;
      case DWT_CYCCNT:
        return this.#kind.architecture === 'v7-m' ? this.#cyclesAt(at) : 0;
      case DWT_PCSR:
        return this.#sampledPc(at);
      default:
        return this.#plain.get(address) ?? 0;
    }
  }

  /** As a debugger writes at `at`; the core has lived up to there. */
  write(address: number, value: number, at: number): void {
    if (this.#kind.fixedWords.has(address) || address === CPUID) return;
    if (address >= BPU.start && address < BPU.end) {
      this.core.disturb();
      this.#breakpoints.write(address - BPU.start, value);
      return;
    }
    switch (address) {
      case VTOR:
        // A Cortex-M0+ keeps bit 7 at zero (DUI 0662, 4.3.4).
        if (this.#kind.vectorTableMoves)
          this.#vtor = (value & (this.#kind.architecture === 'v6-m' ? ~0xff : ~0x7f)) >>> 0;
        return;
      case AIRCR:
        if (this.#asksForReset(value)) this.#resetRequest(at);
        return;
      case DFSR:
        this.#dfsr &= ~value;
        return;
      case DHCSR:
        this.#control(value, at);
        return;
      case DCRSR:
        this.#transferRegister(value);
        return;
      case DCRDR:
        this.#dcrdr = value >>> 0;
        return;
      case DEMCR:
        this.#demcr = (value & 0x010f07f1) >>> 0;
        return;
      default:
        this.#plain.set(address, value >>> 0);
    }
  }

  breakpoint(): boolean {
    if ((this.#dhcsr & C_DEBUGEN) === 0) return false;
    this.#stopped(DFSR_BKPT);
    return true;
  }

  hardFault(): boolean {
    if ((this.#dhcsr & C_DEBUGEN) === 0 || (this.#demcr & VC_HARDERR) === 0) return false;
    this.#stopped(DFSR_VCATCH);
    return true;
  }

  matches(address: number): boolean {
    return this.#breakpoints.matches(address);
  }

  vectorTable(): number {
    return this.#vtor;
  }

  resetRequested(at: number): void {
    this.#resetRequest(at);
  }

  /** Debug registers are the debugger's alone; a reset waits for the instruction that asked for it to end. */
  #programsView(): PrivateBus {
    return {
      isSteady: (address) => this.isSteady(address),
      read: (address, at) => (address === DHCSR ? this.#dhcsr : this.read(address, at)),
      write: (address, value, at) => {
        if (address === AIRCR) {
          if (this.#asksForReset(value)) this.core.requestReset();
        } else if (address < DHCSR || address > DEMCR) this.write(address, value, at);
      },
    };
  }

  #asksForReset(value: number): boolean {
    const SYSRESETREQ = 4;
    const VECTRESET = 1;
    if (value >>> 16 !== 0x05fa) return false;
    return (value & SYSRESETREQ) !== 0 || ((value & VECTRESET) !== 0 && this.halted);
  }

  #readStatus(): number {
    let value = (this.#dhcsr & C_CONTROL) | S_REGRDY;
    switch (this.core.status) {
      case 'halted':
        value |= S_HALT;
        break;
      case 'locked-up':
        value |= S_LOCKUP;
        break;
      case 'sleeping':
        value |= S_SLEEP;
        break;
      case 'running':
      case 'parked':
        value |= S_RETIRE;
    }
    if (this.#sawReset) value |= S_RESET;
    this.#sawReset = false;
    return value >>> 0;
  }

  /** DHCSR takes a write only with the key (C1.6.2). */
  #control(value: number, at: number): void {
    if (value >>> 16 !== 0xa05f) return;
    this.#dhcsr = value & C_DEBUGEN ? value & C_CONTROL : 0;
    if (this.#dhcsr & C_HALT) {
      if (!this.halted) this.#halt(DFSR_HALTED, at);
      return;
    }
    if (!this.halted) return;
    if ((this.#dhcsr & C_STEP) === 0) {
      this.core.resume(at);
      return;
    }
    this.core.step(at);
    if (this.halted && (this.#dhcsr & C_HALT) === 0) this.#stopped(DFSR_HALTED);
  }

  #halt(reason: number, at: number): void {
    this.core.halt(at);
    this.#stopped(reason);
  }

  #stopped(reason: number): void {
    this.#dhcsr |= C_HALT;
    this.#dfsr |= reason;
  }

  /** DCRSR: registers can be reached only while halted (C1.6.3). */
  #transferRegister(value: number): void {
    const index = value & 0x7f;
    const WRITE = 1 << 16;
    if (!this.halted || index >= REGISTERS) return;
    if (value & WRITE) this.writeRegister(index, this.#dcrdr);
    else this.#dcrdr = this.readRegister(index);
  }

  #cyclesAt(at: number): number {
    this.core.catchUp(at);
    return this.core.cycles >>> 0;
  }

  /** Where the core is; all ones when it is not running (ARMv6-M ARM, C1.7.4 DWT_PCSR). */
  #sampledPc(at: number): number {
    const { status } = this.core;
    if (status === 'halted' || status === 'locked-up') return 0xffffffff;
    this.core.catchUp(at);
    return this.core.readRegister(15);
  }
}
