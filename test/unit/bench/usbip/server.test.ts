import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { PacketCounts } from '#main/bench/usbip/packet-buffers.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { usbProbe } from '#main/bench/usbip/usb-probe.ts';
import { DEVLIST_REQUEST, importRequest, submitRequest } from './client.ts';

const ASK_COUNT = Uint8Array.of(0, 0xfe);

describe('the USB/IP server', () => {
  let server: UsbipServer;
  let sockets: Socket[];
  let detached: [string, PacketCounts][];

  beforeEach(async () => {
    const bench = createBench({ startAt: 0, seed: 1 });
    const common = { bench, chip: 'nrf52840', probe: 'high-speed', probeSerial: 'SAME', realMs: () => 0 } as const;
    sockets = [];
    detached = [];
    server = await serveUsbip({
      port: 0,
      devices: [usbProbe({ ...common, unit: 'U1' }), usbProbe({ ...common, unit: 'U2' })],
      detached: (busid, counts) => detached.push([busid, counts]),
    });
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  async function opened(): Promise<{ socket: Socket; received: () => Buffer }> {
    const socket = connect({ host: '127.0.0.1', port: server.port });
    sockets.push(socket);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return { socket, received: () => received };
  }

  async function attached(busid: string) {
    const link = await opened();
    link.socket.write(importRequest(busid));
    await expect.poll(() => link.received().length >= 8).toBe(true);
    return link;
  }

  it('lists identical probes at places of their own', async () => {
    const { socket, received } = await opened();
    socket.write(DEVLIST_REQUEST);
    await expect.poll(() => received().length === 12 + 2 * 316).toBe(true);
    const ids = [0, 1].map((n) => received().toString('latin1', 12 + n * 316 + 256, 12 + n * 316 + 259));
    expect(ids).toEqual(['1-1', '1-2']);
  });

  it('gives a probe to one host at a time, and again when that has gone', async () => {
    const first = await attached('1-2');
    expect(first.received().length).toBe(320);
    expect((await attached('1-2')).received().toString('hex')).toBe('0111000300000001');
    expect((await attached('1-9')).received().toString('hex')).toBe('0111000300000001');
    first.socket.destroy();
    await expect.poll(() => detached.length === 1).toBe(true);
    expect((await attached('1-2')).received().length).toBe(320);
  });

  it('carries packets, and tells how many when the host lets go', async () => {
    const { socket, received } = await attached('1-1');
    socket.write(submitRequest({ seqnum: 1, endpoint: 2, direction: 'in', length: 512 }));
    socket.write(submitRequest({ seqnum: 2, endpoint: 1, direction: 'out', data: ASK_COUNT }));
    await expect.poll(() => received().length === 320 + 48 + 48 + 3).toBe(true);
    expect([...received().subarray(-3)]).toEqual([0, 1, 4]);
    socket.end();
    await expect.poll(() => detached.length === 1).toBe(true);
    expect(detached[0]).toMatchObject(['1-1', { requests: 1, responses: 1, requestBytes: 2, responseBytes: 3 }]);
  });

  it('ends a connection that talks nonsense, and no other', async () => {
    const good = await attached('1-1');
    const bad = [await opened(), await attached('1-2')];
    for (const { socket } of bad) socket.write(Buffer.alloc(64, 0x5a));
    await expect.poll(() => bad.every(({ socket }) => socket.closed)).toBe(true);
    good.socket.write(
      submitRequest({ seqnum: 1, endpoint: 0, direction: 'in', length: 18, setup: [0x80, 6, 0, 1, 0, 0, 18, 0] }),
    );
    await expect.poll(() => good.received().length >= 320 + 48 + 18).toBe(true);
    expect(good.received().readUInt16LE(320 + 48 + 8)).toBe(0x1209);
  });

  it('pulls a probe out of the host that has it', async () => {
    const { socket } = await attached('1-1');
    server.unplug('1-1');
    await once(socket, 'close');
    await expect.poll(() => detached.length === 1).toBe(true);
    expect(detached[0]?.[0]).toBe('1-1');
  });
});
