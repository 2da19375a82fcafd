import { SIGNING_ALGORITHMS } from '#shared/model/signing.ts';
import type { KeyPolicy, KeyUse, SigningKey, SignRequest } from '#shared/contract/plant/signing-api.ts';

/** What is held against a key's policy. */
export interface Asked extends Pick<SignRequest, 'product' | 'release' | 'algorithm'> {
  readonly station: string;
  readonly use: KeyUse;
}

/** The policy is of a key that signs, or of a command that gives. */
export interface PolicyWords {
  readonly does: 'sign' | 'give';
  /** What its quantity counts. */
  readonly things: string;
}

/** What the plant knows when it decides. */
export interface Known {
  readonly now: Date;
  /** Of the release that is asked for; null for one that the plant does not know. */
  readonly release: { readonly product: string; readonly state: string } | null;
  /** Places of the key's quantity that are taken: signed, and being signed. */
  readonly taken: number;
}

/** Why a key does not sign this, in words; null where it does. How often is another matter. */
export function refusal(key: SigningKey, asked: Asked, known: Known): string | null {
  const { policy, use, kind } = key;
  const { algorithm } = asked;
  if (use !== asked.use) return `it is a key for ${use === 'digest' ? 'digests' : 'certificates'} only`;
  const ended = timeRefusal(policy, known);
  if (ended !== null) return ended;
  if (!SIGNING_ALGORITHMS[algorithm].kinds.includes(kind))
    return `it is of kind ${kind}, which does not sign by ${algorithm}`;
  return policyRefusal(policy, asked, known, { does: 'sign', things: 'signatures' });
}

/** The same of a policy by itself. */
export function policyRefusal(
  policy: KeyPolicy,
  { station, product, release }: Pick<Asked, 'station' | 'product' | 'release'>,
  known: Known,
  { does, things }: PolicyWords,
): string | null {
  const ended = timeRefusal(policy, known);
  if (ended !== null) return ended;
  if (policy.stations !== null && !policy.stations.includes(station))
    return `it does not ${does} for station ${station}`;
  if (policy.products !== null && !policy.products.includes(product))
    return `it does not ${does} for product ${product}`;
  const refused = releaseRefusal({ allowed: policy.releases, product, release, does }, known.release);
  if (refused !== null) return refused;
  const { quantity } = policy;
  return quantity !== null && known.taken >= quantity ? `all ${quantity} ${things} of its policy are used up` : null;
}

function timeRefusal({ enabled, until }: KeyPolicy, { now }: Known): string | null {
  if (!enabled) return 'it is switched off';
  return until !== null && now.getTime() >= Date.parse(until) ? `its policy ended ${until}` : null;
}

interface AskedRelease extends Pick<Asked, 'product' | 'release'>, Pick<PolicyWords, 'does'> {
  readonly allowed: readonly string[] | null;
}

function releaseRefusal({ allowed, product, release, does }: AskedRelease, known: Known['release']): string | null {
  if (known?.state === 'withdrawn') return `release ${release} was withdrawn`;
  if (known !== null && known.product !== product)
    return `release ${release} is of product ${known.product}, not ${product}`;
  if (allowed !== null) return allowed.includes(release) ? null : `it does not ${does} for release ${release}`;
  return known?.state === 'published'
    ? null
    : `release ${release} is not published here, and its policy does not name it`;
}
