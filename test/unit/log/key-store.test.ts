import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compactVerify, importJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyJws } from '#shared/contract/jws.ts';
import { toFailure } from '#shared/model/failure.ts';
import { electronSeal, type ElectronSealOptions } from '#main/app/electron-key.ts';
import { realClock } from '#main/app/real-clock.ts';
import { openKeyStore, publicKeyAt } from '#main/log/key-store.ts';
import { StandInSafeStorage } from '#test/support/electron-stand-in/safe-storage.ts';
import { standingClock, temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'keys', 'station.key');
});
afterEach(() => folder.remove());

const random = (length: number) => new Uint8Array(randomBytes(length));
const open = (seal: Parameters<typeof openKeyStore>[0]['seal'] = null) =>
  openKeyStore({ file, seal, now: new Date(0), random });
const failureOf = (work: Promise<unknown>) => work.then(() => expect.fail('it resolved'), toFailure);

/** The key store of one user's profile. */
function safeStorage(profile: string, passwordStore = '', ready = true) {
  mkdirSync(join(folder.path, profile), { recursive: true });
  return new StandInSafeStorage({
    isReady: () => ready,
    getPath: () => join(folder.path, profile),
    commandLine: { hasSwitch: () => false, getSwitchValue: () => passwordStore },
  });
}

async function sealOf(profile: string, changes: Partial<ElectronSealOptions> = {}) {
  return electronSeal({ safeStorage: safeStorage(profile), platform: 'linux', clock: realClock, ...changes });
}

describe('the key in a file', () => {
  it('is made once, readable by its owner alone, says that it is not sealed, and signs as RFC 8037 has it', async () => {
    const first = await open();
    const again = await open();
    expect(again.keyId).toBe(first.keyId);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(file))).toEqual(['station.key']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      sealed: false,
      note: expect.stringContaining('NOT SEALED'),
    });
    expect(publicKeyAt(file)).toEqual(first.publicKey);

    const jws = await again.sign({ b: 2, a: 'ä' }, 'test+jwt');
    const read = await compactVerify(jws, await importJWK({ ...first.publicKey }, 'EdDSA'));
    expect(read.protectedHeader).toEqual({ alg: 'EdDSA', kid: first.keyId, typ: 'test+jwt' });
    expect(new TextDecoder().decode(read.payload)).toBe('{"a":"ä","b":2}');
    expect(await verifyJws(jws, 'other+jwt', first.publicKey)).toBeNull();
  });

  it('is one key, however many processes make it at once', async () => {
    const script = `import { randomBytes } from 'node:crypto';
      import { openKeyStore } from '${join(import.meta.dirname, '../../../src-main/log/key-store.ts')}';
      const random = (length) => new Uint8Array(randomBytes(length));
      const signer = await openKeyStore({ file: process.argv[1], seal: null, now: new Date(), random });
      process.stdout.write(signer.keyId);`;
    const keyIds = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, file]);
      let said = '';
      child.stdout.on('data', (part) => (said += String(part)));
      return new Promise<string>((resolve) => child.on('close', () => resolve(said)));
    });
    const all = await Promise.all(keyIds);
    expect(all[0]).toMatch(/^[\w-]{43}$/);
    expect(new Set(all).size).toBe(1);
    expect(readdirSync(dirname(file))).toEqual(['station.key']);
  }, 120_000);

  it('is refused, and left as it is, when others may read it, when it is damaged, and when its parts do not fit', async () => {
    await open();
    const good = readFileSync(file, 'utf8');
    chmodSync(file, 0o644);
    expect(await failureOf(open())).toMatchObject({ code: 'key-unavailable' });
    chmodSync(file, 0o600);
    const { publicKey } = JSON.parse(good);
    const other = publicKey.x.replace(/^./, publicKey.x.startsWith('A') ? 'B' : 'A');
    for (const bad of ['', '{', good.slice(0, 80), '{"schema":1}', good.replace(publicKey.x, other)]) {
      writeFileSync(file, bad);
      const failure = await failureOf(open());
      expect(failure.code).toBe('key-unavailable');
      expect(JSON.stringify(failure)).not.toContain(JSON.parse(good).private);
      expect(readFileSync(file, 'utf8')).toBe(bad);
    }
  });

  it('is unavailable where no file can be', async () => {
    writeFileSync(join(folder.path, 'keys'), '');
    expect(await failureOf(open())).toMatchObject({ code: 'key-unavailable' });
  });
});

describe('the key in the operating system’s key store', () => {
  it('is sealed for one profile: another, or a shell without a key store, cannot use it', async () => {
    const signer = await open(await sealOf('alice'));
    const text = readFileSync(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject({ sealed: true });
    expect((await open(await sealOf('alice'))).keyId).toBe(signer.keyId);
    expect(publicKeyAt(file)).toEqual(signer.publicKey);
    for (const seal of [null, await sealOf('bob')])
      expect(await failureOf(open(seal))).toMatchObject({ code: 'key-unavailable' });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('takes over a key that was not sealed, so that the file no longer holds it', async () => {
    const before = await open();
    const secret = JSON.parse(readFileSync(file, 'utf8')).private;
    const after = await open(await sealOf('alice'));
    expect(after.keyId).toBe(before.keyId);
    expect(readFileSync(file, 'utf8')).not.toContain(secret);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ sealed: true });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await failureOf(open())).toMatchObject({ code: 'key-unavailable' });
  });

  it('keeps the unsealed key when the key store does not give back what it sealed', async () => {
    const before = await open();
    const broken = { seal: async () => new Uint8Array(4), open: async () => ({ text: 'x', again: false }) };
    expect(await failureOf(open(broken))).toMatchObject({ code: 'key-unavailable' });
    expect((await open()).keyId).toBe(before.keyId);
  });

  it('is sealed anew when the key store asks for it', async () => {
    const seal = await sealOf('alice');
    if (seal === null) throw new Error('no seal');
    await open(seal);
    const text = readFileSync(file, 'utf8');
    await open({ ...seal, open: async (box) => ({ ...(await seal.open(box)), again: true }) });
    expect(readFileSync(file, 'utf8')).not.toBe(text);
    expect(await open(seal)).toBeDefined();
  });

  it('is none on a Linux without one, and before Electron is ready', async () => {
    expect(await sealOf('a', { safeStorage: safeStorage('a', 'basic') })).toBeNull();
    expect(await sealOf('a', { safeStorage: safeStorage('a', 'basic'), platform: 'win32' })).not.toBeNull();
    expect(await sealOf('a', { safeStorage: safeStorage('a', '', false) })).toBeNull();
  });

  it('is not waited for without end', async () => {
    const silent = Object.assign(safeStorage('a'), {
      isAsyncEncryptionAvailable: () => new Promise<boolean>(() => {}),
    });
    expect(await failureOf(sealOf('a', { safeStorage: silent, clock: standingClock() }))).toMatchObject({
      code: 'key-unavailable',
      params: { detail: expect.stringContaining('did not answer') },
    });
  });
});
