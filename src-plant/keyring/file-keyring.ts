import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';
import { Instant, PublicKeyJwk } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { jwsSigner, verifyJws } from './jws.ts';
import type { Keyring } from './keyring.ts';

const KeyFile = z.object({
  schema: z.literal(1),
  /** Newest first: the first one signs, and what the others signed stays proven. */
  keys: z.array(PublicKeyJwk.extend({ d: z.string().regex(/^[\w-]{43}$/), madeAt: Instant })).min(1),
});
type KeyFile = z.infer<typeof KeyFile>;

export interface FileKeyringOptions {
  readonly file: string;
  readonly now: Date;
  readonly random: RandomBytes;
}

/** Null where there is no such file. Throws `key-unavailable`. */
export async function readFileKeyring({ file }: Pick<FileKeyringOptions, 'file'>): Promise<Keyring | null> {
  const there = readKeyFile(file);
  return there === null ? null : keyringOf(there, file);
}

/**
 * The plant's keys in one file that only its owner may read. Made where it is missing; of two processes that make it at once one
 * wins and both use its key. Throws `key-unavailable`.
 */
export async function openFileKeyring(options: FileKeyringOptions): Promise<Keyring> {
  return keyringOf(readKeyFile(options.file) ?? (await makeKeyFile(options)), options.file);
}

async function keyringOf({ keys }: KeyFile, file: string): Promise<Keyring> {
  const [current] = keys;
  if (current === undefined) throw unavailable(file, 'it has no key');
  const signer = await jwsSigner(current);
  return {
    signer,
    publicKeys: keys.map(({ kty, crv, x }) => ({ kty, crv, x })),
    async verify(jws, typ, key) {
      if (key !== undefined) return verifyJws(jws, typ, key);
      for (const own of keys) {
        const payload = await verifyJws(jws, typ, own);
        if (payload !== null) return payload;
      }
      return null;
    },
  };
}

function readKeyFile(file: string): KeyFile | null {
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & 0o007) !== 0)
      throw unavailable(file, 'everybody on this computer may read it: chmod 600');
    return KeyFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (thrown) {
    if (thrown instanceof FlashlineError) throw thrown;
    if (isCode(thrown, 'ENOENT')) return null;
    // What a parser says of a file may quote the file.
    const reason = thrown instanceof SyntaxError || thrown instanceof z.ZodError ? 'it is no key file' : String(thrown);
    throw unavailable(file, reason);
  }
}

async function makeKeyFile({ file, now, random }: FileKeyringOptions): Promise<KeyFile> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  const made = KeyFile.parse({ schema: 1, keys: [{ ...jwk, madeAt: now.toISOString() }] });
  const draft = `${file}.${toHex(random(8))}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, file);
  } catch (thrown) {
    if (!isCode(thrown, 'EEXIST')) throw unavailable(file, String(thrown));
  } finally {
    rmSync(draft, { force: true });
  }
  return readKeyFile(file) ?? made;
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

function unavailable(file: string, reason: string): FlashlineError {
  return new FlashlineError('key-unavailable', { params: { detail: `${file}: ${reason}` } });
}
