import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { type ConnectOptions, createBench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { openCmsisDapJtag } from '#main/probe/cmsis-dap/cmsis-dap-jtag.ts';
import { playSvf } from '#main/programmer/svf-player.ts';
import { cpldSvf } from '#test/support/cpld-svf.ts';

const ROWS = Array.from({ length: 16 }, (_, row) => (0x1234 * (row + 1)).toString(16).toUpperCase().padStart(32, '5'));

/** One playing through a simulated CMSIS-DAP probe; what came of it, and the modelled time of the playing. */
async function play(faults: Faults = [], text = cpldSvf({ rows: ROWS }).text, options: ConnectOptions = {}) {
  const bench = createBench({ startAt: 0, seed: 5 });
  const { link, clock } = bench.connect('cpld', 'C1', faults, options);
  let packets = 0;
  const counted: typeof link = {
    kind: link.kind,
    url: link.url,
    write: (data, io) => {
      packets++;
      return link.write(data, io);
    },
    read: (timeoutMs, io) => link.read(timeoutMs, io),
    close: () => link.close(),
  };
  const io = { clock, signal: new AbortController().signal };
  let from = clock.monotonic();
  const outcome = await (async () => {
    try {
      const port = await openCmsisDapJtag(counted, io);
      from = clock.monotonic();
      try {
        const { compared } = await playSvf([new TextEncoder().encode(text)], port, { file: 'c.svf', maxHz: 10e6 }, io);
        return { compared };
      } finally {
        await port.close(io);
      }
    } catch (error) {
      if (error instanceof FlashlineError) return error.failure;
      throw error;
    }
  })();
  return { outcome, packets, ms: clock.monotonic() - from, chip: bench.boardFor('cpld', 'C1').chip };
}

describe('SVF through a CMSIS-DAP probe', () => {
  it.each(['high-speed', 'full-speed', 'hid'] as const)('programs and verifies over %s', async (probe) => {
    const { outcome, chip } = await play([], undefined, { probe });
    expect(outcome).toEqual({ compared: 3 + ROWS.length });
    expect(chip.peek(0)).toBe(0x55551234);
  });

  it('says the line of a mismatch', async () => {
    const { text, rowLines } = cpldSvf({ rows: ROWS });
    const { outcome } = await play([{ kind: 'stuck-bit', address: 5 * 16 + 4, bit: 1, value: 1 }], text);
    expect(outcome).toMatchObject({ code: 'svf-mismatch', where: { line: rowLines[5] }, params: { bit: '33' } });
  });

  it('unplugged before any packet: the probe is lost, and nothing hangs', async () => {
    const { packets } = await play();
    expect(packets).toBeGreaterThan(20);
    for (let after = 0; after < packets - 2; after++) {
      const { outcome } = await play([{ kind: 'unplug', after }]);
      expect(outcome).toMatchObject({ code: 'probe-lost', blame: 'station' });
    }
  });

  it('silent from any packet on: said within the deadline', async () => {
    const { packets, ms } = await play();
    for (let after = 0; after < packets - 2; after += 5) {
      const silent = await play([{ kind: 'silent', after }]);
      expect(silent.outcome).toMatchObject({ code: 'probe-silent' });
      expect(silent.ms).toBeLessThan(ms + 30_000);
    }
  });

  it('no power, or power that fails on the way: the answers are wrong, at a line', async () => {
    const { ms } = await play();
    for (const share of [0.1, 0.5, 0.9]) {
      const { outcome } = await play([{ kind: 'power-cut', ms: ms * share }]);
      expect(outcome).toMatchObject({ code: 'svf-mismatch', blame: 'unit' });
    }
    expect((await play([{ kind: 'wrong-chip' }])).outcome).toMatchObject({ code: 'svf-mismatch', where: { line: 8 } });
  });

  it('long scans fill the packets: nearly the speed of TCK, also where all of TDO is compared', async () => {
    const bits = 400_000;
    const text = `FREQUENCY 1E7 HZ; SIR 8 TDI (FF); SDR ${bits} TDI (${'A'.repeat(bits / 4)}) TDO (${'5'.repeat(bits / 4 - 1)}4);`;
    const { outcome, ms } = await play([], text);
    expect(outcome).toEqual({ compared: 1 });
    // At 10 MHz that is 40 ms of bits.
    expect(ms).toBeLessThan((bits / 10_000) * 1.05);
  });
});
