import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { temporaryFolder } from '../log/fixtures.ts';

const CERTIFICATE = {
  plant: 'Ulm',
  serial: 'HB000001\u001B[2J',
  uid: 'u1',
  product: { id: 'hello', revision: 'A', name: 'Hello board' },
  chip: 'nrf52840',
  release: 'a'.repeat(64),
  images: [{ role: 'application', version: '1.0.0', size: 4096, sha256: 'b'.repeat(64) }],
  signingKeys: [],
  locks: {},
  station: 'L1',
  finishedAt: '2026-03-01T00:00:00.000Z',
  record: { sequence: 7, hash: 'c'.repeat(64), chain: 'd'.repeat(64) },
  issuedAt: '2026-03-02T00:00:00.000Z',
};

const folder = temporaryFolder();
let jws = '';
let key = '';
beforeAll(async () => {
  const signer = await newSigner();
  jws = await signer.sign(CERTIFICATE, STATEMENTS.certificate);
  key = signer.publicKey.x;
  const pem = createPublicKey({ key: { ...signer.publicKey }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const other = await newSigner();
  for (const [name, text] of Object.entries({
    'good.jws': jws,
    'forged.jws': jws.replace(/\.(.)/, (_, first: string) => `.${first === 'e' ? 'f' : 'e'}`).replace(/.$/, 'A'),
    'cut.jws': jws.slice(0, -20),
    'web.html': '<html><body>Certificate</body></html>',
    'empty.jws': '',
    'key.pem': String(pem),
    'key.txt': `${key}\n`,
    'about.json': JSON.stringify({ name: 'Ulm', publicKey: signer.publicKey }),
    'other.jwk': JSON.stringify(other.publicKey),
  }))
    writeFileSync(join(folder.path, name), text);
  writeFileSync(join(folder.path, 'large.jws'), Buffer.alloc(10_000_000, 'A'));
});
afterAll(() => folder.remove());

const at = (name: string) => join(folder.path, name);
const verify = (file: string, ...args: string[]) =>
  cliHere(['plant', 'certificate', 'verify', at(file), ...args], { home: at('home') });

it('ends with 0 for an authentic one, by the key however it is given, and prints nothing that moves the cursor', async () => {
  for (const given of [[key], [at('key.txt')], [at('key.pem')], [at('about.json')], [at('other.jwk'), key]]) {
    const { code, stdout } = await verify('good.jws', '--key', ...given);
    expect([given, code]).toEqual([given, 0]);
    expect(stdout).toContain('AUTHENTIC');
    expect(stdout).toContain('b'.repeat(64));
    expect(stdout).not.toContain('\u001B');
  }
});

it.each([
  ['forged.jws', 1, 'NOT AUTHENTIC'],
  ['cut.jws', 2, 'UNREADABLE'],
  ['web.html', 2, 'UNREADABLE'],
  ['empty.jws', 2, 'UNREADABLE'],
  ['large.jws', 2, 'UNREADABLE'],
])('ends for %s with %i', async (file, code, words) => {
  const ended = await verify(file, '--key', key);
  expect([ended.code, ended.stdout]).toEqual([code, expect.stringContaining(words)]);
});

it('says by another key that it is signed by another one, and states what it says as unproven', async () => {
  const { code, stdout } = await verify('good.jws', '--key', at('other.jwk'));
  expect(code).toBe(1);
  expect(stdout).toMatch(/another one[\s\S]*UNPROVEN/);
  const json = await verify('good.jws', '--key', at('other.jwk'), '--json');
  expect(JSON.parse(json.lines[0] ?? '')).toMatchObject({
    type: 'certificate.checked',
    verdict: 'other-key',
    certificate: null,
    claims: { plant: 'Ulm' },
  });
});

it('refuses what is no key, and a file that is not there', async () => {
  expect(await verify('good.jws', '--key', 'abc')).toMatchObject({ code: 2 });
  expect(await verify('good.jws', '--key', at('web.html'))).toMatchObject({ code: 2 });
  expect(await verify('nowhere.jws', '--key', key)).toMatchObject({ code: 2 });
  expect(await verify('good.jws')).toMatchObject({ code: 2 });
});
