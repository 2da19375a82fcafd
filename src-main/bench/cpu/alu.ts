import type { CoreState } from './core-state.ts';

/** Arithmetic that sets the flags (ARMv6-M ARM, A2.2.1 and A6.7). Operands and results are signed 32-bit integers. */

export function logic(s: CoreState, result: number): number {
  s.n = result;
  s.z = result;
  return result;
}

/** a + b + carry, all four flags. */
export function add(s: CoreState, a: number, b: number, carry: number): number {
  const result = (a + b + carry) | 0;
  s.n = result;
  s.z = result;
  s.c = (a >>> 0) + (b >>> 0) + carry > 0xffffffff ? 1 : 0;
  s.v = ((a ^ result) & (b ^ result)) < 0 ? 1 : 0;
  return result;
}

/** a - b; the carry is the borrow's complement. */
export function subtract(s: CoreState, a: number, b: number): number {
  const result = (a - b) | 0;
  s.n = result;
  s.z = result;
  s.c = a >>> 0 >= b >>> 0 ? 1 : 0;
  s.v = ((a ^ b) & (a ^ result)) < 0 ? 1 : 0;
  return result;
}

/** `by` 0-255, as in a register; 0 leaves the carry. */
export function shiftLeft(s: CoreState, value: number, by: number): number {
  if (by === 0) return logic(s, value);
  s.c = by <= 32 ? (value >>> (32 - by)) & 1 : 0;
  return logic(s, by < 32 ? value << by : 0);
}

export function shiftRight(s: CoreState, value: number, by: number): number {
  if (by === 0) return logic(s, value);
  s.c = by <= 32 ? (value >>> (by - 1)) & 1 : 0;
  return logic(s, by < 32 ? (value >>> by) | 0 : 0);
}

export function shiftArithmetic(s: CoreState, value: number, by: number): number {
  if (by === 0) return logic(s, value);
  s.c = (by < 32 ? value >>> (by - 1) : value >>> 31) & 1;
  return logic(s, value >> Math.min(by, 31));
}

function rotateRight(s: CoreState, value: number, by: number): number {
  if (by === 0) return logic(s, value);
  const places = by & 31;
  const result = (value >>> places) | (places === 0 ? 0 : value << (32 - places));
  s.c = result < 0 ? 1 : 0;
  return logic(s, result | 0);
}

/** The sixteen data processing instructions, 010000 (A5.2.2). */
export function dataProcessing(s: CoreState, op: number): void {
  const r = s.r;
  const d = op & 7;
  const m = r[(op >>> 3) & 7] ?? 0;
  const a = r[d] ?? 0;
  switch ((op >>> 6) & 15) {
    case 0: // ANDS
      r[d] = logic(s, a & m);
      return;
    case 1: // EORS
      r[d] = logic(s, a ^ m);
      return;
    case 2: // LSLS
      r[d] = shiftLeft(s, a, m & 0xff);
      return;
    case 3: // LSRS
      r[d] = shiftRight(s, a, m & 0xff);
      return;
    case 4: // ASRS
      r[d] = shiftArithmetic(s, a, m & 0xff);
      return;
    case 5: // ADCS
      r[d] = add(s, a, m, s.c);
      return;
    case 6: // SBCS
      r[d] = add(s, a, ~m, s.c);
      return;
    case 7: // RORS
      r[d] = rotateRight(s, a, m & 0xff);
      return;
    case 8: // TST
      logic(s, a & m);
      return;
    case 9: // RSBS
      r[d] = subtract(s, 0, m);
      return;
    case 10: // CMP
      subtract(s, a, m);
      return;
    case 11: // CMN
      add(s, a, m, 0);
      return;
    case 12: // ORRS
      r[d] = logic(s, a | m);
      return;
    case 13: // MULS
      r[d] = logic(s, Math.imul(a, m));
      return;
    case 14: // BICS
      r[d] = logic(s, a & ~m);
      return;
    default: // MVNS
      r[d] = logic(s, ~m);
  }
}

/** The condition of a branch (A6.3). */
export function holds(s: CoreState, condition: number): boolean {
  switch (condition) {
    case 0:
      return s.z === 0;
    case 1:
      return s.z !== 0;
    case 2:
      return s.c !== 0;
    case 3:
      return s.c === 0;
    case 4:
      return s.n < 0;
    case 5:
      return s.n >= 0;
    case 6:
      return s.v !== 0;
    case 7:
      return s.v === 0;
    case 8:
      return s.c !== 0 && s.z !== 0;
    case 9:
      return s.c === 0 || s.z === 0;
    case 10:
      return s.n < 0 === (s.v !== 0);
    case 11:
      return s.n < 0 !== (s.v !== 0);
    case 12:
      return s.z !== 0 && s.n < 0 === (s.v !== 0);
    default:
      return s.z === 0 || s.n < 0 !== (s.v !== 0);
  }
}
