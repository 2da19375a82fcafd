import { describe, expect, it } from 'vitest';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { QUIRKS, quirksOf } from '#main/probe/cmsis-dap/quirks.ts';
import { ScriptedProbe } from './scripted-probe.ts';

function told(product: string, firmware = '') {
  return quirksOf({ product, firmware });
}

async function open(product: string, firmware: string) {
  const probe = new ScriptedProbe({ packetSize: 64, packetCount: 8, product, firmware });
  return { probe, port: await openCmsisDap(probe, probe.io) };
}

describe('quirks', () => {
  it.each([
    ['XDS110 (03.00.00.25) Embed with CMSIS-DAP', '03.00.00.25', { packetCount: 1 }],
    ['XDS110 Embed with CMSIS-DAP', '02.03.00.18', { packetCount: 1 }],
    ['XDS110 Embed with CMSIS-DAP', '', { packetCount: 1 }],
    ['XDS110 Embed with CMSIS-DAP', '03.00.00.26', {}],
    ['XDS110 Embed with CMSIS-DAP', '03.01.00.00', {}],
    ['Picoprobe CMSIS-DAP', '2.0.0', { packetCount: 1 }],
    ['Debug Probe (CMSIS-DAP)', '2.0.0', {}],
    ['Orbtrace Mini ORBTrace CMSIS-DAP', '1.3.2', { maxClockHz: 25_000_000 }],
    ['EDBG CMSIS-DAP', '1.0', { reconnects: true }],
    ['mEDBG CMSIS-DAP', '1.0', {}],
    ['Keil ULINK-ME CMSIS-DAP', '1.0', { reconnects: true }],
    ['DAPLink CMSIS-DAP', '2.1.0', {}],
  ])('%s, firmware %s', (product, firmware, quirks) => {
    expect(told(product, firmware)).toEqual(quirks);
  });

  it('each names where it is documented', () => {
    for (const { source } of QUIRKS) expect(source).toMatch(/\S{10,}/);
  });

  it('a probe that holds fewer packets than it says is never given more', async () => {
    const { probe, port } = await open('Picoprobe CMSIS-DAP', '2.0.0');
    await port.readBlock(0xc, 500, probe.io);
    expect(probe.mostInFlight).toBe(1);
    const sound = await open('Debug Probe (CMSIS-DAP)', '2.0.0');
    await sound.port.readBlock(0xc, 500, sound.probe.io);
    expect(sound.probe.mostInFlight).toBe(8);
  });

  it('a clock that would be refused is not asked for', async () => {
    const { probe, port } = await open('ORBTrace mini CMSIS-DAP', '1.3.2');
    await port.connect({ protocol: 'swd', clockHz: 50_000_000 }, probe.io);
    expect(port.wireClock()).toEqual({ askedHz: 50_000_000, usedHz: 25_000_000, limitedBy: 'probe' });
  });

  it('a disconnect goes before the connect where that is needed, and not under reset', async () => {
    const { probe, port } = await open('EDBG CMSIS-DAP', '1.0');
    const sent = () => probe.requests.map(([command]) => command).filter((command) => command === 2 || command === 3);
    await port.connect({ protocol: 'swd', clockHz: 1_000_000 }, probe.io);
    expect(sent()).toEqual([3, 2]);
    await port.reset(true, probe.io);
    await port
      .connect({ protocol: 'jtag', clockHz: 1_000_000, irLengths: [4], tap: 0 }, probe.io)
      .catch(() => undefined);
    expect(sent()).toEqual([3, 2, 2]);
    expect(probe.pins & 0x80).toBe(0);
  });
});
