import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startBridgeServer, type BridgeServer } from '#main/bridge/server.ts';
import type { HostPort } from '#main/bridge/host-port.ts';

let files: string;
let server: BridgeServer;
const attached: { readonly port: HostPort; readonly messages: unknown[] }[] = [];
let fill = 1;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'flashline-server-'));
  await writeFile(join(files, 'index.html'), '<!doctype html><title>page</title>');
  server = await startBridgeServer({
    files,
    port: 0,
    random: (length) => new Uint8Array(length).fill(fill++),
    attach: (port) => {
      const messages: unknown[] = [];
      port.onMessage((message) => messages.push(message));
      attached.push({ port, messages });
    },
  });
});

afterAll(async () => {
  await server.close();
  await rm(files, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function cookie(): Promise<string> {
  const { headers } = await get(new URL(server.url).pathname + new URL(server.url).search);
  return String(headers['set-cookie']).split(';')[0] ?? '';
}

/** What became of an attempt to open the bridge: 'open', or the status of the refusal. */
function connect(headers: Record<string, string>, path = '/bridge'): Promise<'open' | number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers });
    socket.on('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => undefined);
  });
}

describe('pages', () => {
  it('trade the token for a cookie that no script and no other site can use, and drop it from the address', async () => {
    const entry = await get(new URL(server.url).pathname + new URL(server.url).search);
    expect(entry.status).toBe(303);
    expect(entry.headers['location']).toBe('/');
    expect(String(entry.headers['set-cookie'])).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(String(entry.headers['set-cookie'])).not.toContain(new URL(server.url).searchParams.get('token'));
  });

  it('come with a policy that allows our files only', async () => {
    const page = await get('/', { cookie: await cookie() });
    expect(page).toMatchObject({ status: 200, body: expect.stringContaining('page') as string });
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['content-security-policy']).not.toMatch(/unsafe|\*/);
    expect(page.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  });

  it.each([
    ['nobody knows', '/', {}, 403],
    ['a wrong token', '/?token=00', {}, 403],
    ['another name for this address (DNS rebinding)', '/', { host: 'evil.example' }, 421],
    ['a path out of the folder', '/../../etc/passwd', {}, 403],
  ])('are refused to %s', async (_, path, headers, status) => {
    expect((await get(path, headers)).status).toBe(status);
  });

  it('are refused to a path out of the folder even with a cookie, and to methods that change', async () => {
    const own = { cookie: await cookie() };
    expect((await get('/..%2f..%2fetc%2fpasswd', own)).status).toBe(404);
    expect((await get('//', own)).status).toBe(400);
    expect((await get('/', own, 'POST')).status).toBe(405);
  });
});

describe('the bridge', () => {
  it('opens only for our own page with our cookie', async () => {
    const origin = `http://127.0.0.1:${server.port}`;
    const own = await cookie();
    expect(await connect({ origin, cookie: own })).toBe('open');
    expect(await connect({ origin })).toBe(403);
    expect(await connect({ cookie: own })).toBe(403);
    expect(await connect({ origin: 'http://evil.example', cookie: own })).toBe(403);
    expect(await connect({ origin: `http://127.0.0.1:${server.port + 1}`, cookie: own })).toBe(403);
    expect(await connect({ origin, cookie: own, host: 'evil.example' })).toBe(421);
    expect(await connect({ origin, cookie: own }, '/elsewhere')).toBe(404);
  });

  it('hands over JSON, and what is none as nothing; a message too long ends the connection', async () => {
    const headers = { origin: `http://127.0.0.1:${server.port}`, cookie: await cookie() };
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/bridge`, { headers });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send('{"a":1}');
    socket.send('{"a":');
    socket.send(Buffer.from([1, 2, 3]));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send('"'.padEnd(65 * 1024, 'x'));
    await closed;
    expect(attached.at(-1)?.messages).toEqual([{ a: 1 }, undefined, undefined]);
  });

  it('says plainly when its port is taken', async () => {
    const again = startBridgeServer({ files, port: server.port, random: (n) => new Uint8Array(n), attach: () => 0 });
    await expect(again).rejects.toMatchObject({ failure: { code: 'usage' } });
  });
});
