import { createPrivateKey } from 'node:crypto';
import { ReleasePrivateKey, type ReleasePublicKey } from '#shared/release/release-signature.ts';
import { NO_TRUST, type TrustList, withKey } from '#main/release/flashpack/trust-list.ts';

/** PKCS #8 of an Ed25519 key is this, then the key's 32 bytes (RFC 8410, section 7). */
const ED25519_PREFIX = '302e020100300506032b657004220420';

/** The same key for the same number. */
export function ed25519Key(number: number): ReleasePrivateKey {
  const key = Buffer.concat([Buffer.from(ED25519_PREFIX, 'hex'), Buffer.alloc(32, number)]);
  const jwk = createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  return ReleasePrivateKey.parse(jwk);
}

export interface Trusting {
  readonly key: ReleasePublicKey;
  readonly name?: string;
  readonly from?: string;
  readonly until?: string | null;
}

const LONG_AGO = '2020-01-01T00:00:00.000Z';

export async function trustIn(...keys: readonly Trusting[]): Promise<TrustList> {
  let list = NO_TRUST;
  for (const { key: publicKey, name = 'Release', from = LONG_AGO, until = null } of keys)
    list = await withKey(list, { publicKey, name, from, until, addedAt: LONG_AGO, addedBy: 'tests' });
  return list;
}
