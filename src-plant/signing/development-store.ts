import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { p256, p384 } from '@noble/curves/nist.js';
import { z } from 'zod';
import { assertNever } from '#shared/base/assert-never.ts';
import { concat, equalBytes, fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { KeyKind, type SigningAlgorithm } from '#shared/model/signing.ts';
import type { DigestToSign, KeyStore, StoredKey, StoreState } from './key-store.ts';

const WARNING = 'Keys for trying things. Whoever reads this file can sign with them: no product may trust one.';

const KeyFile = z.object({
  schema: z.literal(1),
  warning: z.string(),
  keys: z.record(z.string(), z.object({ kind: KeyKind, pkcs8: z.string() })),
});
type KeyFile = z.infer<typeof KeyFile>;

/**
 * Keys in a file, for the bench and for trying things without a module. Everything that is signed by one says so: answers, audit,
 * records.
 */
export class DevelopmentStore implements KeyStore {
  readonly kind = 'development';
  readonly state: StoreState = { is: 'there' };
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async sign({ reference, spki, algorithm, digest }: DigestToSign): Promise<Uint8Array> {
    const key = this.#key(reference);
    if (!equalBytes(spkiOf(key), spki)) throw refused(reference, 'the file has another key under its reference');
    return signDigest(key, algorithm, digest);
  }

  async find(reference: string): Promise<StoredKey> {
    const spki = spkiOf(this.#key(reference));
    const { kind } = this.#read().keys[reference] ?? {};
    if (kind === undefined) throw refused(reference, 'the file has no such key');
    return { kind, spki };
  }

  async generate(kind: KeyKind, reference: string): Promise<StoredKey> {
    const content = this.#read();
    if (content.keys[reference] !== undefined) throw refused(reference, 'the file has a key under this reference');
    const key = newKey(kind);
    const pkcs8 = String(key.export({ type: 'pkcs8', format: 'pem' }));
    this.#write({ ...content, keys: { ...content.keys, [reference]: { kind, pkcs8 } } });
    return { kind, spki: spkiOf(key) };
  }

  async close(): Promise<void> {}

  #key(reference: string): KeyObject {
    const entry = this.#read().keys[reference];
    if (entry === undefined) throw refused(reference, 'the file has no such key');
    return createPrivateKey(entry.pkcs8);
  }

  #read(): KeyFile {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
      if (process.platform !== 'win32' && (statSync(this.#file).mode & 0o007) !== 0)
        throw unavailable(`${this.#file}: everybody on this computer may read it: chmod 600`);
    } catch (thrown) {
      if (thrown instanceof FlashlineError) throw thrown;
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')
        return { schema: 1, warning: WARNING, keys: {} };
      throw unavailable(`${this.#file} cannot be read`);
    }
    const parsed = KeyFile.safeParse(jsonOf(text));
    // What a schema says of a file may quote the file.
    if (!parsed.success) throw unavailable(`${this.#file} is no file of development keys`);
    return parsed.data;
  }

  #write(content: KeyFile): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const draft = `${this.#file}.new`;
    writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(draft, this.#file);
  }
}

function newKey(kind: KeyKind): KeyObject {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (kind === 'rsa-2048' || kind === 'rsa-3072')
    return generateKeyPairSync('rsa', { modulusLength: kind === 'rsa-2048' ? 2048 : 3072 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: kind === 'ecdsa-p256' ? 'P-256' : 'P-384' }).privateKey;
}

/** Node signs messages; a digest alone is signed here. */
function signDigest(key: KeyObject, algorithm: SigningAlgorithm, digest: Uint8Array): Uint8Array {
  switch (algorithm) {
    case 'ed25519-sha256':
      return new Uint8Array(sign(null, digest, key));
    case 'ecdsa-p256-sha256':
      return p256.sign(digest, scalarOf(key), { prehash: false, extraEntropy: true });
    case 'ecdsa-p384-sha384':
      return p384.sign(digest, scalarOf(key), { prehash: false, extraEntropy: true });
    case 'rsa-pkcs1-sha256': {
      const info = concat([fromHex('3031300d060960864801650304020105000420'), digest]);
      return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info));
    }
    case 'rsa-pss-sha256': {
      const bytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
      const encoded = pssEncoding(digest, bytes, new Uint8Array(randomBytes(32)));
      return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
    }
    default:
      return assertNever(algorithm, 'algorithm');
  }
}

/** RFC 8017, 9.1.1 (EMSA-PSS), for a modulus of whole bytes and SHA-256. */
function pssEncoding(digest: Uint8Array, bytes: number, salt: Uint8Array): Uint8Array {
  const hash = sha256(concat([new Uint8Array(8), digest, salt]));
  const data = concat([new Uint8Array(bytes - salt.length - hash.length - 2), Uint8Array.of(1), salt]);
  const masked = maskGeneration(hash, data.length).map((byte, index) => byte ^ (data[index] ?? 0));
  // The highest bit is the modulus's own.
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return concat([masked, hash, Uint8Array.of(0xbc)]);
}

/** MGF1, appendix B.2.1. */
function maskGeneration(seed: Uint8Array, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, counter) =>
    sha256(concat([seed, Uint8Array.of(0, 0, counter >>> 8, counter & 0xff)])),
  );
  return concat(blocks).slice(0, length);
}

function scalarOf(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(key: string, reason: string): FlashlineError {
  return new FlashlineError('signing-refused', { params: { key, reason } });
}

function unavailable(detail: string): FlashlineError {
  return new FlashlineError('signing-unavailable', { params: { detail } });
}
