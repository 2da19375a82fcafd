import * as fc from '#test/support/fast-check.ts';
import { RP2040 } from 'rp2040js';
import { describe, expect, it } from 'vitest';
import { type BareCore, DHCSR, nrfCore, RAM_START, STEP } from '#test/support/bare-core.ts';

const CODE = RAM_START;
const DATA = RAM_START + 0x1000;

/**
 * What rp2040js 1.4.1 does otherwise than the manual (ARMv6-M ARM, A6.7), left out: flags of shifts by a register that holds 0 or more
 * than 32, the overflow of ADCS and SBCS, and of loads and stores whose address is no RAM everything.
 */
function differs(op: number, registers: Uint32Array): boolean {
  if (op >>> 10 !== 0b010000) return false;
  const kind = (op >>> 6) & 15;
  const by = (registers[(op >>> 3) & 7] ?? 0) & 0xff;
  const shift = kind === 2 || kind === 3 || kind === 4 || kind === 7;
  return (shift && (by === 0 || by > 32)) || kind === 5 || kind === 6;
}

const low = fc.integer({ min: 0, max: 7 });
const value = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff),
);

/** Shifts, arithmetic, extension, moves, and conditional branches forward: everything that touches registers and flags alone. */
const register = fc.oneof(
  fc.integer({ min: 0x0000, max: 0x3fff }),
  fc.integer({ min: 0x4000, max: 0x43ff }),
  fc.integer({ min: 0xb200, max: 0xb2ff }),
  fc.tuple(low, low, fc.constantFrom(0xba00, 0xba40, 0xbac0)).map(([d, m, op]) => op | (m << 3) | d),
  fc.tuple(low, low, fc.constantFrom(0x4400, 0x4500, 0x4600)).map(([d, m, op]) => op | (m << 3) | d),
  fc.tuple(fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 20 })).map(([c, by]) => 0xd000 | (c << 8) | by),
);

/** Loads and stores by r7, which points into RAM, and the stack. */
const memory = fc.oneof(
  fc
    .tuple(fc.integer({ min: 12, max: 17 }), fc.integer({ min: 0, max: 31 }), low)
    .map(([kind, offset, t]) => (kind << 11) | (offset << 6) | (7 << 3) | t),
  fc
    .tuple(fc.constantFrom(18, 19), low, fc.integer({ min: 0, max: 31 }))
    .map(([kind, t, offset]) => (kind << 11) | (t << 8) | offset),
  fc.integer({ min: 1, max: 0x7f }).map((list) => 0xb400 | list),
  fc.integer({ min: 1, max: 0x7f }).map((list) => 0xbc00 | list),
  fc.integer({ min: 1, max: 0x7f }).map((list) => 0xc700 | list),
  fc.integer({ min: 1, max: 0x7f }).map((list) => 0xcf00 | list),
);

const reference = new RP2040();
reference.logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('one instruction does to registers, flags and memory what rp2040js’ core says', () => {
  function compare(op: number, values: readonly number[], flags: number): void {
    const { core } = nrfCore();
    core.halt();
    reference.sram.fill(0);
    const ours = prepare(core, op, values, flags);
    const theirs = reference.core;
    theirs.registers.set([...values, 0, 0, 0, 0, 0, RAM_START + 0x2000, 0xfffffff0, CODE]);
    theirs.registers[7] = DATA;
    theirs.APSR = flags << 28;
    fc.pre(!differs(op, theirs.registers));
    reference.writeUint16(CODE, op);
    theirs.executeInstruction();
    ours.write(DHCSR, STEP);
    const read = Array.from({ length: 17 }, (_, index) => ours.register(index));
    expect(read.slice(0, 16)).toEqual([...theirs.registers]);
    expect((read[16] ?? 0) >>> 28).toBe(theirs.APSR >>> 28);
    for (let at = DATA - 4; at < DATA + 0x88; at += 4) expect(ours.read(at)).toBe(reference.readUint32(at));
    for (let at = RAM_START + 0x1fe0; at < RAM_START + 0x2080; at += 4) {
      expect(ours.read(at)).toBe(reference.readUint32(at));
    }
  }

  function prepare(core: BareCore, op: number, values: readonly number[], flags: number): BareCore {
    core.debugged.write(RAM_START, 4, 0, core.now);
    for (let at = DATA - 4; at < DATA + 0x88; at += 4) core.write(at, 0);
    for (let at = RAM_START + 0x1fe0; at < RAM_START + 0x2080; at += 4) core.write(at, 0);
    for (const [index, value] of values.entries()) core.setRegister(index, value);
    for (let index = 8; index < 13; index++) core.setRegister(index, 0);
    core.setRegister(7, DATA);
    core.setRegister(13, RAM_START + 0x2000);
    core.setRegister(14, 0xfffffff0);
    core.setRegister(15, CODE);
    core.setRegister(16, (flags << 28) | (1 << 24));
    core.code(CODE, op);
    return core;
  }

  const registers = fc.array(value, { minLength: 8, maxLength: 8 });
  const flags = fc.integer({ min: 0, max: 15 }).filter((nzcv) => (nzcv & 12) !== 12);

  it('on registers', () => {
    fc.assert(fc.property(register, registers, flags, compare), { numRuns: 1500 });
  });

  it('on memory', () => {
    fc.assert(fc.property(memory, registers, flags, compare), { numRuns: 500 });
  });
});

describe('flags where rp2040js leaves the manual', () => {
  const cases = [
    { what: 'a shift by 0 keeps the carry', op: 0x4088, r0: 1, r1: 0, before: 2, result: 1, after: 2 }, // lsls r0, r1
    { what: 'a shift by 33 clears it', op: 0x4088, r0: 0xffffffff, r1: 33, before: 2, result: 0, after: 4 },
    {
      what: 'rotation by 32 takes bit 31',
      op: 0x41c8,
      r0: 0x80000000,
      r1: 32,
      before: 0,
      result: 0x80000000,
      after: 10,
    },
    { what: 'ADCS overflows by its carry', op: 0x4148, r0: 0x7fffffff, r1: 0, before: 2, result: 0x80000000, after: 9 },
    { what: 'SBCS does not by its borrow', op: 0x4188, r0: 0, r1: 0x7fffffff, before: 0, result: 0x80000000, after: 8 },
  ];
  it.each(cases)('$what', ({ op, r0, r1, before, result, after }) => {
    const { core } = nrfCore();
    core.halt();
    core.setRegister(0, r0);
    core.setRegister(1, r1);
    core.setRegister(15, CODE);
    core.setRegister(16, (before << 28) | (1 << 24));
    core.code(CODE, op);
    core.write(DHCSR, STEP);
    expect([core.register(0), core.register(16) >>> 28]).toEqual([result, after]);
  });
});
