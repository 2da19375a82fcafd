const N = 0x80000000;
const Z = 0x40000000;
const C = 0x20000000;
const V = 0x10000000;
const T = 0x01000000;

/**
 * What a core knows between two instructions (ARMv6-M ARM, B1.4): registers, flags, stacks, mode. Values are signed 32-bit
 * integers inside, as JavaScript's bit operators make them.
 */
export class CoreState {
  /** r13 is the stack pointer in use, r15 the address of the next instruction. */
  readonly r = new Int32Array(16);
  /** The N flag is the sign of this. */
  n = 0;
  /** The Z flag is set when this is 0. */
  z = 1;
  /** 0 or 1. */
  c = 0;
  v = 0;
  /** EPSR.T; an instruction without it is a fault. */
  thumb = true;
  /** Number of the exception being handled, 0 in thread mode. */
  ipsr = 0;
  primask = 0;
  /** CONTROL: bit 0 nPRIV, bit 1 SPSEL. */
  control = 0;
  /** The stack pointer that is not in use: PSP while r13 is MSP, and the other way round. */
  otherSp = 0;

  resetState(stackPointer: number, resetVector: number): void {
    this.r.fill(0);
    this.r[13] = stackPointer & ~3;
    this.r[14] = -1;
    this.r[15] = resetVector & ~1;
    this.n = 0;
    this.z = 1;
    this.c = 0;
    this.v = 0;
    this.thumb = (resetVector & 1) !== 0;
    this.ipsr = 0;
    this.primask = 0;
    this.control = 0;
    this.otherSp = 0;
  }

  get apsr(): number {
    return (this.n < 0 ? N : 0) | (this.z === 0 ? Z : 0) | (this.c ? C : 0) | (this.v ? V : 0);
  }

  set apsr(value: number) {
    this.n = value & N;
    this.z = value & Z ? 0 : 1;
    this.c = value & C ? 1 : 0;
    this.v = value & V ? 1 : 0;
  }

  get xpsr(): number {
    return this.apsr | (this.thumb ? T : 0) | this.ipsr;
  }

  set xpsr(value: number) {
    this.apsr = value;
    this.thumb = (value & T) !== 0;
    this.ipsr = value & 0x3f;
  }

  get onProcessStack(): boolean {
    return (this.control & 2) !== 0;
  }

  selectStack(process: boolean): void {
    if (process === this.onProcessStack) return;
    const other = this.r[13] ?? 0;
    this.r[13] = this.otherSp;
    this.otherSp = other;
    this.control = process ? this.control | 2 : this.control & ~2;
  }

  get msp(): number {
    return this.onProcessStack ? this.otherSp : (this.r[13] ?? 0);
  }

  set msp(value: number) {
    if (this.onProcessStack) this.otherSp = value & ~3;
    else this.r[13] = value & ~3;
  }

  get psp(): number {
    return this.onProcessStack ? (this.r[13] ?? 0) : this.otherSp;
  }

  set psp(value: number) {
    if (this.onProcessStack) this.r[13] = value & ~3;
    else this.otherSp = value & ~3;
  }

  /** r0-r15, then xPSR 16, MSP 17, PSP 18, CONTROL and PRIMASK 20 (ARMv6-M ARM, C1.6.4 DCRSR). Unsigned; 0 for what is not there. */
  readRegister(index: number): number {
    if (index < 16) return (this.r[index] ?? 0) >>> 0;
    if (index === 16) return this.xpsr >>> 0;
    if (index === 17) return this.msp >>> 0;
    if (index === 18) return this.psp >>> 0;
    return index === 20 ? ((this.control << 24) | this.primask) >>> 0 : 0;
  }

  writeRegister(index: number, value: number): void {
    if (index === 13) this.r[13] = value & ~3;
    else if (index === 15) this.r[15] = value & ~1;
    else if (index < 15) this.r[index] = value;
    else if (index === 16) this.xpsr = value;
    else if (index === 17) this.msp = value;
    else if (index === 18) this.psp = value;
    else if (index === 20) this.#writeControl(value);
  }

  #writeControl(value: number): void {
    this.primask = value & 1;
    this.selectStack((value & 0x02000000) !== 0);
    this.control = (this.control & 2) | ((value >>> 24) & 1);
  }
}
