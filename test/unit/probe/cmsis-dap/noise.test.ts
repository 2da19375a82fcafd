import { describe, expect, it } from 'vitest';
import type { Faults } from '#main/bench/faults.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { clockLadder } from '#main/probe/cmsis-dap/noise.ts';
import type { Wire } from '#main/probe/debug-port.ts';
import { plugIn } from './on-bench.ts';
import { ScriptedProbe } from './scripted-probe.ts';

const SWD: Wire = { protocol: 'swd', clockHz: 8_000_000 };
const JTAG: Wire = { protocol: 'jtag', clockHz: 8_000_000, irLengths: [4, 5], tap: 0 };

async function open(faults: Faults) {
  const plugged = plugIn({ faults });
  return { ...plugged, port: await openCmsisDap(plugged.link, plugged.io) };
}

describe.each([SWD, JTAG])('a noisy wire ($protocol)', (wire) => {
  it('is clocked more slowly until it is clean, and says so', async () => {
    const { port, io } = await open([{ kind: 'noise', aboveHz: 1_500_000, chance: 0.1 }]);
    await port.connect(wire, io);
    expect(port.wireClock()).toEqual({ askedHz: 8_000_000, usedHz: 1_000_000, limitedBy: 'noise' });
    await port.transfer(
      [
        { port: 'dp', address: 8, read: false, value: 0 },
        { port: 'dp', address: 4, readCount: 2000 },
      ],
      io,
    );
  });

  it('that is noisy at any speed is told as noisy', async () => {
    const { port, io } = await open([{ kind: 'noise', aboveHz: 0, chance: 0.3 }]);
    await expect(port.connect(wire, io)).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
    expect(port.wireClock()).toBeUndefined();
  });

  it('without noise is used as asked', async () => {
    const { port, io } = await open([]);
    await port.connect(wire, io);
    expect(port.wireClock()).toEqual({ askedHz: 8_000_000, usedHz: 8_000_000 });
  });

  it('that is swapped answers nothing, and soon', async () => {
    const { port, io, clock } = await open([{ kind: 'swapped-wires' }]);
    const since = clock.monotonic();
    await expect(port.connect(wire, io)).rejects.toMatchObject({ failure: { code: 'no-target' } });
    expect(clock.monotonic() - since).toBeLessThan(500);
  });
});

describe('noise later on', () => {
  it('lowers the clock of the next connection', async () => {
    const { port, io } = await open([{ kind: 'parity', after: 400 }]);
    await port.connect(SWD, io);
    expect(port.wireClock()?.usedHz).toBe(8_000_000);
    const read = () => port.transfer([{ port: 'dp', address: 0, readCount: 500 }], io);
    await expect(read()).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
    expect(await read()).toHaveLength(500);
    await port.connect(SWD, io);
    expect(port.wireClock()).toEqual({ askedHz: 8_000_000, usedHz: 4_000_000, limitedBy: 'noise' });
  });

  it('in what the chip is sent is the wire’s fault, not the chip’s', async () => {
    const { port, io } = await open([{ kind: 'noise', aboveHz: 3_000_000, chance: 0.002 }]);
    await port.connect(SWD, io);
    const writes = { port: 'dp', address: 8, words: new Uint32Array(20_000) } as const;
    await expect(port.transfer([writes], io)).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
    await port.connect(SWD, io);
    expect(port.wireClock()?.limitedBy).toBe('noise');
  });
});

describe('the clock', () => {
  it('goes down by halves to 100 kHz', () => {
    expect(clockLadder(1_000_000)).toEqual([1_000_000, 500_000, 250_000, 125_000, 100_000]);
    expect(clockLadder(50_000)).toEqual([50_000]);
  });

  it('is one that the probe accepts, and the probe is named', async () => {
    const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4, accepts: (hz) => hz <= 2_000_000 });
    const port = await openCmsisDap(probe, probe.io);
    await port.connect(SWD, probe.io);
    expect(port.wireClock()).toEqual({ askedHz: 8_000_000, usedHz: 2_000_000, limitedBy: 'probe' });
  });

  it('that no probe accepts makes it unsuited', async () => {
    const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4, accepts: () => false });
    const port = await openCmsisDap(probe, probe.io);
    await expect(port.connect(SWD, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-unsuited' } });
  });
});
