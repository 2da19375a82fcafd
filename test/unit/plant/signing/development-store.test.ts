import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DevelopmentStore } from '#plant/signing/development-store.ts';
import { SIGNING_ALGORITHMS, SigningAlgorithm } from '#shared/model/signing.ts';
import { failureOf } from '../../release/failure-of.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-keys-'));
  file = join(folder, 'keys.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MESSAGE = Buffer.from('what is signed');

/** Node’s own verification, of the whole message. */
function verifies(algorithm: SigningAlgorithm, spki: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { hash } = SIGNING_ALGORITHMS[algorithm];
  if (algorithm === 'ed25519-sha256') return verify(null, createHash(hash).update(MESSAGE).digest(), key, signature);
  if (algorithm.startsWith('ecdsa')) return verify(hash, MESSAGE, { key, dsaEncoding: 'ieee-p1363' }, signature);
  const padding = algorithm === 'rsa-pss-sha256' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return verify(
    hash,
    MESSAGE,
    algorithm === 'rsa-pss-sha256' ? { key, padding, saltLength: 32 } : { key, padding },
    signature,
  );
}

describe('development keys', () => {
  const all = SigningAlgorithm.options.flatMap((algorithm) =>
    SIGNING_ALGORITHMS[algorithm].kinds.map((kind) => [algorithm, kind] as const),
  );
  it.each(all)('%s by %s is a signature of the message', async (algorithm, kind) => {
    const store = new DevelopmentStore(file);
    const { spki } = await store.generate(kind, 'ab');
    const digest = createHash(SIGNING_ALGORITHMS[algorithm].hash).update(MESSAGE).digest();
    const signature = await store.sign({ reference: 'ab', spki, algorithm, digest });
    expect(verifies(algorithm, spki, signature)).toBe(true);
    expect(verifies(algorithm, spki, signature.with(5, (signature[5] ?? 0) ^ 1))).toBe(false);
    expect(await new DevelopmentStore(file).find('ab')).toEqual({ kind, spki });
  });

  it('are in a file of their owner, which says what they are', async () => {
    await new DevelopmentStore(file).generate('ed25519', 'ab');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('no product may trust one');
  });

  it('that others may read, or that are none, are not used', async () => {
    const store = new DevelopmentStore(file);
    await store.generate('ed25519', 'ab');
    chmodSync(file, 0o644);
    expect((await failureOf(() => store.find('ab'))).code).toBe('signing-unavailable');
    chmodSync(file, 0o600);
    writeFileSync(file, '{"keys": "secret');
    const { code, params } = await failureOf(() => store.find('ab'));
    expect([code, params['detail']]).toEqual(['signing-unavailable', `${file} is no file of development keys`]);
    rmSync(file);
    expect((await failureOf(() => store.find('ab'))).code).toBe('signing-refused');
    await store.generate('ed25519', 'ab');
    expect((await failureOf(() => store.generate('ed25519', 'ab'))).code).toBe('signing-refused');
  });
});
