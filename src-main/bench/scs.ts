/**
 * The System Control Space as far as a debugger drives it (ARMv7-M ARM, B3.2 and C1.6). There is no CPU behind it
 * that executes: a running core stays where it is, so halting, registers and reset can be driven, programs cannot.
 */

/** Cortex-M4 r0p1 (ARMv7-M ARM B3.2.3; nRF52840 PS v1.1, 4.1). */
const CPUID_VALUE = 0x410fc241;
const CPUID = 0xe000ed00;
const AIRCR = 0xe000ed0c;
const DFSR = 0xe000ed30;
const MVFR0 = 0xe000ef40;
const MVFR1 = 0xe000ef44;
const DHCSR = 0xe000edf0;
const DCRSR = 0xe000edf4;
const DCRDR = 0xe000edf8;
const DEMCR = 0xe000edfc;

const C_DEBUGEN = 1;
const C_HALT = 2;
const C_STEP = 4;
const C_CONTROL = 0x2f;
const S_REGRDY = 1 << 16;
const S_HALT = 1 << 17;
const S_LOCKUP = 1 << 19;
const S_RETIRE = 1 << 24;
const S_RESET = 1 << 25;
const VC_CORERESET = 1;
const DFSR_HALTED = 1;
const DFSR_VCATCH = 8;

const XPSR_INDEX = 16;
/** r0-r15, xPSR, MSP, PSP, reserved, CONTROL/PRIMASK..., FPSCR at 33, s0-s31 at 64 (C1.6.3, REGSEL). */
const REGISTERS = 96;
const THUMB = 1 << 24;

export class Scs {
  readonly #resetRequest: () => void;
  readonly registers = new Uint32Array(REGISTERS);
  #plain = new Map<number, number>();
  #dhcsr = 0;
  #demcr = 0;
  #dcrdr = 0;
  #dfsr = 0;
  #halted = false;
  #lockup = false;
  #sawReset = true;

  constructor(resetRequest: () => void) {
    this.#resetRequest = resetRequest;
  }

  get halted(): boolean {
    return this.#halted;
  }

  /** Debug settings outlive a system reset, not a power cycle (C1.6). */
  powerOn(stackPointer: number, resetVector: number): void {
    this.#dhcsr = 0;
    this.#demcr = 0;
    this.#dcrdr = 0;
    this.#dfsr = 0;
    this.reset(stackPointer, resetVector);
  }

  reset(stackPointer: number, resetVector: number): void {
    this.#plain = new Map();
    this.registers.fill(0);
    this.registers[13] = stackPointer & ~3;
    this.registers[17] = stackPointer & ~3;
    this.registers[14] = 0xffffffff;
    this.registers[15] = resetVector & ~1;
    this.registers[XPSR_INDEX] = resetVector & 1 ? THUMB : 0;
    this.#sawReset = true;
    this.#halted = false;
    // An erased vector has the core fetch from 0xFFFFFFFE: HardFault, whose vector is erased too (B1.5.15).
    this.#lockup = resetVector === 0xffffffff;
    if (this.#dhcsr & C_DEBUGEN && this.#demcr & VC_CORERESET) this.#halt(DFSR_VCATCH);
    else if (this.#dhcsr & C_HALT && this.#dhcsr & C_DEBUGEN) this.#halt(DFSR_HALTED);
  }

  read(address: number): number {
    switch (address) {
      case CPUID:
        return CPUID_VALUE;
      case AIRCR:
        return 0xfa050000;
      case DFSR:
        return this.#dfsr;
      case MVFR0:
        return 0x10110021;
      case MVFR1:
        return 0x11000011;
      case DHCSR:
        return this.#status();
      case DCRDR:
        return this.#dcrdr;
      case DEMCR:
        return this.#demcr;
      default:
        return this.#plain.get(address) ?? 0;
    }
  }

  write(address: number, value: number): void {
    switch (address) {
      case CPUID:
      case MVFR0:
      case MVFR1:
        return;
      case AIRCR:
        this.#requestReset(value);
        return;
      case DFSR:
        this.#dfsr &= ~value;
        return;
      case DHCSR:
        this.#control(value);
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

  #requestReset(value: number): void {
    const SYSRESETREQ = 4;
    const VECTRESET = 1;
    if (value >>> 16 !== 0x05fa) return;
    if (value & SYSRESETREQ || (value & VECTRESET && this.#halted)) this.#resetRequest();
  }

  #status(): number {
    let value = (this.#dhcsr & C_CONTROL) | S_REGRDY;
    if (this.#halted) value |= S_HALT;
    else if (this.#lockup) value |= S_LOCKUP;
    else value |= S_RETIRE;
    if (this.#sawReset) value |= S_RESET;
    this.#sawReset = false;
    return value >>> 0;
  }

  /** DHCSR takes a write only with the key (C1.6.2). */
  #control(value: number): void {
    if (value >>> 16 !== 0xa05f) return;
    this.#dhcsr = value & C_DEBUGEN ? value & C_CONTROL : 0;
    if (!(this.#dhcsr & C_DEBUGEN)) {
      this.#halted = false;
      return;
    }
    if (this.#dhcsr & C_HALT) {
      if (!this.#halted) this.#halt(DFSR_HALTED);
      return;
    }
    // A step retires an instruction on real silicon; here it ends where it began.
    if (this.#halted && this.#dhcsr & C_STEP) this.#halt(DFSR_HALTED);
    else this.#halted = false;
  }

  #halt(reason: number): void {
    this.#halted = true;
    this.#lockup = false;
    this.#dhcsr |= C_HALT;
    this.#dfsr |= reason;
  }

  /** DCRSR: registers can be reached only while halted (C1.6.3). */
  #transferRegister(value: number): void {
    const index = value & 0x7f;
    const WRITE = 1 << 16;
    if (!this.#halted || index >= REGISTERS) return;
    if (value & WRITE) {
      this.registers[index] = this.#dcrdr;
      if (index === 13) this.registers[17] = this.#dcrdr;
      if (index === 17) this.registers[13] = this.#dcrdr;
    } else {
      this.#dcrdr = this.registers[index] ?? 0;
    }
  }
}
