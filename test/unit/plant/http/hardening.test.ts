import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API } from '#shared/contract/plant/common.ts';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { MAX_BATCH_BYTES } from '#shared/contract/plant/station-api.ts';
import { FAILURES, FailureCode } from '#shared/model/failure.ts';
import { statusOf } from '#plant/http/failure-status.ts';
import { type Credential, NOBODY, PASSWORD, PlantUnderTest, type StationKey } from '#test/support/plant-http.ts';

let plant: PlantUnderTest;
let stationKey: StationKey;
let station: Credential;
let admin: Credential;

beforeAll(async () => {
  plant = await PlantUnderTest.start();
  stationKey = await plant.enrol('L1');
  station = await plant.openStation(stationKey);
  admin = await plant.person('ada', ['admin']);
}, 120_000);
afterAll(() => plant.close());

const recordsUrl = () => `${plant.url}${plantEndpoints['station.records'].path}`;
const post = (url: string, body: Uint8Array, headers: Record<string, string>) =>
  plant.fetch(url, { method: 'POST', body: body.slice(), headers: { 'content-type': 'application/json', ...headers } });

describe('statuses', () => {
  it('every code has one that says whose fault it is', () => {
    for (const code of FailureCode.options) {
      const { blame } = FAILURES[code];
      const status = statusOf({ code, blame });
      expect([code, status >= 400 && status < 600]).toEqual([code, true]);
      expect([code, blame === 'plant' && status === 500]).toEqual([code, false]);
    }
  });
});

describe('bodies', () => {
  const empty = JSON.stringify({ chain: '0'.repeat(64), head: null, items: [] });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('are unpacked: %s', async (encoding, pack) => {
    const { code, body } = await post(recordsUrl(), pack(empty), { ...station, 'content-encoding': encoding });
    // It was read and understood: what it says is refused.
    expect([code, JSON.stringify(body)]).toEqual(['bad-request', expect.stringContaining('items')]);
  });

  it('of 100 MB are refused before they come, and nobody’s before anything of them is looked at', async () => {
    for (const [credential, status] of [
      [station, 413],
      [NOBODY, 401],
    ] as const) {
      const { authorization = '' } = credential;
      const head = `POST ${plantEndpoints['station.records'].path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
      const socket = connect(plant.plant.port, '127.0.0.1');
      // Only the head is sent, and the answer is there.
      socket.write(`${head}Content-Length: ${100 * 1024 * 1024}\r\nAuthorization: ${authorization}\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      socket.destroy();
    }
    const { code } = await post(recordsUrl(), new Uint8Array(MAX_BATCH_BYTES + 1), station);
    expect(code).toBe('too-large');
  });

  it('that unpack to more than may be are refused, however small they come', async () => {
    const bomb = Buffer.alloc(MAX_BATCH_BYTES * 8, 0x20);
    for (const [encoding, pack] of [
      ['gzip', gzipSync],
      ['zstd', zstdCompressSync],
      ['deflate', deflateSync],
    ] as const) {
      const packed = pack(bomb);
      expect(packed.length).toBeLessThan(256 * 1024);
      const started = performance.now();
      const { code, status } = await post(recordsUrl(), packed, { ...station, 'content-encoding': encoding });
      expect([encoding, code, status]).toEqual([encoding, 'too-large', 413]);
      expect(performance.now() - started).toBeLessThan(5000);
    }
  });

  it('that are broken, or of a kind that is not read, are refused in words', async () => {
    const cases: [Uint8Array, Record<string, string>][] = [
      [randomBytes(50), { 'content-encoding': 'gzip' }],
      [gzipSync(empty).subarray(0, 40), { 'content-encoding': 'gzip' }],
      [Buffer.from(empty), { 'content-encoding': 'br' }],
      [Buffer.from(empty), { 'content-type': 'text/plain' }],
      [Buffer.from('{"a":"\xff"}', 'latin1'), {}],
      [Buffer.from('{'), {}],
      [Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), {}],
      [Buffer.from(String.raw`{"station":"a\u0000"}`), {}],
      [Buffer.from(String.raw`{"station":"\ud800"}`), {}],
    ];
    for (const [body, headers] of cases) {
      const { code, status } = await post(recordsUrl(), body, { ...station, ...headers });
      expect([headers, body.subarray(0, 20).toString(), code, status]).toEqual([
        headers,
        body.subarray(0, 20).toString(),
        'bad-request',
        400,
      ]);
    }
  });
});

describe('answers', () => {
  it('go out packed when they are long and the caller takes that', async () => {
    const document = `${plant.url}/openapi.json`;
    for (const [accepted, encoding] of [
      ['br, gzip', 'br'],
      ['gzip', 'gzip'],
      ['identity', null],
      ['br;q=0', null],
    ] as const) {
      const response = await fetch(document, { headers: { 'accept-encoding': accepted } });
      expect([accepted, response.headers.get('content-encoding')]).toEqual([accepted, encoding]);
      expect(await response.json()).toMatchObject({ openapi: '3.1.0' });
    }
  });

  it('carry a policy that lets a page load nothing foreign, and no call stays in a cache', async () => {
    const { headers } = await plant.call('plant.about', NOBODY);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';script-src 'self';/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*|https?:/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('carry every one of these headers, whether they succeed, are refused or are of nothing', async () => {
    const paths = { [plantEndpoints['plant.about'].path]: 200, [`${API}/units/U`]: 401, '/nothing': 404 };
    for (const [path, expected] of Object.entries(paths)) {
      const { status, headers } = await plant.fetch(`${plant.url}${path}`, {});
      expect([path, status]).toEqual([path, expected]);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'origin-agent-cluster': '?1',
        'permissions-policy': expect.stringContaining('usb=()'),
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-dns-prefetch-control': 'off',
        'x-download-options': 'noopen',
        'x-frame-options': 'DENY',
        'x-permitted-cross-domain-policies': 'none',
        'x-xss-protection': '0',
      });
    }
  });
});

describe('pages of others', () => {
  const body = { name: 'L9' };

  it('cannot use a session: a change must come from a page of this server', async () => {
    const { cookie = '' } = admin;
    for (const headers of [{ cookie }, { cookie, origin: 'https://evil.example' }, { cookie, origin: 'null' }])
      expect((await plant.call('station.invite', headers, { body })).code).toBe('bad-request');
    expect((await plant.call('station.invite', admin, { body })).code).toBeNull();
    // Nor sign anybody in.
    const foreign = { origin: 'https://evil.example' };
    expect((await plant.call('session.open', foreign, { body: { name: 'ada', password: PASSWORD } })).code).toBe(
      'bad-request',
    );
  });

  it('do not get the cookie along: it is for this site alone, and no script reads it', async () => {
    const { headers } = await plant.call('session.open', NOBODY, { body: { name: 'ada', password: PASSWORD } });
    expect(headers.getSetCookie()[0]).toMatch(
      /^flashline=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });
});

describe('what is no call', () => {
  it('health, readiness and metrics answer; metrics only on this computer', async () => {
    for (const path of ['/health', '/ready']) expect((await plant.fetch(plant.url + path, {})).status).toBe(200);
    const metrics = await (await fetch(`${plant.url}/metrics`)).text();
    expect(metrics).toMatch(/^flashline_request_seconds_count\{call="session\.open",status="200"\} \d+$/m);
    expect(metrics).toMatch(/^flashline_sessions\{kind="station"\} 1$/m);
    expect(metrics).toMatch(/^process_resident_memory_bytes \d+$/m);
    // No label grows with what callers send.
    await plant.fetch(`${plant.url}${API}/nothing-${randomBytes(8).toString('hex')}`, {});
    expect(await (await fetch(`${plant.url}/metrics`)).text()).not.toContain('nothing-');
  });

  it('a caller who sends a byte now and then keeps nobody waiting, and is cut off in the end', async () => {
    const socket = connect(plant.plant.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('a'), 500);
    const closed = new Promise<string>((resolve) => {
      let text = '';
      socket
        .on('data', (chunk) => (text += chunk.toString()))
        .on('close', () => resolve(text))
        .on('error', () => resolve(text));
    });
    try {
      expect((await plant.fetch(`${plant.url}/health`, {})).status).toBe(200);
      expect(await closed).toMatch(/^(HTTP\/1\.1 408 |$)/);
    } finally {
      clearInterval(drip);
      socket.destroy();
    }
  }, 120_000);
});

describe('the log', () => {
  it('holds no secret of a whole day’s work', async () => {
    const secrets = [PASSWORD, 'a wrong password', 'badge-0123456789', 'a new password 1'];
    const { code } = await plant.plant.desk.call('station.invite', { name: 'L2' });
    const answer = await plant.answerTo(stationKey);
    secrets.push(code, answer, ...Object.values(station).map((text) => text.replace('Bearer ', '')));
    const eve = await plant.person('eve', ['quality']);
    secrets.push((eve['cookie'] ?? '').split('=')[1] ?? '', (admin['cookie'] ?? '').split('=')[1] ?? '');
    await plant.call('session.open', NOBODY, { body: { name: 'eve', password: 'a wrong password' } });
    await plant.call('session.password', eve, { body: { old: PASSWORD, password: 'a new password 1' } });
    await plant.call('station.enrol', NOBODY, {
      body: { code: `${code}x`, publicKey: stationKey.signer.publicKey, appVersion: '1' },
    });
    await plant.call('station.enrol', NOBODY, {
      body: { code, publicKey: stationKey.signer.publicKey, appVersion: '1' },
    });
    await plant.call('station.session', NOBODY, { body: { answer } });
    const guest = {
      name: 'guest',
      roles: ['operator' as const],
      products: [],
      password: null,
      badge: 'badge-0123456789',
    };
    await plant.call('user.create', admin, { body: guest });
    await plant.call('user.create', admin, { body: guest });
    const link = await plant.call('buyer-link.create', eve, { body: { products: ['p'], note: 'n', days: 1 } });
    secrets.push(JSON.stringify(link.body).match(/#([\w-]{20,})/)?.[1] ?? 'no link was made');
    await plant.call('buyer.trace', NOBODY, { body: { secret: secrets.at(-1) ?? '', serial: 'S1' } });
    await plant.fetch(`${plant.url}${API}/oidc/callback?code=secret-code&state=s`, {});
    secrets.push('secret-code');
    await plant.send('session.open', NOBODY, { body: { name: 'eve', password: 1, secret: 'surplus-secret' } });
    secrets.push('surplus-secret');
    const log = plant.logs.join('\n');
    expect(plant.logs.length).toBeGreaterThan(20);
    expect(secrets.every((secret) => secret.length >= 8)).toBe(true);
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
    // Nor does the audit log, which people read.
    const audit = JSON.stringify((await plant.call('audit.list', admin)).body);
    expect(secrets.filter((secret) => audit.includes(secret))).toEqual([]);
  });
});

describe('limits', () => {
  it('stop who calls too often: nobodies by their address, sessions each for itself', async () => {
    const small = await PlantUnderTest.start({ limits: { anonymous: 20, session: 30 } });
    try {
      const ada = await small.person('ada', ['admin']);
      const bob = await small.person('bob', ['admin']);
      const codes = async (credential: Credential, times: number) => {
        const answers = [];
        for (let time = 0; time < times; time++) answers.push(await small.call('session.get', credential));
        return answers;
      };
      const mine = await codes(ada, 32);
      expect(mine.map(({ code }) => code).slice(-3)).toEqual([null, 'too-many-requests', 'too-many-requests']);
      expect([mine.at(-1)?.status, Number(mine.at(-1)?.headers.get('retry-after')) > 0]).toEqual([429, true]);
      expect((await codes(bob, 1))[0]?.code).toBeNull();
      // A new wrong token with every call is no way around.
      const guesses = [];
      for (let guess = 0; guess < 25; guess++)
        guesses.push(
          (await small.call('session.get', { authorization: `Bearer ${randomBytes(32).toString('base64url')}` })).code,
        );
      expect(guesses.at(-1)).toBe('too-many-requests');
      expect((await codes(NOBODY, 25)).at(-1)?.code).toBe('too-many-requests');
    } finally {
      await small.close();
    }
  }, 120_000);
});
