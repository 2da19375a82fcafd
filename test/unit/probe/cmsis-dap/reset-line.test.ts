import { describe, expect, it, vi } from 'vitest';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import type { Wire } from '#main/probe/debug-port.ts';
import { plugIn } from './on-bench.ts';
import { type Script, ScriptedProbe } from './scripted-probe.ts';

const SRST = 0x80;
const SWD: Wire = { protocol: 'swd', clockHz: 1_000_000 };
const JTAG: Wire = { protocol: 'jtag', clockHz: 1_000_000, irLengths: [4], tap: 0 };

async function open(script: Partial<Script> = {}) {
  const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4, ...script });
  return { probe, port: await openCmsisDap(probe, probe.io) };
}

describe('the reset line', () => {
  it('is seen to follow', async () => {
    const { probe, port } = await open();
    expect(await port.reset(true, probe.io)).toBe(true);
    expect(probe.pins & SRST).toBe(0);
    expect(await port.reset(false, probe.io)).toBe(true);
    expect(probe.pins & SRST).toBe(SRST);
  });

  it('pulled before connecting stays low while the pins change hands, until it is let go', async () => {
    const { probe, port } = await open();
    await port.reset(true, probe.io);
    for (const wire of [SWD, JTAG, SWD]) {
      await port.connect(wire, probe.io).catch(() => undefined);
      expect(probe.pins & SRST).toBe(0);
    }
    await port.reset(false, probe.io);
    await port.connect(SWD, probe.io);
    expect(probe.pins & SRST).toBe(SRST);
  });

  it('that is slow is waited for', async () => {
    let reads = 0;
    const { probe, port } = await open({ pins: (driven) => (driven & SRST && ++reads < 10 ? driven & ~SRST : driven) });
    await port.reset(true, probe.io);
    expect(await port.reset(false, probe.io)).toBe(true);
  });

  it.each([
    ['held low by the board', () => 0],
    ['not wired', () => SRST],
  ])('%s is told, and holds nobody up', async (_, pins) => {
    const { probe, port } = await open({ pins });
    const since = probe.clock.monotonic();
    expect([await port.reset(true, probe.io), await port.reset(false, probe.io)]).toContain(false);
    expect(probe.clock.monotonic() - since).toBeLessThan(200);
  });

  it('pulses reset the chip on the bench, and its debug port still answers', async () => {
    const { link, io, chip } = plugIn();
    const port = await openCmsisDap(link, io);
    await port.connect(SWD, io);
    const pulled = vi.spyOn(chip, 'resetPin');
    await port.pulseReset(5, io);
    const times = pulled.mock.calls.map(([, at]) => at);
    expect(pulled.mock.calls.map(([asserted]) => asserted)).toEqual([true, false]);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(5_000_000);
    expect(await port.connect(SWD, io)).toBe(0x2ba0_1477);
  });
});
