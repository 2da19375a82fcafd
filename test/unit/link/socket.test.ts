import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '#main/link/link.ts';
import { openSocket } from '#main/link/socket.ts';
import { toFailure } from '#shared/model/failure.ts';
import { asNobody } from '#test/support/as-nobody.ts';
import { realIo } from '#test/support/nrf51.ts';

let folder: string;
let server: Server;
let peer: Promise<Socket>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-link-'));
  server = createServer();
  peer = once(server, 'connection').then(([socket]: Socket[]) => {
    if (!socket) throw new Error('no socket');
    return socket.on('error', () => undefined);
  });
  server.listen(join(folder, 's'));
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (name = 's'): Promise<Link> => openSocket({ path: join(folder, name) }, 'gdb:unix:s', realIo());
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'fine',
    (error: unknown) => toFailure(error).code,
  );

describe('a socket link', () => {
  it('carries bytes both ways, as they come', async () => {
    const link = await open();
    await link.write(Uint8Array.of(1, 2, 3), realIo());
    const other = await peer;
    const [got] = (await once(other, 'data')) as [Buffer];
    expect([...got]).toEqual([1, 2, 3]);
    other.write(Buffer.of(9, 8));
    expect([...(await link.read(1000, realIo()))]).toEqual([9, 8]);
    await link.close();
    await link.close();
  });

  it('tells silence after the time given, and reads on afterwards', async () => {
    const link = await open();
    const begun = performance.now();
    expect(await codeOf(link.read(60, realIo()))).toBe('probe-silent');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(50);
    (await peer).write('x');
    expect([...(await link.read(1000, realIo()))]).toEqual([0x78]);
    await link.close();
  });

  it('hands out what had arrived before the peer went, then probe-lost', async () => {
    const link = await open();
    (await peer).end('last');
    expect(String(Buffer.from(await link.read(1000, realIo())))).toBe('last');
    expect(await codeOf(link.read(1000, realIo()))).toBe('probe-lost');
    expect(await codeOf(link.write(Uint8Array.of(1), realIo()))).toBe('probe-lost');
    await link.close();
  });

  it('is aborted while it waits, with the reason given', async () => {
    const link = await open();
    const aborting = new AbortController();
    const reason = new Error('stop');
    setTimeout(() => aborting.abort(reason), 10);
    await expect(link.read(5000, realIo(aborting.signal))).rejects.toBe(reason);
    await expect(link.write(Uint8Array.of(1), realIo(aborting.signal))).rejects.toBe(reason);
    await link.close();
  });

  it('gives up writing to a peer that takes nothing', async () => {
    const link = await open();
    (await peer).pause();
    const write = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) await link.write(new Uint8Array(1 << 20), realIo());
    };
    expect(await codeOf(write())).toBe('probe-silent');
    const begun = performance.now();
    await link.close();
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it('keeps a bounded amount of what a peer that never stops sends', async () => {
    const link = await open();
    const other = await peer;
    let accepted = 0;
    while (other.write(Buffer.alloc(1 << 16)) || accepted < 64) accepted += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    // 64 chunks of 64 KiB wait; at most the buffer's mark and what the sockets hold has come through.
    expect(other.writableLength).toBeGreaterThan(1 << 20);
    let got = 0;
    const all = (accepted + 1) * (1 << 16);
    while (got < all) got += (await link.read(2000, realIo())).length;
    expect(got).toBe(all);
    await link.close();
  });

  it('says who is not there, and who is not let in', async () => {
    expect(await codeOf(open('nobody'))).toBe('probe-not-found');
    writeFileSync(join(folder, 'file'), '');
    expect(await codeOf(open('file'))).toBe('probe-not-found');
    expect(await codeOf(openSocket({ host: '127.0.0.1', port: 1 }, 'gdb:tcp:127.0.0.1:1', realIo()))).toBe(
      'probe-not-found',
    );
  });

  it('needs permission', async () => {
    chmodSync(folder, 0);
    expect(await asNobody(() => codeOf(open()))).toBe('probe-permission');
    chmodSync(folder, 0o700);
  });
});
