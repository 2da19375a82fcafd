import { createPrivateKey, createPublicKey } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { PublicKey, Signer } from '#shared/base/signer.ts';
import { jwsSigner } from '#shared/contract/jws.ts';
import { Instant, PublicKeyJwk } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { syncFolder, writeDurably } from './durable-file.ts';

/** The operating system's own key store: what it sealed, only this user's session on this computer opens. */
export interface KeySeal {
  seal(text: string): Promise<Uint8Array>;
  /** `again`: it should be sealed anew, because the key store's own key has changed. */
  open(sealed: Uint8Array): Promise<{ readonly text: string; readonly again: boolean }>;
}

export interface KeyStoreOptions {
  /** Its folder is made if it is not there. */
  readonly file: string;
  /** Null where this shell has no key store. */
  readonly seal: KeySeal | null;
  readonly now: Date;
  readonly random: RandomBytes;
}

/** The private part: 32 bytes, base64url. */
const Secret = z.string().regex(/^[\w-]{43}$/);
const Common = z.object({ schema: z.literal(1), publicKey: PublicKeyJwk, madeAt: Instant });
const KeyFile = z.discriminatedUnion('sealed', [
  Common.extend({ sealed: z.literal(true), private: z.base64() }),
  Common.extend({ sealed: z.literal(false), note: z.string(), private: Secret }),
]);
type KeyFile = z.infer<typeof KeyFile>;

const UNSEALED = 'NOT SEALED: whoever can read this file can sign as this station';

/**
 * The station's own key pair, made on first need and never leaving this file. Of two processes that make it at once, one
 * wins and both use its key. An unsealed file is sealed by the first shell that can. Throws `key-unavailable`.
 */
export async function openKeyStore(options: KeyStoreOptions): Promise<Signer> {
  const { file, seal } = options;
  try {
    const found = readKeyFile(file) ?? (await makeKeyFile(options));
    const secret = await secretOf(found, options);
    if (publicPart(secret, found.publicKey) !== found.publicKey.x)
      throw unavailable(file, 'its private and its public part do not belong together');
    if (!found.sealed && seal !== null) await replace(options, await sealed(found, secret, seal));
    return await jwsSigner({ ...found.publicKey, d: secret });
  } catch (thrown) {
    if (thrown instanceof FlashlineError) throw thrown;
    throw unavailable(file, reasonOf(thrown));
  }
}

/** The public part alone, which needs no key store; null where no key was made yet. Throws `key-unavailable`. */
export function publicKeyAt(file: string): PublicKey | null {
  return readKeyFile(file)?.publicKey ?? null;
}

async function secretOf(found: KeyFile, options: KeyStoreOptions): Promise<string> {
  const { file, seal } = options;
  if (!found.sealed) return found.private;
  if (seal === null)
    throw unavailable(file, 'the operating system’s key store sealed it for the desktop app of the user who set it up');
  const { text, again } = await seal.open(Buffer.from(found.private, 'base64'));
  const secret = Secret.parse(text);
  if (again) await replace(options, await sealed(found, secret, seal));
  return secret;
}

async function sealed({ publicKey, madeAt }: KeyFile, secret: string, seal: KeySeal): Promise<KeyFile> {
  const box = await seal.seal(secret);
  // A key store that cannot open what it has just sealed would cost the station its key.
  if ((await seal.open(box)).text !== secret) throw new Error('the key store does not give back what it sealed');
  return { schema: 1, sealed: true, publicKey, madeAt, private: Buffer.from(box).toString('base64') };
}

async function makeKeyFile(options: KeyStoreOptions): Promise<KeyFile> {
  const { file, seal, now, random } = options;
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  const secret = Secret.parse(jwk.d);
  const common = { schema: 1, publicKey: PublicKeyJwk.parse(jwk), madeAt: now.toISOString() } as const;
  const open: KeyFile = { ...common, sealed: false, note: UNSEALED, private: secret };
  const made = seal === null ? open : await sealed(open, secret, seal);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${toHex(random(8))}`;
  try {
    writeDurably(draft, textOf(made));
    // Unlike a rename, a link never takes the place of what another process made meanwhile.
    linkSync(draft, file);
  } catch (thrown) {
    if (!isCode(thrown, 'EEXIST')) throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(file));
  return readKeyFile(file) ?? made;
}

async function replace({ file, random }: KeyStoreOptions, key: KeyFile): Promise<void> {
  const draft = `${file}.${toHex(random(8))}`;
  try {
    writeDurably(draft, textOf(key));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(file));
}

function textOf(key: KeyFile): string {
  return `${JSON.stringify(key, null, 2)}\n`;
}

function readKeyFile(file: string): KeyFile | null {
  try {
    const key = KeyFile.parse(JSON.parse(readFileSync(file, 'utf8')));
    if (!key.sealed && process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw unavailable(file, 'others on this computer may read it; if none of them did: chmod 600');
    return key;
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return null;
    if (thrown instanceof FlashlineError) throw thrown;
    throw unavailable(file, reasonOf(thrown));
  }
}

function publicPart(secret: string, { kty, crv, x }: PublicKey): string | undefined {
  return createPublicKey(createPrivateKey({ key: { kty, crv, x, d: secret }, format: 'jwk' })).export({ format: 'jwk' })
    .x;
}

/** What a parser or a key store says may quote what it was given: only the system's own errors are passed on. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof SyntaxError || thrown instanceof z.ZodError) return 'it is no key file';
  if (thrown instanceof Error && 'syscall' in thrown) return thrown.message;
  return 'the operating system’s key store does not open it';
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

function unavailable(file: string, reason: string): FlashlineError {
  return new FlashlineError('key-unavailable', { params: { detail: `${file}: ${reason}` } });
}
