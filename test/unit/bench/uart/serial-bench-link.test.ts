import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import type { SerialFormat, SerialLines } from '#main/link/link.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
import type { UartDevice, UartTransmitter } from '#main/bench/uart/uart-device.ts';
import { understands } from '#main/bench/uart/uart-wire.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';

const FORMAT: SerialFormat = { baudRate: 115_200, parity: 'none' };

/** Sends back what it understands, `afterNs` later. */
class Echo implements UartDevice {
  readonly heard: number[] = [];
  readonly seen: [Required<SerialLines>, number][] = [];
  cutAt = Infinity;
  #out: UartTransmitter | undefined;
  readonly #format: SerialFormat;
  readonly #afterNs: number;

  constructor(format: SerialFormat, afterNs: number) {
    this.#format = format;
    this.#afterNs = afterNs;
  }

  wire(transmitter: UartTransmitter): void {
    this.#out = transmitter;
  }

  receive(byte: number, at: number, format: SerialFormat): void {
    if (at > this.cutAt || !understands(this.#format, format)) return;
    this.heard.push(byte);
    this.#out?.send([byte], at + this.#afterNs, this.#format);
  }

  lines(lines: Required<SerialLines>, at: number): void {
    this.seen.push([lines, at]);
  }

  powerCycle(): void {
    this.cutAt = Infinity;
  }

  powerCut(at: number): void {
    this.cutAt = at;
    this.#out?.silence(at);
  }
}

function rig(device: UartDevice, faults: Faults = [], latencyMs = 1) {
  const clock = new VirtualClock(0);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const link = new SerialBenchLink({
    url: 'bench:x',
    clock,
    device,
    adapter: { latencyMs, bufferBytes: 64 },
    faults: new FaultPlan(faults, 0),
    pace: undefined,
  });
  return { clock, io, link };
}

async function readAll(link: SerialBenchLink, length: number, io: IoContext): Promise<number[]> {
  const found: number[] = [];
  while (found.length < length) found.push(...(await link.read(1000, io)));
  return found;
}

describe('a serial port on the bench', () => {
  it('costs latency, bits and thinking time, to the nanosecond', async () => {
    const { clock, io, link } = rig(new Echo(FORMAT, 500_000));
    await link.write(Uint8Array.of(0x7f), io);
    expect(clock.elapsedNs).toBe(0);
    expect([...(await link.read(100, io))]).toEqual([0x7f]);
    const byte = Math.round(10e9 / 115_200);
    expect(clock.elapsedNs).toBe(1_000_000 + byte + 500_000 + byte + 1_000_000);
  });

  it('brings every byte, in order, whatever was written at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 8 }),
        async (parts) => {
          const { io, link } = rig(new Echo(FORMAT, 0));
          for (const part of parts) await link.write(part, io);
          const sent = parts.flatMap((part) => [...part]);
          expect(await readAll(link, sent.length, io)).toEqual(sent);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('lets the host wait once the driver is full', async () => {
    const { clock, io, link } = rig(new Echo(FORMAT, 0));
    await link.write(new Uint8Array(1000), io);
    const byteNs = 10e9 / 115_200;
    expect(clock.elapsedNs).toBeGreaterThan((1000 - 65) * byteNs);
    expect(clock.elapsedNs).toBeLessThan(1000 * byteNs + 1_000_000);
  });

  it('is heard as something else at another baud rate or parity, and not at all by a device that insists', async () => {
    const { io, link } = rig(new Echo({ baudRate: 115_200, parity: 'even' }, 0));
    await link.write(Uint8Array.of(1, 2, 3), io);
    await expect(link.read(5, io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    await link.setFormat({ baudRate: 115_200, parity: 'even' }, io);
    await link.write(Uint8Array.of(1, 2, 3), io);
    await link.setFormat({ baudRate: 57_600, parity: 'even' }, io);
    const garbage = await readAll(link, 3, io);
    expect(garbage).not.toEqual([1, 2, 3]);
  });

  it('drives DTR and RTS together and keeps the one that is not named', async () => {
    const device = new Echo(FORMAT, 0);
    const { io, link } = rig(device);
    await link.setLines({ dtr: true, rts: true }, io);
    await link.setLines({ rts: false }, io);
    expect(device.seen.map(([lines]) => lines)).toEqual([
      { dtr: true, rts: true },
      { dtr: true, rts: false },
    ]);
    expect(device.seen[1]?.[1]).toBeGreaterThan(device.seen[0]?.[1] ?? 0);
  });

  it('times out on virtual time, is pulled out, falls silent, and loses its supply, as faults say', async () => {
    const quiet = rig(new Echo(FORMAT, 0));
    await expect(quiet.link.read(250, quiet.io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    expect(quiet.clock.monotonic()).toBe(250);
    const pulled = rig(new Echo(FORMAT, 0), [{ kind: 'unplug', after: 1 }]);
    await pulled.link.write(Uint8Array.of(1), pulled.io);
    await expect(pulled.link.write(Uint8Array.of(1), pulled.io)).rejects.toMatchObject({
      failure: { code: 'probe-lost' },
    });
    const mute = rig(new Echo(FORMAT, 0), [{ kind: 'silent', after: 0 }]);
    await mute.link.write(Uint8Array.of(1), mute.io);
    await expect(mute.link.read(20, mute.io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    const device = new Echo(FORMAT, 0);
    const cut = rig(device, [{ kind: 'power-cut', after: 1 }]);
    await cut.link.write(Uint8Array.of(1), cut.io);
    expect(await readAll(cut.link, 1, cut.io)).toEqual([1]);
    await cut.link.write(Uint8Array.of(2), cut.io);
    await expect(cut.link.read(20, cut.io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    expect(device.heard).toEqual([1]);
  });
});
