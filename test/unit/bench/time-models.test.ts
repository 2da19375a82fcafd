import { describe, expect, it, vi } from 'vitest';
import { pace, PacedClock } from '#main/bench/paced-clock.ts';
import { Ack } from '#main/bench/sw-dp.ts';
import { bitTime, swdBits } from '#main/bench/swd-time.ts';
import { completion, FULL_SPEED_BULK, FULL_SPEED_HID, HIGH_SPEED_BULK, UsbEndpoint } from '#main/bench/usb-time.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';

describe('the virtual clock', () => {
  it('moves by what is slept and charged, exactly, and only forwards', async () => {
    const clock = new VirtualClock(1_000);
    await clock.sleep(1.5);
    clock.advance(125);
    expect(clock.elapsedNs).toBe(1_500_125);
    expect(clock.now()).toBe(1_001);
    expect(clock.monotonic()).toBe(1.500125);
    clock.advanceTo(7);
    expect(clock.elapsedNs).toBe(1_500_125);
  });

  it('costs no real time, and rejects with the reason when aborted before', async () => {
    const clock = new VirtualClock(0);
    const reason = new Error('stop');
    await expect(clock.sleep(1e9, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(clock.elapsedNs).toBe(0);
    await clock.sleep(1e9);
    expect(clock.monotonic()).toBe(1e9);
  });

  it('takes the wall time forward and never back, and leaves durations alone', () => {
    const clock = new VirtualClock(500);
    clock.advance(2_000_000);
    clock.catchUp(9_000);
    expect([clock.now(), clock.monotonic()]).toEqual([9_000, 2]);
    clock.catchUp(100);
    expect(clock.now()).toBe(9_000);
  });

  it('paced, owes real time at the factor, and pays it before it goes on', async () => {
    const real = {
      now: () => 0,
      monotonic: () => 0,
      sleep: vi.fn<(ms: number) => Promise<void>>(async () => undefined),
    };
    const virtual = new VirtualClock(0);
    const clock = new PacedClock(virtual, pace(virtual, { real, factor: 8 }));
    await clock.sleep(800);
    await clock.sleep(8);
    await clock.sleep(80);
    expect(real.sleep.mock.calls.map(([ms]) => ms)).toEqual([100, 11]);
    expect(clock.monotonic()).toBe(888);
  });

  it('paced, does not run ahead to make up for a pause', async () => {
    let realNow = 0;
    const sleeps: number[] = [];
    const sleep = async (ms: number) => {
      sleeps.push(ms);
      realNow += ms;
    };
    const virtual = new VirtualClock(0);
    const clock = new PacedClock(
      virtual,
      pace(virtual, { real: { now: () => 0, monotonic: () => realNow, sleep }, factor: 8 }),
    );
    realNow = 60_000;
    await clock.sleep(8);
    await clock.sleep(800);
    expect(sleeps).toEqual([100]);
  });
});

describe('SWD bit times', () => {
  const timing = { bitNs: 125, turnaround: 1, idle: 0, dataPhase: false };

  it('a transfer is 8 + 1 + 3 + 1 + 33 cycles, a refused one 13', () => {
    expect(swdBits(Ack.ok, timing)).toBe(46);
    expect(swdBits(Ack.wait, timing)).toBe(13);
    expect(swdBits(Ack.fault, timing)).toBe(13);
    expect(swdBits(Ack.none, timing)).toBe(46);
  });

  it('idle cycles follow only OK, and the data phase and turnaround count as set', () => {
    expect(swdBits(Ack.ok, { ...timing, idle: 8, turnaround: 2 })).toBe(56);
    expect(swdBits(Ack.wait, { ...timing, idle: 8, dataPhase: true })).toBe(46);
  });

  it('a bit at 8 MHz is 125 ns', () => {
    expect([bitTime(8_000_000), bitTime(1_000_000), bitTime(400_000)]).toEqual([125, 1000, 2500]);
  });
});

describe('USB times', () => {
  it('high speed: a 512 B packet is a thirteenth of a microframe, told at the next microframe', () => {
    const end = new UsbEndpoint(HIGH_SPEED_BULK).transferEnd(512, 1_000_000);
    expect(end).toBe(1_000_000 + 9_616);
    expect(completion(HIGH_SPEED_BULK, end)).toBe(1_125_000);
    expect(new UsbEndpoint(HIGH_SPEED_BULK).transferEnd(513, 0)).toBe(2 * 9_616);
  });

  it('full speed: 64 B is a nineteenth of a frame', () => {
    const end = new UsbEndpoint(FULL_SPEED_BULK).transferEnd(64, 0);
    expect(end).toBe(52_632);
    expect(completion(FULL_SPEED_BULK, end)).toBe(125_000);
  });

  it('what is queued ahead goes one behind the other without the software', () => {
    const bulk = new UsbEndpoint(HIGH_SPEED_BULK);
    expect([1, 2, 3].map(() => bulk.transferEnd(512, 0))).toEqual([9_616, 2 * 9_616, 3 * 9_616]);
  });

  it('HID: one report a frame, however many are queued, and none in the frame in which it is queued', () => {
    const hid = new UsbEndpoint(FULL_SPEED_HID);
    expect(hid.transferEnd(64, 1)).toBe(1_052_632);
    expect(hid.transferEnd(64, 1)).toBe(2_052_632);
    expect(hid.transferEnd(64, 2_052_632)).toBe(3_052_632);
    expect(hid.transferEnd(65, 3_052_632)).toBe(5_052_632);
  });
});
