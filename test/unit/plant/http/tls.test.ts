import { X509Certificate, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownTls, readTlsFiles, spkiOf } from '#plant/http/tls.ts';
import { isTlsKey, readEnrolmentCode, tlsKeyPart, writeEnrolmentCode } from '#shared/contract/plant/enrolment-code.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-03-01T00:00:00Z');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-tls-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const random = (size: number) => new Uint8Array(randomBytes(size));
const own = (days = 0, hosts: readonly string[] = ['plant.example', '192.0.2.7', '2001:db8::7']) =>
  ownTls({ folder, hosts, now: new Date(START + days * DAY), random });

describe('a certificate of our own', () => {
  it('is one that Node verifies for every name and address, with the key for its owner alone', async () => {
    const { cert } = await own();
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect([
      certificate.checkHost('plant.example'),
      certificate.checkIP('192.0.2.7'),
      certificate.checkHost('other.example'),
    ]).toEqual(['plant.example', '192.0.2.7', undefined]);
    expect(certificate.checkIP('2001:db8::7')).toBeDefined();
    expect([certificate.ca, certificate.publicKey.asymmetricKeyDetails?.namedCurve]).toEqual([false, 'prime256v1']);
    expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBe(397 * DAY);
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  it('stays while it is good, and is renewed for the same key before it ends, or when a name was added', async () => {
    const first = await own();
    expect((await own(300)).cert).toBe(first.cert);
    const renewed = await own(370);
    const named = await own(371, ['other.example']);
    expect(new Set([first.cert, renewed.cert, named.cert]).size).toBe(3);
    expect([spkiOf(renewed), spkiOf(named)]).toEqual([spkiOf(first), spkiOf(first)]);
    expect((await own(372, ['other.example'])).cert).toBe(named.cert);
  });

  it('serves TLS 1.2 and later to who trusts it, and its pin is what the enrolment code says', async () => {
    const tls = await ownTls({ folder, hosts: [], now: new Date(), random });
    const server = createServer({ ...tls, minVersion: 'TLSv1.2' }, (_request, response) => response.end('ok')).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const asked = request({ host: '127.0.0.1', port, ca: tls.cert, agent: false }).end();
      const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
      response.resume();
      const code = { secret: random(10), plantKey: random(10), tlsKey: tlsKeyPart(spkiOf(tls)) };
      const read = readEnrolmentCode(writeEnrolmentCode(code));
      expect(isTlsKey(read, spkiOf(tls))).toBe(true);
      const stranger = request({ host: '127.0.0.1', port, agent: false }).end();
      const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('is read by OpenSSL as we mean it', async () => {
    const tls = await own();
    const openssl = (...args: string[]) =>
      execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    const text = openssl('x509', '-in', 'tls.crt', '-noout', '-text').toString();
    expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toContain('TLS Web Server Authentication');
    expect(text).toContain('DNS:plant.example');
    const spki = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], {
      input: openssl('x509', '-in', 'tls.crt', '-noout', '-pubkey'),
    });
    expect(new Uint8Array(spki)).toEqual(new Uint8Array(spkiOf(tls)));
    expect(
      openssl('verify', '-x509_strict', '-CAfile', 'tls.crt', '-attime', String(START / 1000), 'tls.crt').toString(),
    ).toContain('OK');
  });
});

describe('files of others', () => {
  it('are taken when they belong together, and refused without quoting the key when not', async () => {
    await own();
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    expect(readTlsFiles(cert, key).own).toBe(false);
    const secret = readFileSync(key, 'utf8').split('\n')[1] ?? 'none';
    rmSync(key);
    await own();
    writeFileSync(join(folder, 'broken.key'), `-----BEGIN PRIVATE KEY-----\n${secret}\n`);
    const other = await ownTls({ folder: join(folder, 'other'), hosts: [], now: new Date(START), random });
    writeFileSync(join(folder, 'other.key'), other.key);
    for (const file of ['other.key', 'broken.key', 'missing.key']) {
      let thrown: unknown = null;
      try {
        readTlsFiles(cert, join(folder, file));
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ failure: { code: 'key-unavailable' } });
      expect(JSON.stringify(thrown)).not.toContain(secret);
    }
  });
});
