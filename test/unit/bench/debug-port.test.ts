import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { Nrf52840 } from '#main/bench/nrf/nrf52840.ts';
import { Ack, DPIDR } from '#main/bench/sw-dp.ts';
import { parityOf, SwdLine } from '#main/bench/swd-line.ts';

const POWER_UP = 0x50000000;
const RDBUFF = 0xc;
const CSW = 0;
const TAR = 4;
const DRW = 0xc;
const WORD_INCREMENT = 0x23000052;

/** Whole transfers or single bits: the same face on both, so that one can be held against the other. */
class Wires {
  readonly chip: Nrf52840;
  readonly line: SwdLine;
  now = 0;
  readonly #bitwise: boolean;

  constructor(bitwise = false, window: 0x400 | 0x1000 = 0x1000) {
    this.chip = new Nrf52840({ idWords: [1, 2, 3, 4], seed: 1, wrongPart: () => false, incrementWindow: window });
    this.line = new SwdLine(this.chip);
    this.#bitwise = bitwise;
  }

  drive(bits: readonly (0 | 1)[]): void {
    for (const bit of bits) this.line.clock(bit, this.now);
  }

  connect(): void {
    this.drive([...ones(56), ...low16(0xe79e), ...ones(56), 0, 0]);
  }

  ready(): this {
    this.connect();
    this.transfer(false, true, 0);
    this.transfer(false, false, 4, POWER_UP);
    return this;
  }

  transfer(ap: boolean, read: boolean, address: number, value = 0): { ack: number; data: number } {
    this.now += 5_750;
    return this.#bitwise
      ? this.#bits(ap, read, address, value)
      : this.line.transfer(ap, read, address, value, this.now);
  }

  /** AP register read with its result. */
  readAp(address: number): number {
    this.transfer(true, true, address);
    return this.transfer(false, true, RDBUFF).data;
  }

  #bits(ap: boolean, read: boolean, address: number, value: number) {
    const fields = (ap ? 1 : 0) | (read ? 2 : 0) | address;
    const request = 1 | (fields << 1) | (parityOf(fields) << 5) | 0x80;
    this.drive(Array.from({ length: 8 }, (_, bit) => bitOf(request, bit)));
    this.line.clock(null, this.now);
    const ack = this.#listen(3);
    if (ack !== Ack.ok) {
      this.line.clock(null, this.now);
      return { ack, data: 0 };
    }
    if (!read) {
      this.line.clock(null, this.now);
      this.drive([...Array.from({ length: 32 }, (_, bit) => bitOf(value, bit)), parityOf(value)]);
      return { ack, data: 0 };
    }
    const data = this.#listen(32);
    if (this.#listen(1) !== parityOf(data)) throw new Error('parity of the data read');
    this.line.clock(null, this.now);
    return { ack, data };
  }

  #listen(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++) value |= this.line.clock(null, this.now) << bit;
    return value >>> 0;
  }
}

function bitOf(value: number, bit: number): 0 | 1 {
  return (value >>> bit) & 1 ? 1 : 0;
}

function ones(count: number): (0 | 1)[] {
  return Array.from({ length: count }, () => 1 as const);
}

function low16(value: number): (0 | 1)[] {
  return Array.from({ length: 16 }, (_, bit) => bitOf(value, bit));
}

describe('waking the port', () => {
  it('answers DPIDR only after line reset, JTAG-to-SWD and line reset', () => {
    const wires = new Wires();
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.none);
    wires.drive([...ones(56), 0, 0]);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.none);
    wires.connect();
    expect(wires.transfer(false, true, 0)).toEqual({ ack: Ack.ok, data: DPIDR });
  });

  it('a line reset needs 50 ones, and two idle cycles after it', () => {
    const wires = new Wires().ready();
    wires.drive([...ones(49), 0, 0]);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.none);
    wires.drive([...ones(50), 0]);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.none);
    wires.drive([0]);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.ok);
  });

  it('after a line reset nothing but DPIDR is answered first', () => {
    const wires = new Wires();
    wires.connect();
    expect(wires.transfer(false, true, 4).ack).toBe(Ack.none);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.none);
    wires.drive([...ones(50), 0, 0]);
    wires.transfer(false, true, 0);
    expect(wires.transfer(false, true, 4).ack).toBe(Ack.ok);
  });
});

describe('the debug port', () => {
  it('acknowledges the power it is asked for, and no access port works before', () => {
    const wires = new Wires();
    wires.connect();
    wires.transfer(false, true, 0);
    wires.transfer(true, false, TAR, 0x20000000);
    expect(wires.transfer(true, true, TAR).ack).toBe(Ack.fault);
    wires.transfer(false, false, 0, 0x1e);
    wires.transfer(false, false, 4, POWER_UP);
    expect(wires.transfer(false, true, 4).data & 0xf0000000).toBe(0xf0000000 | 0);
  });

  it('reads are posted: each gives the one before, RDBUFF the last', () => {
    const wires = new Wires().ready();
    wires.transfer(true, false, CSW, WORD_INCREMENT);
    wires.transfer(true, false, TAR, 0x20000000);
    for (const value of [11, 22, 33]) wires.transfer(true, false, DRW, value);
    wires.transfer(true, false, TAR, 0x20000000);
    wires.transfer(true, true, DRW);
    expect([wires.transfer(true, true, DRW).data, wires.transfer(true, true, DRW).data]).toEqual([11, 22]);
    expect(wires.transfer(false, true, RDBUFF).data).toBe(33);
    expect(wires.transfer(false, true, RDBUFF).data).toBe(33);
  });

  it('a bus fault sticks: everything but DPIDR, CTRL/STAT and ABORT faults until it is cleared', () => {
    const wires = new Wires().ready();
    wires.transfer(true, false, CSW, WORD_INCREMENT);
    wires.transfer(true, false, TAR, 0x60000000);
    expect(wires.transfer(true, true, DRW).ack).toBe(Ack.ok);
    expect(wires.transfer(true, true, DRW).ack).toBe(Ack.fault);
    expect(wires.transfer(false, true, RDBUFF).ack).toBe(Ack.fault);
    expect(wires.transfer(false, false, 8, 0).ack).toBe(Ack.fault);
    expect(wires.transfer(false, true, 0).ack).toBe(Ack.ok);
    expect(wires.transfer(false, true, 4).data & 0x20).toBe(0x20);
    expect(wires.transfer(false, false, 0, 4).ack).toBe(Ack.ok);
    expect(wires.transfer(false, true, 4).data & 0x20).toBe(0);
    expect(wires.readAp(TAR)).toBe(0x60000000);
  });

  it('write data with wrong parity is dropped and sticks', () => {
    const wires = new Wires().ready();
    wires.line.transfer(true, false, TAR, 0x1234, 0, true);
    expect(wires.transfer(true, true, TAR).ack).toBe(Ack.fault);
    wires.transfer(false, false, 0, 8);
    expect(wires.readAp(TAR)).toBe(0);
  });

  it('answers WAIT while the bus stalls on a busy flash, then goes on', () => {
    const wires = new Wires().ready();
    wires.transfer(true, false, CSW, WORD_INCREMENT);
    wires.transfer(true, false, TAR, 0x4001e504);
    wires.transfer(true, false, DRW, 2);
    wires.transfer(true, false, DRW, 0x5000);
    const started = wires.now;
    wires.transfer(true, false, TAR, 0x5000);
    expect(wires.transfer(true, true, DRW).ack).toBe(Ack.ok);
    expect(wires.transfer(true, true, DRW).ack).toBe(Ack.wait);
    expect(wires.transfer(false, true, RDBUFF).ack).toBe(Ack.wait);
    expect(wires.transfer(false, true, 4).ack).toBe(Ack.ok);
    wires.now = started + 85_000_000 - 5_750;
    expect(wires.transfer(false, true, RDBUFF)).toEqual({ ack: Ack.ok, data: 0xffffffff });
  });
});

describe('the access ports', () => {
  it('auto-increment wraps at its window', () => {
    for (const window of [0x400, 0x1000] as const) {
      const wires = new Wires(false, window).ready();
      wires.transfer(true, false, CSW, WORD_INCREMENT);
      wires.transfer(true, false, TAR, 0x20000000 + window - 4);
      wires.transfer(true, false, DRW, 1);
      expect(wires.readAp(TAR)).toBe(0x20000000);
    }
  });

  it('bytes and halfwords travel in their lanes', () => {
    const wires = new Wires().ready();
    wires.transfer(true, false, CSW, 0x23000050);
    wires.transfer(true, false, TAR, 0x20000000);
    for (let i = 0; i < 4; i++) wires.transfer(true, false, DRW, (0x10 + i) << (8 * i));
    wires.transfer(true, false, CSW, WORD_INCREMENT);
    wires.transfer(true, false, TAR, 0x20000000);
    expect(wires.readAp(DRW)).toBe(0x13121110);
    wires.transfer(true, false, CSW, 0x23000051);
    wires.transfer(true, false, TAR, 0x20000002);
    expect(wires.readAp(DRW)).toBe(0x13120000);
  });

  it('a protected chip shows CTRL-AP only, whose ERASEALL and RESET open it', () => {
    const wires = new Wires();
    wires.chip.uicr.program(0x10001208, 0);
    wires.chip.flash.program(0, 0x1234);
    wires.chip.powerOn();
    wires.ready();
    wires.transfer(true, false, CSW, WORD_INCREMENT);
    expect(wires.readAp(CSW) & 0x40).toBe(0);
    wires.transfer(true, true, DRW);
    expect(wires.transfer(true, true, DRW).ack).toBe(Ack.fault);
    wires.transfer(false, false, 0, 4);
    wires.transfer(false, false, 8, 0x01000000);
    expect(wires.readAp(0xc)).toBe(0);
    wires.transfer(true, false, 4, 1);
    expect(wires.readAp(8)).toBe(1);
    wires.now += 169_000_000;
    expect(wires.readAp(8)).toBe(0);
    expect(wires.readAp(0xc)).toBe(0);
    wires.transfer(true, false, 0, 1);
    wires.transfer(true, false, 0, 0);
    expect(wires.readAp(0xc)).toBe(1);
    expect(wires.chip.flash.readWord(0)).toBe(0xffffffff);
    wires.transfer(false, false, 8, 0);
    expect(wires.readAp(CSW) & 0x40).toBe(0x40);
  });
});

describe('bit by bit and transfer by transfer', () => {
  it('are the same port', () => {
    const transfer = fc.record({
      ap: fc.boolean(),
      read: fc.boolean(),
      address: fc.constantFrom(0, 4, 8, 12),
      value: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0x20000000, 0x1e, 0xf0, POWER_UP)),
    });
    fc.assert(
      fc.property(fc.array(transfer, { maxLength: 40 }), (transfers) => {
        const [whole, bits] = [new Wires(false).ready(), new Wires(true).ready()];
        for (const { ap, read, address, value } of transfers) {
          // Overrun detection adds a data phase that a whole transfer does not show; DLCR moves the bits.
          const safe = !ap && !read && address === 4 ? POWER_UP : !ap && !read && address === 8 ? value & ~0xf : value;
          expect(bits.transfer(ap, read, address, safe >>> 0)).toEqual(whole.transfer(ap, read, address, safe >>> 0));
        }
      }),
      { numRuns: 100 },
    );
  });
});
