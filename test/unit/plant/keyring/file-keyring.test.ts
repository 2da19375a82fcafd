import { createPublicKey, verify } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileKeyring } from '#plant/keyring/file-keyring.ts';

let folder: string;
const TYP = 'flashline-certificate+jwt';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-keyring-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (file = join(folder, 'plant', 'key.json')) =>
  openFileKeyring({ file, now: new Date(0), random: (size) => new Uint8Array(randomBytes(size)) });

describe('the plant’s key file', () => {
  it('is made once, for its owner alone; processes that start at once agree', async () => {
    const keyrings = await Promise.all([open(), open(), open()]);
    const again = await open();
    expect(new Set([...keyrings, again].map(({ signer }) => signer.publicKey.x)).size).toBe(1);
    expect(statSync(join(folder, 'plant', 'key.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'plant')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'plant'))).toEqual(['key.json']);
  });

  it('signs what Node’s own crypto verifies, as canonical JSON under RFC 7515', async () => {
    const { signer } = await open();
    const jws = await signer.sign({ b: 1, a: 'ü' }, TYP);
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const key = createPublicKey({ key: { ...signer.publicKey }, format: 'jwk' });
    expect(verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(Buffer.from(payload, 'base64url').toString()).toBe('{"a":"ü","b":1}');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      kid: signer.keyId,
      typ: TYP,
    });
  });

  it('proves only what this key said, as what it was said, unchanged', async () => {
    const [mine, other] = [await open(), await open(join(folder, 'other.json'))];
    const jws = await mine.signer.sign({ a: 1 }, TYP);
    const [header, , signature] = jws.split('.');
    const forged = `${header}.${Buffer.from('{"a":2}').toString('base64url')}.${signature}`;
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}.`;
    expect(await mine.verify(jws, TYP)).toEqual({ a: 1 });
    expect(await other.verify(jws, TYP, mine.signer.publicKey)).toEqual({ a: 1 });
    expect(await other.verify(jws, TYP)).toBeNull();
    expect(await mine.verify(jws, 'flashline-challenge+jwt')).toBeNull();
    for (const bad of [forged, none, '', 'a.b.c', `${jws}A`]) expect(await mine.verify(bad, TYP)).toBeNull();
  });

  it('still proves what an earlier key signed', async () => {
    const [old, fresh] = [join(folder, 'old.json'), join(folder, 'new.json')];
    const jws = await (await open(old)).signer.sign({ a: 1 }, TYP);
    const { signer } = await open(fresh);
    const keys = [fresh, old].flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { keys: object[] }).keys);
    writeFileSync(join(folder, 'both.json'), JSON.stringify({ schema: 1, keys }), { mode: 0o600 });
    const both = await open(join(folder, 'both.json'));
    expect(both.signer.keyId).toBe(signer.keyId);
    expect(await both.verify(jws, TYP)).toEqual({ a: 1 });
  });

  it('is refused, and never quoted, when it is damaged or open to everybody', async () => {
    const file = join(folder, 'key.json');
    await open(file);
    const secret = (JSON.parse(readFileSync(file, 'utf8')) as { keys: { d: string }[] }).keys[0]?.d ?? 'none';
    chmodSync(file, 0o644);
    await expect(open(file)).rejects.toMatchObject({ failure: { code: 'key-unavailable' } });
    chmodSync(file, 0o600);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"schema"', 'schema'));
    const damaged: unknown = await open(file).catch((thrown: unknown) => thrown);
    expect(damaged).toMatchObject({ failure: { code: 'key-unavailable' } });
    expect(JSON.stringify(damaged) + String(damaged)).not.toContain(secret);
  });
});
