import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { openCmsisDapJtag } from '#main/probe/cmsis-dap/cmsis-dap-jtag.ts';
import type { JtagStretch } from '#main/probe/jtag-port.ts';
import { Scan, type Script, ScriptedProbe } from './scripted-probe.ts';

const stretch: fc.Arbitrary<JtagStretch> = fc
  .record({
    tms: fc.constantFrom(0 as const, 1 as const),
    cycles: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3000 })),
    driven: fc.boolean(),
    capture: fc.boolean(),
    fill: fc.integer({ min: 1, max: 0xff }),
  })
  .map(({ driven, fill, ...rest }) =>
    driven ? Object.assign(rest, { tdi: bytesOf(rest.cycles, (i) => (fill * (i + 1)) & 0xff) }) : rest,
  );

function bytesOf(cycles: number, value: (index: number) => number): Uint8Array {
  return Uint8Array.from({ length: Math.ceil(cycles / 8) }, (_, index) => value(index));
}

/** The same clocks, one at a time. */
function oneAtATime(stretches: readonly JtagStretch[]): number[][] {
  const scan = new Scan();
  const captured = stretches.map(({ tms, cycles, tdi, capture }) => {
    const out = Array.from({ length: Math.ceil(cycles / 8) }, () => 0);
    for (let i = 0; i < cycles; i++) {
      const bit = scan.clock(tms, ((tdi?.[i >> 3] ?? 0) >> (i & 7)) & 1);
      out[i >> 3] = (out[i >> 3] ?? 0) | (bit << (i & 7));
    }
    return capture ? [out] : [];
  });
  return captured.flat();
}

async function open(script: Partial<Script>) {
  const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4, ...script });
  return { probe, port: await openCmsisDapJtag(probe, probe.io) };
}

describe('JTAG sequences', () => {
  it('clock in full, pipelined packets what they would clock bit by bit, and bring every captured bit back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stretch, { maxLength: 12 }),
        fc.constantFrom(64, 65, 512, 1024),
        fc.integer({ min: 1, max: 8 }),
        async (stretches, packetSize, packetCount) => {
          const { probe, port } = await open({ packetSize, packetCount });
          await port.connect(1_000_000, probe.io);
          const captured = await port.sequence(stretches, probe.io);
          expect(captured.map((bytes) => Array.from(bytes))).toEqual(oneAtATime(stretches));
          expect(probe.violations).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('fill the packets, also where each captured bit must come back', async () => {
    const { probe, port } = await open({ packetSize: 512 });
    const before = probe.requests.length;
    const bits = 56 * 64 * 4;
    await port.sequence([{ tms: 0, cycles: bits, capture: true }], probe.io);
    // 510 bytes hold 56 sequences of 64 bits and their information, and one of 40 more.
    expect(probe.requests.length - before).toBe(Math.ceil(bits / (56 * 64 + 40)));
    expect(probe.mostInFlight).toBe(4);
  });

  it.each([
    ['too few bits', (reply: Uint8Array) => reply.subarray(0, reply.length - 1)],
    ['an error', () => Uint8Array.of(0x14, 0xff)],
    ['an unknown command', () => Uint8Array.of(0xff)],
  ])('a reply with %s is the probe’s fault', async (_, damage) => {
    let damaging = false;
    const { probe, port } = await open({ reply: (_packet, reply) => (damaging ? damage(reply) : reply) });
    damaging = true;
    await expect(port.sequence([{ tms: 0, cycles: 100, capture: true }], probe.io)).rejects.toMatchObject({
      failure: { code: 'probe-protocol' },
    });
  });

  it('the clock steps down to one that the probe accepts', async () => {
    const { probe, port } = await open({ accepts: (hz) => hz <= 3_000_000 });
    expect(await port.connect(10_000_000, probe.io)).toBe(2_500_000);
    expect(await port.setClock(1_000_000, probe.io)).toBe(1_000_000);
  });

  it('drives nTRST and nRESET each by itself', async () => {
    const { probe, port } = await open({});
    await port.connect(1_000_000, probe.io);
    await port.drive('trst', true, probe.io);
    expect(probe.pins).toBe(0x80);
    await port.drive('srst', true, probe.io);
    expect(probe.pins).toBe(0x00);
    await port.drive('trst', false, probe.io);
    expect(probe.pins).toBe(0x20);
  });
});
