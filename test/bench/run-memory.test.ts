import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { isFilledWith } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Faults } from '#main/bench/faults.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { Target } from '#main/target/target.ts';
import { CountingLink, newBench, UNIT } from './bench-run.ts';
import { noise } from './releases.ts';

const RAM = 0x2000_0000;
const SPAN = 5000;

async function connect(
  probe: ProbeName,
  faults: Faults = [],
): Promise<{ target: Target; link: CountingLink; io: IoContext }> {
  const { link: bare, clock } = newBench().connect('nrf52840', 'A', faults, { probe });
  const io = { clock, signal: new AbortController().signal };
  const link = new CountingLink(bare);
  const target = await openAdiTarget(await openCmsisDap(link, io), UNIT, io);
  return { target, link, io };
}

async function endOf(work: Promise<void>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}

describe.each<ProbeName>(['high-speed', 'full-speed', 'hid'])('RAM behind a %s probe', (probe) => {
  it('holds what was written, at any alignment, and nothing beside it changes', async () => {
    const { target, io } = await connect(probe);
    const shadow = noise(SPAN, 1);
    await target.memory.write(RAM, shadow, io);
    const edges = fc.tuple(fc.nat(SPAN), fc.nat(SPAN), fc.nat(1000));
    await fc.assert(
      fc.asyncProperty(edges, async ([a, b, seed]) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const data = noise(to - from, seed);
        shadow.set(data, from);
        await target.memory.write(RAM + from, data, io);
        expect(await target.memory.read(RAM, SPAN, io)).toEqual(shadow);
        expect(await target.memory.read(RAM + from, to - from, io)).toEqual(data);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the core', () => {
  it('halts, takes registers, and runs free again after a reset', async () => {
    const { target, io } = await connect('high-speed');
    await target.core.reset('halt', io);
    await target.core.writeRegisters({ r0: 0x1234_5678, pc: 0x100 }, io);
    expect(await target.core.readRegisters(['r0', 'pc'], io)).toEqual({ r0: 0x1234_5678, pc: 0x100 });
    await target.core.waitForHalt(10, io);
    await target.start(io);
    await expect(target.core.waitForHalt(10, io)).rejects.toMatchObject({ failure: { code: 'target-stuck' } });
  });
});

describe('an access to nothing', () => {
  it('is a fault with its address, after which all goes on', async () => {
    const { target, io } = await connect('high-speed');
    await expect(target.memory.read(0x6000_0000, 4000, io)).rejects.toMatchObject({
      failure: { code: 'target-fault', params: { address: '0x60000000' } },
    });
    await target.memory.writeWord(RAM, 0xcafe_f00d, io);
    expect(await target.memory.readWord(RAM, io)).toBe(0xcafe_f00d);
  });
});

describe('a connection that fails', () => {
  it.each(['no-target', 'swapped-wires', 'silent'] as const)('leaves nothing open: %s', async (kind) => {
    const { link: bare, clock } = newBench().connect('nrf52840', 'A', [{ kind, after: 12 }]);
    const io = { clock, signal: new AbortController().signal };
    const link = new CountingLink(bare);
    const opening = openCmsisDap(link, io).then((debugPort) => openAdiTarget(debugPort, UNIT, io));
    await expect(opening).rejects.toThrow(FlashlineError);
    expect(link.closed).toBe(true);
  });
});

describe('packets in flight', () => {
  it('behind one that gave up write nothing outside the range, though the target came back', async () => {
    const from = 0xe80;
    const length = 3000;
    const strayed: number[] = [];
    let reached = 0;
    // The wire counts from connecting: clearing the memory takes somewhat more than its 2048 words: a check a packet, and what opening takes.
    for (let after = 2205; after < 2405; after += 9) {
      // One more WAIT than the probe's retries: one transfer fails, the next is taken again.
      const faults = [{ kind: 'ack-wait', after, times: 0x1_0000 }] as const;
      const { target, io } = await connect('high-speed', faults);
      if ((await endOf(target.memory.write(RAM, new Uint8Array(0x2000), io))) !== 'done') continue;
      expect(await endOf(target.memory.write(RAM + from, noise(length, 3), io))).toBe('target-stuck');
      reached++;
      const held = await target.memory.read(RAM, 0x2000, io);
      const outside = [held.subarray(0, from), held.subarray(from + length)];
      if (!outside.every((part) => isFilledWith(part, 0))) strayed.push(after);
    }
    expect(reached).toBeGreaterThan(10);
    expect(strayed).toEqual([]);
  });

  /** Virtual milliseconds to read 32 KiB when the probe says that it holds `packetCount` packets. */
  async function readMs(packetCount: number): Promise<number> {
    const { link: bare, clock } = newBench().connect('nrf52840', 'A');
    const io = { clock, signal: new AbortController().signal };
    const link = new CountingLink(bare);
    // The reply to DAP_Info 0xFE is the only one of a single byte.
    link.onReply = (data) => (data[0] === 0 && data[1] === 1 ? Uint8Array.of(0, 1, packetCount) : data);
    const target = await openAdiTarget(await openCmsisDap(link, io), UNIT, io);
    const since = clock.monotonic();
    await target.memory.read(0, 32 * 1024, io);
    expect(link.mostInFlight).toBe(packetCount);
    return clock.monotonic() - since;
  }

  it('hide the probe’s latency', async () => {
    const wire = ((32 * 1024) / 4) * (46 / 8000);
    const pipelined = await readMs(4);
    expect(pipelined).toBeLessThan(wire * 1.03);
    expect(pipelined).toBeLessThan((await readMs(1)) * 0.87);
  });
});
