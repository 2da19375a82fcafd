import { describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';

/** DAP_Info, packet count: it costs the wire nothing. */
const ASK = Uint8Array.of(0x00, 0xfe);

function connect(probe: ProbeName) {
  const { link, clock } = createBench({ startAt: 0, seed: 1 }).connect('nrf52840', 'L', [], { probe });
  const io = { clock, signal: new AbortController().signal };
  return { link, clock, io };
}

async function asked(probe: ProbeName, packets: number, ahead: number): Promise<number> {
  const { link, clock, io } = connect(probe);
  let sent = 0;
  const send = () => {
    if (sent++ < packets) void link.write(ASK, io);
  };
  for (let i = 0; i < ahead; i++) send();
  for (let i = 0; i < packets; i++) {
    await link.read(1000, io);
    send();
  }
  return clock.monotonic();
}

describe('the bench’s USB', () => {
  it('carries a HID report each way in every frame where packets are queued ahead, and in every second where not', async () => {
    const [ahead, alone, single] = [
      await asked('hid', 100, 4),
      await asked('hid', 100, 1),
      await asked('hid-single', 100, 1),
    ];
    expect(Math.abs(ahead - 100)).toBeLessThan(3);
    expect(Math.abs(alone - 200)).toBeLessThan(3);
    expect(single).toBe(alone);
  });

  it('a write and a read that wait for each other take a microframe each at high speed', async () => {
    const { link, clock, io } = connect('high-speed');
    await link.write(ASK, io);
    expect(clock.monotonic()).toBe(0.125);
    await link.read(1000, io);
    expect(clock.monotonic()).toBe(0.25);
  });

  it('a write that nobody waits for does not move time', async () => {
    const { link, clock, io } = connect('high-speed');
    const first = link.write(ASK, io);
    const second = link.write(ASK, io);
    expect(clock.monotonic()).toBe(0);
    await Promise.all([first, second]);
    expect(clock.monotonic()).toBe(0.125);
  });

  it('an answer that takes longer than a reader waits comes to the next one', async () => {
    const { link, clock, io } = connect('high-speed');
    // DAP_Delay, 50 ms.
    await link.write(Uint8Array.of(0x09, 0x50, 0xc3), io);
    await expect(link.read(10, io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    expect(clock.monotonic()).toBeCloseTo(10.125, 3);
    expect([...(await link.read(100, io))]).toEqual([0x09, 0]);
    expect(clock.monotonic()).toBeGreaterThan(50);
  });

  it('whoever waits when the link is closed is told', async () => {
    const { link, io } = connect('high-speed');
    const waiting = link.read(1000, io);
    await link.close();
    await expect(waiting).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
  });
});
