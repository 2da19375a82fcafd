import { add, dataProcessing, holds, logic, shiftArithmetic, shiftLeft, shiftRight, subtract } from './alu.ts';
import type { CoreBus } from './core-bus.ts';
import type { CoreKind } from './core-kind.ts';
import { CoreMemory, Trap, type PrivateBus } from './core-memory.ts';

const SP = 13;
const LR = 14;
const PC = 15;

/** ARMv6-M's instructions (ARMv6-M ARM, A5 and A6). While one executes, r15 is the address behind its first halfword. */
export abstract class Thumb extends CoreMemory {
  readonly kind: CoreKind;
  /** WFE found no event, SEV or an exception leave one. */
  event = false;

  constructor(kind: CoreKind, bus: CoreBus, ppb: PrivateBus, hz: number, skipSpins: boolean) {
    super(bus, ppb, hz, skipSpins);
    this.kind = kind;
  }

  /** EXC_RETURN in the program counter (B1.5.8). */
  protected abstract exceptionReturn(value: number): void;
  /** A branch backwards has been taken. */
  protected abstract loopBack(target: number): void;

  /** One method an instruction, so that the hot ones are compiled into this switch. */
  protected execute(op: number): void {
    this.spent++;
    switch (op >>> 11) {
      case 0:
        return this.#shiftLeft(op);
      case 1:
        return this.#shiftRight(op);
      case 2:
        return this.#shiftArithmetic(op);
      case 3:
        return this.#addOrSubtract(op);
      case 4:
        return this.#moveConstant(op);
      case 5:
        return this.#compareConstant(op);
      case 6:
        return this.#addConstant(op);
      case 7:
        return this.#subtractConstant(op);
      case 8:
        return op & 0x400 ? this.#special(op) : dataProcessing(this, op);
      case 9:
        return this.#loadLiteral(op);
      case 10:
      case 11:
        return this.#byRegister(op);
      case 12:
        return this.#storeWord(op);
      case 13:
        return this.#loadWord(op);
      case 14:
        return this.#storeByte(op);
      case 15:
        return this.#loadByte(op);
      case 16:
        return this.#storeHalf(op);
      case 17:
        return this.#loadHalf(op);
      case 18:
        return this.#storeOnStack(op);
      case 19:
        return this.#loadFromStack(op);
      case 20:
      case 21:
        return this.#addressOf(op);
      case 22:
      case 23:
        return this.#miscellaneous(op);
      case 24:
        return this.#storeMultiple(op);
      case 25:
        return this.#loadMultiple(op);
      case 26:
      case 27:
        return this.#conditional(op);
      case 28:
        return this.#branch((op << 21) >> 20);
      default:
        return this.#wide(op);
    }
  }

  /** Where bit 0 must be set: BX, BLX, POP {pc}. */
  protected branchTo(target: number): void {
    this.r[PC] = target & ~1;
    this.thumb = (target & 1) !== 0;
    if (this.thumb) return;
    // The next fetch takes the long way, and finds out.
    this.detachRam();
  }

  #addOrSubtract(op: number): void {
    const r = this.r;
    const n = r[(op >>> 3) & 7] ?? 0;
    const field = (op >>> 6) & 7;
    const m = op & 0x400 ? field : (r[field] ?? 0);
    r[op & 7] = op & 0x200 ? subtract(this, n, m) : add(this, n, m, 0);
  }

  #shiftLeft(op: number): void {
    this.r[op & 7] = shiftLeft(this, this.#base(op), (op >>> 6) & 31);
  }

  #shiftRight(op: number): void {
    this.r[op & 7] = shiftRight(this, this.#base(op), (op >>> 6) & 31 || 32);
  }

  #shiftArithmetic(op: number): void {
    this.r[op & 7] = shiftArithmetic(this, this.#base(op), (op >>> 6) & 31 || 32);
  }

  #moveConstant(op: number): void {
    this.r[(op >>> 8) & 7] = logic(this, op & 0xff);
  }

  #compareConstant(op: number): void {
    subtract(this, this.r[(op >>> 8) & 7] ?? 0, op & 0xff);
  }

  #addConstant(op: number): void {
    const d = (op >>> 8) & 7;
    this.r[d] = add(this, this.r[d] ?? 0, op & 0xff, 0);
  }

  #subtractConstant(op: number): void {
    const d = (op >>> 8) & 7;
    this.r[d] = subtract(this, this.r[d] ?? 0, op & 0xff);
  }

  /** The register in bits 3-5. */
  #base(op: number): number {
    return this.r[(op >>> 3) & 7] ?? 0;
  }

  #loadLiteral(op: number): void {
    this.#put((op >>> 8) & 7, this.load32((((this.r[PC] ?? 0) + 2) & ~3) + ((op & 0xff) << 2)));
  }

  #storeWord(op: number): void {
    this.spent++;
    this.store32(this.#base(op) + ((op >>> 4) & 0x7c), this.r[op & 7] ?? 0);
  }

  #loadWord(op: number): void {
    this.#put(op & 7, this.load32(this.#base(op) + ((op >>> 4) & 0x7c)));
  }

  #storeByte(op: number): void {
    this.spent++;
    this.store8(this.#base(op) + ((op >>> 6) & 31), this.r[op & 7] ?? 0);
  }

  #loadByte(op: number): void {
    this.#put(op & 7, this.load8(this.#base(op) + ((op >>> 6) & 31)));
  }

  #storeHalf(op: number): void {
    this.spent++;
    this.store16(this.#base(op) + ((op >>> 5) & 0x3e), this.r[op & 7] ?? 0);
  }

  #loadHalf(op: number): void {
    this.#put(op & 7, this.load16(this.#base(op) + ((op >>> 5) & 0x3e)));
  }

  #storeOnStack(op: number): void {
    this.spent++;
    this.store32((this.r[SP] ?? 0) + ((op & 0xff) << 2), this.r[(op >>> 8) & 7] ?? 0);
  }

  #loadFromStack(op: number): void {
    this.#put((op >>> 8) & 7, this.load32((this.r[SP] ?? 0) + ((op & 0xff) << 2)));
  }

  /** ADR, and ADD to the stack pointer. */
  #addressOf(op: number): void {
    const base = op & 0x800 ? (this.r[SP] ?? 0) : ((this.r[PC] ?? 0) + 2) & ~3;
    this.r[(op >>> 8) & 7] = base + ((op & 0xff) << 2);
  }

  /** A register takes what was loaded, unless the load did not happen. */
  #put(register: number, value: number): void {
    this.spent++;
    if (this.trap === Trap.none) this.r[register] = value;
  }

  #byRegister(op: number): void {
    const address = this.#base(op) + (this.r[(op >>> 6) & 7] ?? 0);
    const t = op & 7;
    const value = this.r[t] ?? 0;
    switch ((op >>> 9) & 7) {
      case 0:
        this.spent++;
        this.store32(address, value);
        return;
      case 1:
        this.spent++;
        this.store16(address, value);
        return;
      case 2:
        this.spent++;
        this.store8(address, value);
        return;
      case 3:
        this.#put(t, (this.load8(address) << 24) >> 24);
        return;
      case 4:
        this.#put(t, this.load32(address));
        return;
      case 5:
        this.#put(t, this.load16(address));
        return;
      case 6:
        this.#put(t, this.load8(address));
        return;
      default:
        this.#put(t, (this.load16(address) << 16) >> 16);
    }
  }

  /** ADD, CMP, MOV with high registers, BX, BLX (A5.2.3). The program counter reads 4 ahead of the instruction. */
  #special(op: number): void {
    const r = this.r;
    const m = (op >>> 3) & 15;
    const d = (op & 7) | ((op >>> 4) & 8);
    const value = m === PC ? (r[PC] ?? 0) + 2 : (r[m] ?? 0);
    switch ((op >>> 8) & 3) {
      case 0:
        this.#putHigh(d, (d === PC ? (r[PC] ?? 0) + 2 : (r[d] ?? 0)) + value);
        return;
      case 1:
        subtract(this, r[d] ?? 0, value);
        return;
      case 2:
        this.#putHigh(d, value);
        return;
      default:
        if (op & 7) this.trap = Trap.unknown;
        else this.#exchange(value, (op & 0x80) !== 0);
    }
  }

  #putHigh(d: number, value: number): void {
    if (d === PC) {
      this.spent += this.kind.cycles.branch;
      this.r[PC] = value & ~1;
    } else this.r[d] = d === SP ? value & ~3 : value;
  }

  #exchange(target: number, link: boolean): void {
    this.spent += this.kind.cycles.branch;
    if (link) this.r[LR] = (this.r[PC] ?? 0) | 1;
    else if (this.ipsr !== 0 && target >>> 28 === 15) {
      this.exceptionReturn(target);
      return;
    }
    this.branchTo(target);
  }

  #conditional(op: number): void {
    const condition = (op >>> 8) & 15;
    if (condition === 14) this.trap = Trap.fault;
    else if (condition === 15) this.trap = Trap.supervisorCall;
    else if (holds(this, condition)) this.#branch((op << 24) >> 23);
  }

  #branch(offset: number): void {
    this.spent += this.kind.cycles.branch;
    const next = this.r[PC] ?? 0;
    this.r[PC] = next + 2 + offset;
    if (offset < 0) this.loopBack(next + 2 + offset);
  }

  /** 11101, 11110, 11111: two halfwords; v6-M has BL, MSR, MRS, the barriers and UDF (A5.3). */
  #wide(op: number): void {
    const second = op >>> 11 === 30 ? this.load16(this.r[PC] ?? 0) : 0;
    if (this.trap !== Trap.none) return;
    if (op >>> 11 !== 30 || (second & 0x8000) === 0) {
      this.trap = Trap.unknown;
      return;
    }
    if ((second & 0x5000) === 0x5000) this.#branchWithLink(op, second);
    else this.#control(op, second);
  }

  #branchWithLink(op: number, second: number): void {
    const s = (op >>> 10) & 1;
    const i1 = 1 ^ (s ^ ((second >>> 13) & 1));
    const i2 = 1 ^ (s ^ ((second >>> 11) & 1));
    const offset = ((s << 31) >> 7) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((second & 0x7ff) << 1);
    const next = (this.r[PC] ?? 0) + 2;
    this.spent += this.kind.cycles.link;
    this.r[LR] = next | 1;
    this.r[PC] = next + offset;
  }

  #control(op: number, second: number): void {
    const BARRIERS = 0x8f40;
    if (op === 0xf3ef && (second & 0xf000) === 0x8000) this.#readSpecial((second >>> 8) & 15, second & 0xff);
    else if ((op & 0xfff0) === 0xf380 && (second & 0xff00) === 0x8800) this.#writeSpecial(op & 15, second & 0xff);
    else if (op === 0xf3bf && second >= BARRIERS && second < BARRIERS + 0x30) this.spent += this.kind.cycles.special;
    else if ((op & 0xfff0) === 0xf7f0 && (second & 0xf000) === 0xa000) this.trap = Trap.fault;
    else this.trap = Trap.unknown;
    if (this.trap === Trap.none) this.r[PC] = (this.r[PC] ?? 0) + 2;
  }

  /** MRS; the numbers are B5.1.1's, SYSm. */
  #readSpecial(d: number, sysm: number): void {
    this.spent += this.kind.cycles.special;
    if (sysm < 8) this.r[d] = (sysm & 4 ? 0 : this.apsr) | (sysm & 1 ? this.ipsr : 0);
    else if (sysm === 8) this.r[d] = this.msp;
    else if (sysm === 9) this.r[d] = this.psp;
    else if (sysm === 16) this.r[d] = this.primask;
    else if (sysm === 20) this.r[d] = this.control;
    else this.trap = Trap.unknown;
  }

  #writeSpecial(n: number, sysm: number): void {
    const value = this.r[n] ?? 0;
    this.spent += this.kind.cycles.special;
    if (sysm < 4) this.apsr = value;
    else if (sysm === 8) this.msp = value;
    else if (sysm === 9) this.psp = value;
    else if (sysm === 16) this.primask = value & 1;
    else if (sysm === 20) {
      if (this.ipsr === 0) this.selectStack((value & 2) !== 0);
      this.control = (this.control & 2) | (value & 1);
    } else if (sysm > 7) this.trap = Trap.unknown;
  }

  #loadMultiple(op: number): void {
    const r = this.r;
    const n = (op >>> 8) & 7;
    let address = r[n] ?? 0;
    let base = address;
    for (let i = 0; i < 8; i++) {
      if ((op & (1 << i)) === 0) continue;
      const value = this.load32(address);
      if (this.trap !== Trap.none) return;
      // The base keeps its value until the end: a held access starts the instruction again.
      if (i === n) base = value;
      else r[i] = value;
      address += 4;
      this.spent++;
    }
    r[n] = op & (1 << n) ? base : address;
  }

  #storeMultiple(op: number): void {
    const r = this.r;
    const n = (op >>> 8) & 7;
    let address = r[n] ?? 0;
    for (let i = 0; i < 8; i++) {
      if ((op & (1 << i)) === 0) continue;
      this.store32(address, r[i] ?? 0);
      if (this.trap !== Trap.none) return;
      address += 4;
      this.spent++;
    }
    r[n] = address;
  }

  /** 1011: stack, extension, reversal, hints (A5.2.5). */
  #miscellaneous(op: number): void {
    const r = this.r;
    switch ((op >>> 8) & 15) {
      case 0:
        r[SP] = (r[SP] ?? 0) + (op & 0x80 ? -((op & 0x7f) << 2) : (op & 0x7f) << 2);
        return;
      case 2:
        this.#extend(op);
        return;
      case 4:
      case 5:
        this.#push(op);
        return;
      case 6:
        if (op === 0xb672) this.primask = 1;
        else if (op === 0xb662) this.primask = 0;
        else this.trap = Trap.unknown;
        return;
      case 10:
        this.#reverse(op);
        return;
      case 12:
      case 13:
        this.#pop(op);
        return;
      case 14:
        this.trap = Trap.breakpoint;
        return;
      case 15:
        this.#hint(op & 0xff);
        return;
      default:
        this.trap = Trap.unknown;
    }
  }

  #extend(op: number): void {
    const value = this.r[(op >>> 3) & 7] ?? 0;
    const d = op & 7;
    switch ((op >>> 6) & 3) {
      case 0:
        this.r[d] = (value << 16) >> 16;
        return;
      case 1:
        this.r[d] = (value << 24) >> 24;
        return;
      case 2:
        this.r[d] = value & 0xffff;
        return;
      default:
        this.r[d] = value & 0xff;
    }
  }

  #reverse(op: number): void {
    const value = this.r[(op >>> 3) & 7] ?? 0;
    const d = op & 7;
    const swapped = ((value & 0x00ff00ff) << 8) | ((value >>> 8) & 0x00ff00ff);
    const kind = (op >>> 6) & 3;
    if (kind === 0) this.r[d] = (swapped << 16) | (swapped >>> 16);
    else if (kind === 1) this.r[d] = swapped;
    else if (kind === 3) this.r[d] = (swapped << 16) >> 16;
    else this.trap = Trap.unknown;
  }

  #push(op: number): void {
    const r = this.r;
    const list = (op & 0xff) | (op & 0x100 ? 1 << LR : 0);
    let address = r[SP] ?? 0;
    for (let i = LR; i >= 0; i--) {
      if ((list & (1 << i)) === 0) continue;
      address -= 4;
      this.store32(address, r[i] ?? 0);
      if (this.trap !== Trap.none) return;
      this.spent++;
    }
    r[SP] = address;
  }

  #pop(op: number): void {
    const r = this.r;
    let address = r[SP] ?? 0;
    for (let i = 0; i < 8; i++) {
      if ((op & (1 << i)) === 0) continue;
      const value = this.load32(address);
      if (this.trap !== Trap.none) return;
      r[i] = value;
      address += 4;
      this.spent++;
    }
    if (op & 0x100) {
      const target = this.load32(address);
      if (this.trap !== Trap.none) return;
      r[SP] = address + 4;
      this.spent += this.kind.cycles.popPc;
      if (this.ipsr !== 0 && target >>> 28 === 15) this.exceptionReturn(target);
      else this.branchTo(target);
    } else r[SP] = address;
  }

  /** NOP, YIELD, WFE, WFI, SEV; what has operands is v7-M's IT. Unallocated hints are NOPs (A5.2.5). */
  #hint(hint: number): void {
    if (hint & 15) this.trap = Trap.unknown;
    else if (hint === 0x40) this.event = true;
    else if (hint === 0x30) this.trap = Trap.sleep;
    else if (hint === 0x20) {
      if (this.event) this.event = false;
      else this.trap = Trap.sleep;
    }
  }
}
