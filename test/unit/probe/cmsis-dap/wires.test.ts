import { describe, expect, it } from 'vitest';
import { done } from '#main/bench/bus.ts';
import { PROBES, type ProbeName } from '#main/bench/probe-profile.ts';
import { DPIDR, SwDp } from '#main/bench/sw-dp.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import type { DebugPort, Transfer } from '#main/probe/debug-port.ts';
import { CPU_IDCODE } from '#test/support/jtag-chip.ts';
import { ScriptedProbe } from './scripted-probe.ts';
import { plugIn, type Plugged, type PlugOptions } from './on-bench.ts';

const RAM = 0x2000_0000;
const NOWHERE = 0x6000_0000;
const JTAG = { protocol: 'jtag', clockHz: 8_000_000, irLengths: [4, 5], tap: 0 } as const;
const SWD = { protocol: 'swd', clockHz: 8_000_000 } as const;
const PROBE_NAMES = Object.keys(PROBES) as ProbeName[];

async function open(options: PlugOptions = {}): Promise<Plugged & { readonly port: DebugPort }> {
  const plugged = plugIn(options);
  return { ...plugged, port: await openCmsisDap(plugged.link, plugged.io) };
}

const write = (port: 'dp' | 'ap', address: number, value: number): Transfer => ({ port, address, read: false, value });
const POWER = [write('dp', 8, 0), write('dp', 4, 0x5000_0000), write('ap', 0, 0x2300_0052)];
const at = (address: number): Transfer => write('ap', 4, address);
const words = Uint32Array.from({ length: 250 }, (_, index) => Math.imul(index, 0x9e37_79b9) >>> 0);

describe.each(PROBE_NAMES)('JTAG by a %s probe', (probe) => {
  it('finds the TAP, and memory is written and read as over SWD', async () => {
    const { port, io, link } = await open({ probe });
    // Version 1 of the debug port has a DPIDR of its own, which tells more than the TAP's IDCODE.
    expect([DPIDR, CPU_IDCODE]).toContain(await port.connect(JTAG, io));
    await port.transfer([...POWER, at(RAM)], io);
    await port.writeBlock(0xc, words, io);
    await port.transfer([at(RAM)], io);
    expect([...(await port.readBlock(0xc, words.length, io))]).toEqual([...words]);
    expect(link.dropped).toBe(0);
  });
});

describe('JTAG', () => {
  it('a failed access is told though the wire has no FAULT, and the next one works', async () => {
    const { port, io } = await open();
    await port.connect(JTAG, io);
    await port.transfer(POWER, io);
    await expect(port.transfer([at(NOWHERE), { port: 'ap', address: 0xc, readCount: 9 }], io)).rejects.toMatchObject({
      failure: { code: 'target-fault' },
    });
    await port.transfer([at(RAM), write('ap', 0xc, 77), at(RAM)], io);
    expect([...(await port.readBlock(0xc, 1, io))]).toEqual([77]);
  });

  it('a poll of what cannot be read is a fault, not a mismatch', async () => {
    const { port, io } = await open();
    await port.connect(JTAG, io);
    await port.transfer(POWER, io);
    const match = { port: 'ap', address: 0xc, matchMask: 1, matchValue: 1 } as const;
    await expect(port.poll([at(NOWHERE)], match, io)).rejects.toMatchObject({ failure: { code: 'target-fault' } });
  });

  it('a TAP that nobody has is no target', async () => {
    const { port, io } = await open({ wired: { powered: true, debugPorts: [] } });
    await expect(port.connect(JTAG, io)).rejects.toMatchObject({ failure: { code: 'no-target' } });
  });

  it('goes to SWD and back on the same pins', async () => {
    const { port, io } = await open();
    const id = await port.connect(JTAG, io);
    expect(await port.connect(SWD, io)).toBe(DPIDR);
    expect(await port.connect(JTAG, io)).toBe(id);
  });
});

describe('ports that share their wires', () => {
  const TARGET_ID = 0x0100_2927;
  const shared = (instances: readonly number[]): PlugOptions => ({
    wired: {
      powered: true,
      debugPorts: instances.map((instance) => {
        // Each has an access port of its own, which tells whose it is.
        const ap = {
          read: (_: number, time: number) => done(time, 0xa0 + instance),
          write: (_: number, time: number) => done(time),
        };
        return new SwDp(new Map([[0, ap]]), { dpidr: 0x0bc1_2477, targetId: TARGET_ID, instance });
      }),
    },
  });
  const selector = (instance: number) => (TARGET_ID | (instance << 28)) >>> 0;

  it.each([0, 1, 15])('instance %i is woken, selected and checked', async (instance) => {
    const { port, io } = await open(shared([0, 1, 15]));
    expect(await port.connect({ ...SWD, targetSel: selector(instance) }, io)).toBe(0x0bc1_2477);
    await port.transfer([write('dp', 8, 0), write('dp', 4, 0x5000_0000)], io);
    expect([...(await port.readBlock(0, 1, io))]).toEqual([0xa0 + instance]);
  });

  it('one that is not there is no target, and the others still answer', async () => {
    const { port, io } = await open(shared([0, 1]));
    await expect(port.connect({ ...SWD, targetSel: selector(7) }, io)).rejects.toMatchObject({
      failure: { code: 'no-target' },
    });
    expect(await port.connect({ ...SWD, targetSel: selector(1) }, io)).toBe(0x0bc1_2477);
  });

  it('a port of an older version does not answer to a name', async () => {
    const { port, io } = await open();
    await expect(port.connect({ ...SWD, targetSel: selector(1) }, io)).rejects.toMatchObject({
      failure: { code: 'no-target' },
    });
  });

  it('another one that answers is refused', async () => {
    const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4 });
    const port = await openCmsisDap(probe, probe.io);
    await expect(port.connect({ ...SWD, targetSel: selector(1) }, probe.io)).rejects.toMatchObject({
      failure: { code: 'wrong-chip', params: { expected: '0x11002927', found: '0xF0000000' } },
    });
  });

  it('a single one that starts asleep is woken without being named', async () => {
    const { port, io, line } = await open(shared([0]));
    expect(line.listening).toBe('dormant');
    expect(await port.connect(SWD, io)).toBe(0x0bc1_2477);
  });

  it('stays selected when the wire lost its way', async () => {
    const { port, io } = await open({ ...shared([0, 1]), faults: [{ kind: 'parity', after: 400 }] });
    await port.connect({ ...SWD, targetSel: selector(1) }, io);
    await port.transfer([write('dp', 8, 0), write('dp', 4, 0x5000_0000)], io);
    await expect(port.readBlock(0, 500, io)).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
    expect([...(await port.readBlock(0, 1, io))]).toEqual([0xa1]);
  });
});
