import { FlashlineError } from '#shared/model/failure.ts';
import { packageInvalid } from '#shared/release/zip-files.ts';

/** The first line of an encrypted file (age-encryption.org/v1). */
const MAGIC = 'age-encryption.org/v1\n';
export const SEALED_HEAD_BYTES = MAGIC.length;
/** Beside the pack: a header, and 16 bytes for each 64 KiB. */
export const SEALED_EXTRA_BYTES = 1024 * 1024;

// Loaded with the first pack that needs it: most are not encrypted.
const age = () => import('age-encryption');

export function isSealed(head: Uint8Array): boolean {
  return new TextDecoder().decode(head.subarray(0, SEALED_HEAD_BYTES)) === MAGIC;
}

/** A new identity (`AGE-SECRET-KEY-1...`) and its recipient (`age1...`): X25519, which every implementation of age has. */
export async function makeIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const { generateX25519Identity } = await age();
  const identity = await generateX25519Identity();
  return { identity, recipient: await recipientOf(identity) };
}

export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await age();
  return identityToRecipient(identity);
}

/** The pack for these stations alone. Throws `usage` for what is no recipient. */
export async function sealPack(pack: Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      const detail = `${recipient} is no recipient: "flashline release recipient" on the station shows its own (age1...)`;
      throw new FlashlineError('usage', { params: { detail }, cause });
    }
  }
  return encrypter.encrypt(pack);
}

/** Rejects with `release-sealed` when it is not for this identity (null: the station has none), `package-invalid` when it is damaged. */
export async function unsealPack(file: string, sealed: Uint8Array, identity: string | null): Promise<Uint8Array> {
  const notForUs = new FlashlineError('release-sealed', { where: { file }, params: { file } });
  if (identity === null) throw notForUs;
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(sealed);
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith('no identity matched')) throw notForUs;
    throw packageInvalid(file, 'it is encrypted, and was damaged since', cause);
  }
}
