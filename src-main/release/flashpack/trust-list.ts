import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { Instant } from '#shared/contract/plant/common.ts';
import type { SettingValues } from '#shared/model/settings.ts';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { claimedKeyId, isSignedBy, releaseKeyId, ReleasePublicKey } from '#shared/release/release-signature.ts';
import type { SignedManifest } from '#shared/release/release-package.ts';

const TrustedKey = z.object({
  /** RFC 7638 thumbprint. */
  keyId: z.string(),
  name: z.string().min(1).max(64),
  publicKey: ReleasePublicKey,
  /** Trusted from this instant on, and until that one; null: for as long as it stands here. */
  from: Instant,
  until: Instant.nullable(),
  addedAt: Instant,
  addedBy: z.string(),
});
export type TrustedKey = z.infer<typeof TrustedKey>;

const Said = z.object({ by: z.string(), at: Instant });
type Said = z.infer<typeof Said>;

/** What a station's process engineer lets it run on real units. */
export const TrustList = z.object({
  schema: z.literal(1),
  keys: z.array(TrustedKey).max(64),
  /** Who let releases without a signature run here, and when; null: they do not. */
  unsigned: Said.nullable(),
  /** Who refused them for good; left out where nobody has said: then they do not run from the first key on. */
  refused: Said.optional(),
});
export type TrustList = z.infer<typeof TrustList>;

export const NO_TRUST: TrustList = { schema: 1, keys: [], unsigned: null };

/** Of a station where nobody has said yet whom it trusts: it can be tried with a recipe's folder, and every record says unsigned. */
export const NOT_SET_UP: TrustList = { ...NO_TRUST, unsigned: { by: 'default', at: '1970-01-01T00:00:00.000Z' } };

/** As the setting `release.unsigned` has it. */
export type UnsignedAnswer = SettingValues['release.unsigned'];

/** Who said it, where somebody did. A list without keys that refuses is from before it said who did. */
export function unsignedAnswer(list: TrustList): { readonly answer: UnsignedAnswer; readonly said: Said | null } {
  if (list === NOT_SET_UP) return { answer: 'until-set-up', said: null };
  if (list.unsigned !== null) return { answer: 'allow', said: list.unsigned };
  if (list.refused) return { answer: 'refuse', said: list.refused };
  return { answer: list.keys.length === 0 ? 'refuse' : 'until-set-up', said: null };
}

/** NOT_SET_UP where nobody has said anything any more. */
export function withUnsigned(list: TrustList, answer: UnsignedAnswer, said: Said): TrustList {
  const { schema, keys } = list === NOT_SET_UP ? NO_TRUST : list;
  if (answer === 'until-set-up') return keys.length === 0 ? NOT_SET_UP : { schema, keys, unsigned: null };
  return answer === 'allow' ? { schema, keys, unsigned: said } : { schema, keys, unsigned: null, refused: said };
}

/** What a station does with a release that nobody signed, on real units. */
export interface UnsignedRule {
  readonly rule: 'not-set-up' | 'allowed' | 'refused';
  /** Of `allowed`: who said so, and when (UTC, ISO 8601). */
  readonly by: string | null;
  readonly at: string | null;
}

/** `isBound`: a station of a plant has been set up, by whoever bound it. */
export function unsignedRule(list: TrustList, isBound: boolean): UnsignedRule {
  const { answer, said } = unsignedAnswer(list);
  if (answer === 'allow') return { rule: 'allowed', by: said?.by ?? null, at: said?.at ?? null };
  return { rule: list === NOT_SET_UP && !isBound ? 'not-set-up' : 'refused', by: null, at: null };
}

/** The list with this key; a key that is there already gets the new name and dates. */
export async function withKey(list: TrustList, added: Omit<TrustedKey, 'keyId'>): Promise<TrustList> {
  const key = { ...added, keyId: await releaseKeyId(added.publicKey) };
  return { ...list, keys: [...list.keys.filter(({ keyId }) => keyId !== key.keyId), key] };
}

/**
 * By whom a pack is signed. Throws `release-signature` for a signature that does not hold, `release-key-unknown`, or what
 * `requireTrusted` throws: a signature that is there and worthless is never taken for none.
 */
export async function judge(
  file: string,
  { manifest, signature }: SignedManifest,
  list: TrustList,
  now: Date,
): Promise<SignedBy> {
  if (signature === null) return 'unsigned';
  const keyId = claimedKeyId(signature);
  const where = { file };
  if (keyId === null) {
    const detail = 'it is not a signature over a release';
    throw new FlashlineError('release-signature', { where, params: { file, detail } });
  }
  const key = list.keys.find((each) => each.keyId === keyId);
  if (!key) throw new FlashlineError('release-key-unknown', { where, params: { file, key: keyId } });
  if (!(await isSignedBy(manifest, signature, key.publicKey))) {
    const detail = `the key ${key.name} did not sign this manifest`;
    throw new FlashlineError('release-signature', { where, params: { file, detail } });
  }
  requireTrusted(key, now);
  return { by: 'release-key', keyId, name: key.name };
}

/**
 * Whether a release may run on a real unit now: the list may have changed since it was opened. Throws `release-unsigned`,
 * `release-key-unknown`, `release-key-early` or `release-key-ended`.
 */
export function requirePermitted(release: string, signedBy: SignedBy, list: TrustList, now: Date): void {
  if (signedBy === 'unsigned') {
    if (list.unsigned === null) throw new FlashlineError('release-unsigned', { params: { release } });
    return;
  }
  // The plant's document was proven, and says itself how long.
  if (signedBy.by === 'plant') return;
  const key = list.keys.find(({ keyId }) => keyId === signedBy.keyId);
  if (!key) throw new FlashlineError('release-key-unknown', { params: { file: release, key: signedBy.keyId } });
  requireTrusted(key, now);
}

function requireTrusted({ name, keyId: key, from, until }: TrustedKey, now: Date): void {
  if (now.getTime() < Date.parse(from)) throw new FlashlineError('release-key-early', { params: { name, key, from } });
  if (until !== null && now.getTime() >= Date.parse(until))
    throw new FlashlineError('release-key-ended', { params: { name, key, until } });
}
