import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import { serveUart } from '#main/bench/uart/serve-uart.ts';
import type { PluggedUart } from '#main/bench/uart/uart-bench.ts';
import type { UartDevice, UartTransmitter } from '#main/bench/uart/uart-device.ts';
import { toNs, VirtualClock } from '#main/bench/virtual-clock.ts';
import type { SerialFormat } from '#main/link/link.ts';
import { realClock } from '#main/app/real-clock.ts';

const FORMAT: SerialFormat = { baudRate: 115_200, parity: 'even' };
const SECONDS = 20;

/** Says each byte again, `SECONDS` later; counts how often its power came up. */
class Echo implements UartDevice {
  #transmitter: UartTransmitter | undefined;
  readonly formats: SerialFormat[] = [];
  wire(transmitter: UartTransmitter): void {
    this.#transmitter = transmitter;
  }
  receive(byte: number, at: number, format: SerialFormat): void {
    this.formats.push(format);
    this.#transmitter?.send([byte], at + toNs(SECONDS * 1000), FORMAT);
  }
  lines(): void {}
  powerCycle(): void {}
  powerCut(): void {}
}

const open: { close(): Promise<void> }[] = [];
const users: Socket[] = [];
afterEach(async () => {
  for (const user of users.splice(0)) user.destroy();
  for (const server of open.splice(0)) await server.close();
});

async function serve() {
  const units: (PluggedUart & { device: Echo })[] = [];
  const clock = new VirtualClock(0);
  const plugIn = () => {
    const unit = { clock, device: new Echo(), faults: new FaultPlan([], 0), listens: () => FORMAT };
    units.push(unit);
    return unit;
  };
  const server = await serveUart({ port: 0, plugIn, real: realClock, haste: 10_000 });
  open.push(server);
  return { port: server.port, units, clock };
}

async function user(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  users.push(socket);
  await once(socket, 'connect');
  return socket;
}

it('carries bytes both ways in the unit’s own format, and hurries what is waited for', async () => {
  const { port, units, clock } = await serve();
  const socket = await user(port);
  socket.write(Uint8Array.of(1, 2, 3));
  let heard = Buffer.alloc(0);
  while (heard.length < 3) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    heard = Buffer.concat([heard, bytes]);
  }
  expect([...heard]).toEqual([1, 2, 3]);
  expect(units[0]?.device.formats).toEqual([FORMAT, FORMAT, FORMAT]);
  // The unit lived through all of it.
  expect(clock.monotonic()).toBeGreaterThanOrEqual(SECONDS * 1000);
});

it('has one user at a time, and plugs the unit in anew for the next', async () => {
  const { port, units } = await serve();
  const first = await user(port);
  first.write(Uint8Array.of(1));
  await once(first, 'data');
  const second = await user(port);
  await once(second, 'close');
  expect(units).toHaveLength(1);
  first.destroy();
  await once(first, 'close');
  let third = await user(port);
  // The server may hear of the end of the first only after the third has come.
  for (let tries = 0; units.length < 2 && tries < 50; tries++) {
    await realClock.sleep(20);
    if (third.destroyed) third = await user(port);
  }
  expect(units).toHaveLength(2);
});
