import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownTls } from '#plant/http/tls.ts';
import { TLS_LOOK_MS } from '#plant/http/tls-keeper.ts';
import type { Clock } from '#shared/base/clock.ts';
import { PlantUnderTest } from '#test/support/plant-http.ts';

const NOW = Date.parse('2026-03-02T08:00:00Z');

/** The server looks at its files when the test says so. */
class LookClock implements Clock {
  #wake: () => void = () => undefined;
  #asleep: () => void = () => undefined;
  now = () => NOW;
  monotonic = () => performance.now();
  sleep(ms: number): Promise<void> {
    if (ms !== TLS_LOOK_MS) return new Promise((resolve) => void setTimeout(resolve, ms));
    this.#asleep();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
  /** Resolves once it has looked. */
  async look(): Promise<void> {
    const looked = new Promise<void>((resolve) => {
      this.#asleep = resolve;
    });
    this.#wake();
    await looked;
  }
}

let folder: string;
let plant: PlantUnderTest;
const clock = new LookClock();
/** Made at these times: `old` has ended long ago. */
const MADE = { first: NOW, second: NOW, old: NOW - 1000 * 86_400_000 };
type Made = keyof typeof MADE;

const cert = () => join(folder, 'plant.pem');
const key = () => join(folder, 'plant.key');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-renewal-'));
  for (const [name, made] of Object.entries(MADE))
    await ownTls({
      folder: join(folder, name),
      hosts: [],
      now: new Date(made),
      random: (size) => new Uint8Array(randomBytes(size)),
    });
  put('first');
  plant = await PlantUnderTest.start({ tls: { cert: cert(), key: key() }, clock });
});
afterAll(async () => {
  await plant.close();
  rmSync(folder, { recursive: true });
});

function put(certOf: Made, keyOf: Made = certOf): void {
  cpSync(join(folder, certOf, 'tls.crt'), cert());
  cpSync(join(folder, keyOf, 'tls.key'), key());
}

function fingerprintOf(made: Made): string {
  return new X509Certificate(readFileSync(join(folder, made, 'tls.crt'))).fingerprint256;
}

/** A connection of its own, which stays; whose certificate it is, the fingerprint says. */
async function connect(): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: plant.plant.port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}

/** As HTTP/1.1 has it: the connection stays open. */
async function ask(socket: TLSSocket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: plant\r\n\r\n`);
  let answer = '';
  while (!/\r\n\r\n/.test(answer) || answer.length < lengthOf(answer)) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    answer += bytes.toString('latin1');
  }
  return answer;
}

function lengthOf(answer: string): number {
  const head = answer.indexOf('\r\n\r\n') + 4;
  return head + Number(/^content-length: (\d+)/im.exec(answer)?.[1] ?? 0);
}

function shownTo(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.fingerprint256 ?? '';
}

async function get(path: string): Promise<{ body: string; fingerprint: string }> {
  const socket = await connect();
  try {
    return { body: await ask(socket, path), fingerprint: shownTo(socket) };
  } finally {
    socket.destroy();
  }
}

async function refusals(): Promise<{ health: string; metric: string; logged: number }> {
  const health = (await get('/health')).body;
  const metrics = (await get('/metrics')).body;
  return {
    health: /"renewal":"(\w+)"/.exec(health)?.[1] ?? '',
    metric: /^flashline_tls_renewal_refused (\d)$/m.exec(metrics)?.[1] ?? '',
    logged: plant.logs.filter((line) => line.includes('is not taken')).length,
  };
}

it('takes up a certificate that was replaced, while connections that are there live on', async () => {
  const old = await connect();
  try {
    expect(shownTo(old)).toBe(fingerprintOf('first'));
    expect(await ask(old, '/health')).toMatch(/^HTTP\/1.1 200/);
    put('second');
    await clock.look();
    // It may be half written.
    expect((await get('/health')).fingerprint).toBe(fingerprintOf('first'));
    await clock.look();
    expect((await get('/health')).fingerprint).toBe(fingerprintOf('second'));
    expect(await ask(old, '/health')).toMatch(/^HTTP\/1.1 200/);
    expect(plant.logs.filter((line) => line.includes('renewed TLS certificate is served'))).toHaveLength(1);
    const end = new X509Certificate(readFileSync(cert())).validToDate.getTime() / 1000;
    expect((await get('/metrics')).body).toContain(`flashline_tls_certificate_end_seconds ${end}`);
  } finally {
    old.destroy();
  }
});

it('waits while only one of the two files was replaced', async () => {
  put('first', 'second');
  await clock.look();
  expect(await refusals()).toEqual({ health: 'ok', metric: '0', logged: 0 });
  put('second');
  await clock.look();
  expect((await get('/health')).fingerprint).toBe(fingerprintOf('second'));
});

it.each([
  ['a key of another certificate', () => put('first', 'second'), /does not belong/],
  ['a certificate that ended', () => put('old'), /ended on 2024/],
  ['half a certificate', () => writeFileSync(cert(), readFileSync(cert(), 'utf8').slice(0, 300)), /./],
  ['no certificate', () => rmSync(cert()), /ENOENT/],
])('keeps the old one for %s, and says so once', async (_, spoil, why) => {
  const before = plant.logs.length;
  spoil();
  for (let looks = 0; looks < 4; looks++) await clock.look();
  expect((await get('/health')).fingerprint).toBe(fingerprintOf('second'));
  const { health, metric } = await refusals();
  expect({ health, metric }).toEqual({ health: 'refused', metric: '1' });
  const said = plant.logs.slice(before).filter((line) => line.includes('is not taken'));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(why);
  expect(said.join()).not.toContain('PRIVATE KEY');
  put('second');
  await clock.look();
  expect(await refusals()).toMatchObject({ health: 'ok', metric: '0' });
});
