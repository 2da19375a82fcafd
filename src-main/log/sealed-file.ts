import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import { Instant } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { syncFolder, writeDurably } from './durable-file.ts';

/** The operating system's own key store: what it sealed, only this user's session on this computer opens. */
export interface KeySeal {
  seal(text: string): Promise<Uint8Array>;
  /** `again`: it should be sealed anew, because the key store's own key has changed. */
  open(sealed: Uint8Array): Promise<{ readonly text: string; readonly again: boolean }>;
}

export interface SealedFileOptions {
  /** Its folder is made if it is not there. */
  readonly file: string;
  /** Null where this shell has no key store. */
  readonly seal: KeySeal | null;
  readonly now: Date;
  readonly random: RandomBytes;
}

/** A pair of which one part is for everybody. */
export interface KeyPair<P> {
  readonly publicKey: P;
  readonly secret: string;
}

/** What kind of key a file holds. */
export interface KeyKind<P> {
  readonly publicKey: z.ZodType<P>;
  readonly secret: z.ZodType<string>;
  /** What stands in a file that is not sealed. */
  readonly note: string;
  make(): Promise<KeyPair<P>>;
  /** Whether the two parts belong together. */
  fits(pair: KeyPair<P>): boolean | Promise<boolean>;
}

interface Common<P> {
  readonly schema: 1;
  readonly publicKey: P;
  readonly madeAt: string;
}
type KeyFile<P> = Common<P> &
  (
    | { readonly sealed: true; readonly private: string }
    | { readonly sealed: false; readonly note: string; readonly private: string }
  );

/**
 * A key pair, made on first need and never leaving its file. Of two processes that make it at once, one wins and both use its
 * key. An unsealed file is sealed by the first shell that can. Throws `key-unavailable`.
 */
export async function openSealedFile<P>(options: SealedFileOptions, kind: KeyKind<P>): Promise<KeyPair<P>> {
  const { file, seal } = options;
  try {
    const found = readKeyFile(file, kind) ?? (await makeKeyFile(options, kind));
    const secret = await secretOf(found, options, kind);
    const pair = { publicKey: found.publicKey, secret };
    if (!(await kind.fits(pair))) throw unavailable(file, 'its private and its public part do not belong together');
    if (!found.sealed && seal !== null) await replace(options, await sealed(found, secret, seal));
    return pair;
  } catch (thrown) {
    if (thrown instanceof FlashlineError) throw thrown;
    throw unavailable(file, reasonOf(thrown));
  }
}

/** The public part alone, which needs no key store; null where no key was made yet. Throws `key-unavailable`. */
export function publicPartAt<P>(file: string, kind: KeyKind<P>): P | null {
  return readKeyFile(file, kind)?.publicKey ?? null;
}

async function secretOf<P>(found: KeyFile<P>, options: SealedFileOptions, kind: KeyKind<P>): Promise<string> {
  const { file, seal } = options;
  if (!found.sealed) return found.private;
  if (seal === null)
    throw unavailable(file, 'the operating system’s key store sealed it for the desktop app of the user who set it up');
  const { text, again } = await seal.open(Buffer.from(found.private, 'base64'));
  const secret = kind.secret.parse(text);
  if (again) await replace(options, await sealed(found, secret, seal));
  return secret;
}

async function sealed<P>({ publicKey, madeAt }: KeyFile<P>, secret: string, seal: KeySeal): Promise<KeyFile<P>> {
  const box = await seal.seal(secret);
  // A key store that cannot open what it has just sealed would cost the station its key.
  if ((await seal.open(box)).text !== secret) throw new Error('the key store does not give back what it sealed');
  return { schema: 1, sealed: true, publicKey, madeAt, private: Buffer.from(box).toString('base64') };
}

async function makeKeyFile<P>(options: SealedFileOptions, kind: KeyKind<P>): Promise<KeyFile<P>> {
  const { file, seal, now, random } = options;
  const { publicKey, secret } = await kind.make();
  const madeAt = now.toISOString();
  const open: KeyFile<P> = { schema: 1, publicKey, madeAt, sealed: false, note: kind.note, private: secret };
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
  return readKeyFile(file, kind) ?? made;
}

async function replace<P>({ file, random }: SealedFileOptions, key: KeyFile<P>): Promise<void> {
  const draft = `${file}.${toHex(random(8))}`;
  try {
    writeDurably(draft, textOf(key));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(file));
}

function textOf(key: object): string {
  return `${JSON.stringify(key, null, 2)}\n`;
}

function readKeyFile<P>(file: string, { publicKey, secret }: KeyKind<P>): KeyFile<P> | null {
  const common = z.object({ schema: z.literal(1), publicKey, madeAt: Instant });
  try {
    const raw: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const key = z
      .discriminatedUnion('sealed', [
        common.extend({ sealed: z.literal(true), private: z.base64() }),
        common.extend({ sealed: z.literal(false), note: z.string(), private: secret }),
      ])
      .parse(raw);
    if (!key.sealed && process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw unavailable(file, 'others on this computer may read it; if none of them did: chmod 600');
    return key;
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return null;
    if (thrown instanceof FlashlineError) throw thrown;
    throw unavailable(file, reasonOf(thrown));
  }
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
