import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { done } from '#main/bench/bus.ts';
import { Ack, SwDp } from '#main/bench/sw-dp.ts';
import { jtagDpTap } from '#main/bench/jtag/jtag-dp.ts';
import { parityOf, SwdLine } from '#main/bench/swd-line.ts';

/** Three ports on one pair of wires, as an RP2040 has them (data sheet, 2.3.4.1): two cores and a rescue port. */
const DPIDR = 0x0bc12477;
const TARGET_ID = 0x01002927;
const INSTANCES = [0, 1, 15];
const TARGETSEL_WRITE = 0x99;

/** At least 8 ones, the alert, four zeros, the serial-wire activation code (ADIv5.2 B5.3), as bytes lowest bit first. */
const DORMANT_TO_SWD = [
  0xff, 0x92, 0xf3, 0x09, 0x62, 0x95, 0x2d, 0x85, 0x86, 0xe9, 0xaf, 0xdd, 0xe3, 0xa2, 0x0e, 0xbc, 0x19, 0xa0, 0xf1,
];
const LINE_RESET = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];

class Wires {
  readonly line: SwdLine;

  constructor(instances = INSTANCES) {
    this.line = new SwdLine({
      powered: true,
      debugPorts: instances.map((instance) => {
        // Each has an access port of its own, which tells whose it is.
        const ap = {
          read: (_: number, at: number) => done(at, 0xa0 + instance),
          write: (_: number, at: number) => done(at),
        };
        return new SwDp(new Map([[0, ap]]), { dpidr: DPIDR, targetId: TARGET_ID, instance });
      }),
    });
  }

  drive(bytes: readonly number[], count = bytes.length * 8): void {
    for (let i = 0; i < count; i++) this.line.clock(((bytes[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0, 0);
  }

  targetSelect(value: number): void {
    this.drive([TARGETSEL_WRITE]);
    // Nobody acknowledges it: the line stays as the pull-up holds it.
    for (let i = 0; i < 5; i++) if (this.line.clock(null, 0) !== 1) throw new Error('somebody answered TARGETSEL');
    for (let bit = 0; bit < 32; bit++) this.line.clock((value >>> bit) & 1 ? 1 : 0, 0);
    this.line.clock(parityOf(value), 0);
  }

  read(ap: boolean, address: number) {
    return this.line.transfer(ap, true, address, 0, 0);
  }

  write(address: number, value: number) {
    return this.line.transfer(false, false, address, value, 0);
  }

  wake(): this {
    this.drive([...DORMANT_TO_SWD, ...LINE_RESET]);
    return this;
  }
}

function selector(instance: number): number {
  return (TARGET_ID | (instance << 28)) >>> 0;
}

describe('ports that share their wires', () => {
  it('sleep until the alert; the old switch does not wake them', () => {
    const wires = new Wires();
    expect(wires.line.listening).toBe('dormant');
    wires.drive([...LINE_RESET.slice(0, 7), 0x9e, 0xe7, ...LINE_RESET]);
    expect(wires.read(false, 0).ack).toBe(Ack.none);
    wires.wake();
    expect(wires.line.listening).toBe('swd');
    expect(wires.read(false, 0)).toEqual({ ack: Ack.ok, data: DPIDR });
  });

  it('TARGETSEL right after a line reset picks one: its own TINSTANCE, its own access ports', () => {
    for (const instance of INSTANCES) {
      const wires = new Wires().wake();
      wires.targetSelect(selector(instance));
      expect(wires.read(false, 0)).toEqual({ ack: Ack.ok, data: DPIDR });
      wires.write(8, 3);
      expect(wires.read(false, 4).data).toBe(((instance << 28) | 1) >>> 0);
      wires.write(8, 2);
      expect(wires.read(false, 4).data).toBe(TARGET_ID);
      wires.write(8, 0);
      wires.write(4, 0x50000000);
      wires.read(true, 0);
      expect(wires.read(false, 0xc).data).toBe(0xa0 + instance);
    }
  });

  it('nobody answers to a name that nobody has; the next line reset brings all back', () => {
    const wires = new Wires().wake();
    wires.targetSelect(selector(7));
    expect(wires.read(false, 0).ack).toBe(Ack.none);
    wires.drive(LINE_RESET);
    wires.targetSelect(selector(1));
    expect(wires.read(false, 0).ack).toBe(Ack.ok);
  });

  it('what one is told the others do not hear', () => {
    const wires = new Wires().wake();
    wires.targetSelect(selector(0));
    wires.read(false, 0);
    wires.write(4, 0x50000000);
    wires.drive(LINE_RESET);
    wires.targetSelect(selector(1));
    wires.read(false, 0);
    expect(wires.read(false, 4).data & 0x50000000).toBe(0);
    wires.drive(LINE_RESET);
    wires.targetSelect(selector(0));
    wires.read(false, 0);
    expect(wires.read(false, 4).data & 0x50000000).toBe(0x50000000);
  });

  it('several that answer at once pull against each other: a zero wins', () => {
    const wires = new Wires().wake();
    wires.read(false, 0);
    wires.write(4, 0x50000000);
    wires.read(true, 0);
    expect(wires.read(false, 0xc).data).toBe(0xa0 & 0xa1 & 0xaf);
  });

  it('go back to sleep, and wake up again', () => {
    const wires = new Wires().wake();
    wires.drive([...LINE_RESET.slice(0, 7), 0xbc, 0xe3]);
    expect(wires.line.listening).toBe('dormant');
    wires.wake();
    expect(wires.read(false, 0).ack).toBe(Ack.ok);
  });

  it('no traffic but the alert wakes them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(139), (noise, flipped) => {
        const wires = new Wires();
        wires.drive([...noise]);
        const alert = [...DORMANT_TO_SWD];
        const bit = 8 + flipped;
        alert[bit >> 3] = (alert[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        wires.drive([...alert, ...LINE_RESET]);
        expect(wires.line.listening).toBe('dormant');
        expect(wires.wake().read(false, 0).ack).toBe(Ack.ok);
      }),
      { numRuns: 200 },
    );
  });
});

describe('an SWJ-DP on the same pins', () => {
  function swj() {
    const port = new SwDp(new Map());
    return new SwdLine({ powered: true, debugPorts: [port], taps: [jtagDpTap('cpu', 0x4ba00477, port.registers)] });
  }
  const drive = (line: SwdLine, bytes: readonly number[], count = bytes.length * 8) => {
    for (let i = 0; i < count; i++) line.clock(((bytes[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0, 0);
  };
  const ONES = LINE_RESET.slice(0, 7);
  const ALERT = DORMANT_TO_SWD.slice(0, 17);

  it('goes from JTAG to serial wire and back, by way of dormant too', () => {
    const line = swj();
    expect(line.listening).toBe('jtag');
    drive(line, [...ONES, 0x9e, 0xe7, ...LINE_RESET]);
    expect(line.listening).toBe('swd');
    expect(line.tdo).toBe(1);
    drive(line, [...ONES, 0x3c, 0xe7]);
    expect(line.listening).toBe('jtag');
    expect(line.chain.state).toBe('reset');
    // 0x33BBBBBA, 31 bits, after at least five ones (ADIv5.2 B5.3.2).
    drive(line, [0xff]);
    drive(line, [0xba, 0xbb, 0xbb, 0x33], 31);
    expect(line.listening).toBe('dormant');
    drive(line, [...ALERT, 0xa0, 0x00]);
    // Four zeros and eight bits of code: the last four bits of the two bytes came too many, as idle clocks.
    expect(line.listening).toBe('jtag');
    drive(line, [0xff]);
    drive(line, [0xba, 0xbb, 0xbb, 0x33], 31);
    drive(line, [...ALERT, 0xa0, 0xf1, ...LINE_RESET]);
    expect(line.listening).toBe('swd');
    expect(line.transfer(false, true, 0, 0, 0)).toEqual({ ack: Ack.ok, data: 0x2ba01477 });
  });
});
