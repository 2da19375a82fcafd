import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { CmsisDapDevice } from '#main/bench/cmsis-dap-device.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { PROBES } from '#main/bench/probe-profile.ts';
import { SwdHost } from '#main/bench/swd-host.ts';
import { SwdLine } from '#main/bench/swd-line.ts';
import { BOUNDARY_IDCODE, CPU_IDCODE, JtagChip } from '#test/support/jtag-chip.ts';

const READ_DPIDR = 0x02;
const READ_CTRL = 0x06;
const WRITE_CTRL = 0x04;
const AP_READ_DRW = 0x0f;
const AP_WRITE_DRW = 0x0d;
const AP_WRITE_TAR = 0x05;
const AP_WRITE_CSW = 0x01;
const STICKYERR = 0x20;

class Probe {
  readonly chip = new JtagChip({ idWords: [1, 2, 3, 4], seed: 1, wrongPart: () => false });
  readonly #device: CmsisDapDevice;
  now = 0;

  constructor(faults: Faults = [], Host: typeof SwdHost = SwdHost) {
    const plan = new FaultPlan(faults, 0);
    const host = new Host(new SwdLine(this.chip), this.chip, plan);
    this.#device = new CmsisDapDevice(PROBES['high-speed'], 'T', host, plan);
  }

  ask(...packet: number[]): number[] {
    const { response, doneAt } = this.#device.handle(Uint8Array.from(packet), this.now);
    this.now = doneAt;
    return [...response];
  }

  /** JTAG at 10 MHz, Test-Logic-Reset, Run-Test/Idle, two TAPs. */
  jtag(): this {
    this.ask(0x02, 2);
    this.ask(0x11, ...u32(10_000_000));
    this.ask(0x04, 0, 100, 0, 0xff, 0xff);
    this.ask(0x12, 6, 0x1f);
    this.ask(0x15, 2, 4, 5);
    return this;
  }

  transfers(index: number, ...requests: [number, number?][]): number[] {
    const bytes = requests.flatMap(([request, data]) => (data === undefined ? [request] : [request, ...u32(data)]));
    return this.ask(0x05, index, requests.length, ...bytes);
  }

  powered(): this {
    this.jtag().transfers(0, [WRITE_CTRL, 0x50000000], [AP_WRITE_CSW, 0x23000052]);
    return this;
  }
}

/** Every clock of every scan goes over the pins. */
class BitwiseHost extends SwdHost {
  override wholeScan(): undefined {
    return undefined;
  }
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

describe('CMSIS-DAP over JTAG', () => {
  it('connects, and reads both IDCODEs', () => {
    const probe = new Probe();
    expect(probe.ask(0x02, 2)).toEqual([0x02, 2]);
    probe.jtag();
    expect(probe.ask(0x16, 0)).toEqual([0x16, 0, ...u32(CPU_IDCODE)]);
    expect(probe.ask(0x16, 1)).toEqual([0x16, 0, ...u32(BOUNDARY_IDCODE)].slice(0, 2).concat(probeIdcodeOfBypass()));
    expect(probe.ask(0x16, 2)).toEqual([0x16, 0xff]);
  });

  it('sequences bring TDO back where they ask for it: both IDCODEs after a reset, nearest to TDO first', () => {
    const probe = new Probe().jtag();
    // Five to reset, idle, Select-DR, Capture-DR and Shift-DR, 64 bits out.
    const reply = probe.ask(0x14, 5, 0x45, 0, 0x01, 0, 0x41, 0, 0x02, 0, 0x80, ...Array.from({ length: 8 }, () => 0));
    expect(reply).toEqual([0x14, 0, ...u32(CPU_IDCODE), ...u32(BOUNDARY_IDCODE)]);
  });

  it('transfers: reads are posted whatever they read, and come in order', () => {
    const probe = new Probe().powered();
    expect(probe.transfers(0, [READ_DPIDR])).toEqual([0x05, 1, 1, ...u32(0x2ba01477)]);
    const words = [11, 22, 33];
    probe.transfers(0, [AP_WRITE_TAR, 0x20000000], ...words.map((word): [number, number] => [AP_WRITE_DRW, word]));
    const reply = probe.transfers(0, [AP_WRITE_TAR, 0x20000000], [AP_READ_DRW], [READ_DPIDR], [AP_READ_DRW]);
    expect(reply).toEqual([0x05, 4, 1, ...u32(11), ...u32(0x2ba01477), ...u32(22)]);
    probe.transfers(0, [AP_WRITE_TAR, 0x20000000]);
    expect(probe.ask(0x06, 0, 3, 0, AP_READ_DRW)).toEqual([0x06, 3, 0, 1, ...words.flatMap(u32)]);
    probe.transfers(0, [AP_WRITE_TAR, 0x20000100]);
    expect(probe.ask(0x06, 0, 2, 0, AP_WRITE_DRW, ...u32(5), ...u32(6))).toEqual([0x06, 2, 0, 1]);
    probe.transfers(0, [AP_WRITE_TAR, 0x20000104]);
    expect(probe.transfers(0, [AP_READ_DRW])).toEqual([0x05, 1, 1, ...u32(6)]);
  });

  it('an error is not acknowledged: CTRL/STAT tells it, accesses after it are dropped, writing ones clears it', () => {
    const probe = new Probe().powered();
    expect(probe.transfers(0, [AP_WRITE_TAR, 0x60000000], [AP_READ_DRW]).slice(0, 3)).toEqual([0x05, 2, 1]);
    expect(probe.transfers(0, [READ_CTRL])[3]).toBe(STICKYERR);
    probe.transfers(0, [AP_WRITE_TAR, 0x20000000]);
    probe.transfers(0, [WRITE_CTRL, 0x50000000 | STICKYERR]);
    expect(probe.transfers(0, [READ_CTRL])[3]).toBe(0);
    expect(probe.transfers(0, [0x07])).toEqual([0x05, 1, 1, ...u32(0x60000000)]);
    probe.transfers(0, [AP_READ_DRW]);
    expect(probe.ask(0x08, 0, ...u32(0x1e))).toEqual([0x08, 0]);
    expect(probe.transfers(0, [READ_CTRL])[3]).toBe(0);
  });

  it('WAIT is answered while the bus stalls', () => {
    const probe = new Probe().powered();
    probe.transfers(0, [AP_WRITE_TAR, 0x4001e504], [AP_WRITE_DRW, 2], [AP_WRITE_DRW, 0x5000]);
    probe.ask(0x04, 0, 3, 0, 0, 0);
    expect(probe.transfers(0, [AP_WRITE_TAR, 0x5000], [AP_READ_DRW])).toEqual([0x05, 2, 2]);
    probe.now += 86_000_000;
    expect(probe.transfers(0, [AP_READ_DRW])).toEqual([0x05, 1, 1, ...u32(0xffffffff)]);
  });

  it('match reads poll inside the probe', () => {
    const probe = new Probe().powered();
    probe.transfers(0, [AP_WRITE_TAR, 0x4001e504], [AP_WRITE_DRW, 2]);
    probe.transfers(0, [AP_WRITE_TAR, 0x4001e508], [AP_WRITE_DRW, 0x1000]);
    const from = probe.now;
    const reply = probe.transfers(0, [AP_WRITE_CSW, 0x23000042], [AP_WRITE_TAR, 0x4001e400], [0x20, 1], [0x1f, 1]);
    expect(reply).toEqual([0x05, 4, 1]);
    expect((probe.now - from) / 1e6).toBeGreaterThan(84);
  });

  it('an index without a TAP does nothing, a TAP that is no debug port acknowledges nothing', () => {
    const probe = new Probe().powered();
    expect(probe.transfers(2, [READ_DPIDR])).toEqual([0x05, 0, 0]);
    expect(probe.ask(0x06, 2, 1, 0, AP_READ_DRW)).toEqual([0x06, 0, 0, 0]);
    expect(probe.ask(0x15, 9, ...Array.from({ length: 9 }, () => 4))).toEqual([0x15, 0xff]);
    expect(new Probe([{ kind: 'no-target' }]).jtag().transfers(0, [READ_DPIDR])).toEqual([0x05, 0, 7]);
  });

  it('pins: TCK is a clock, TDO is read, nTRST resets', () => {
    const probe = new Probe().jtag();
    const tick = (tms: number, tdi: number) => {
      probe.ask(0x10, tms | tdi, 0x07, 0, 0, 0, 0);
      return probe.ask(0x10, 1 | tms | tdi, 0x07, 0, 0, 0, 0)[1] ?? 0;
    };
    probe.ask(0x10, 0, 0x20, 0, 0, 0, 0);
    probe.ask(0x10, 0x20, 0x20, 0, 0, 0, 0);
    tick(0, 0);
    tick(2, 0);
    tick(0, 0);
    let seen = tick(0, 0) & 8 ? 1 : 0;
    for (let bit = 1; bit < 32; bit++) seen += (tick(0, 0) & 8 ? 1 : 0) * 2 ** bit;
    expect(seen).toBe(CPU_IDCODE);
  });

  it('a transfer costs its clocks: five TAP states, the bypass bits of the others, 35 bits', () => {
    const probe = new Probe().powered();
    const cost = (count: number) => {
      const from = probe.now;
      probe.transfers(0, ...Array.from({ length: count }, (): [number, number] => [AP_WRITE_DRW, 0]));
      return probe.now - from;
    };
    probe.transfers(0, [AP_WRITE_TAR, 0x20000000]);
    expect(cost(11) - cost(10)).toBe((3 + 35 + 1 + 2) * 100);
  });
});

describe('bit by bit and scan by scan', () => {
  it('are the same port, at the same times', () => {
    const request = fc.tuple(
      fc.constantFrom(
        READ_DPIDR,
        READ_CTRL,
        0x0a,
        0x0e,
        AP_READ_DRW,
        0x07,
        0x03,
        AP_WRITE_DRW,
        AP_WRITE_TAR,
        AP_WRITE_CSW,
        0x08,
      ),
      fc.constantFrom(0x20000000, 0x23000052, 0x60000000, 0x4001e504, 2, 0, 0x01000000, 0xf0),
    );
    fc.assert(
      fc.property(fc.array(fc.array(request, { minLength: 1, maxLength: 8 }), { maxLength: 12 }), (packets) => {
        const [whole, bits] = [new Probe().powered(), new Probe([], BitwiseHost).powered()];
        for (const packet of packets) {
          const requests = packet.map(([byte, data]): [number, number?] => (byte & 2 ? [byte] : [byte, data]));
          expect(bits.transfers(0, ...requests)).toEqual(whole.transfers(0, ...requests));
          expect(bits.now).toBe(whole.now);
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** The boundary scan TAP takes the debug port's IDCODE instruction (1110) as another: one bit of bypass, then TDI. */
function probeIdcodeOfBypass(): number[] {
  return [0xfe, 0xff, 0xff, 0xff];
}
