import { SIGNING_ALGORITHMS } from '#shared/model/signing.ts';
import type { KeyUse, SigningKey, SignRequest } from '#shared/contract/plant/signing-api.ts';

/** What is held against a key's policy. */
export interface Asked extends Pick<SignRequest, 'product' | 'release' | 'algorithm'> {
  readonly station: string;
  readonly use: KeyUse;
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
  const { station, product, release, algorithm } = asked;
  if (use !== asked.use) return `it is a key for ${use === 'digest' ? 'digests' : 'certificates'} only`;
  if (!policy.enabled) return 'it is switched off';
  if (policy.until !== null && known.now.getTime() >= Date.parse(policy.until))
    return `its policy ended ${policy.until}`;
  if (!SIGNING_ALGORITHMS[algorithm].kinds.includes(kind))
    return `it is of kind ${kind}, which does not sign by ${algorithm}`;
  if (policy.stations !== null && !policy.stations.includes(station)) return `it does not sign for station ${station}`;
  if (policy.products !== null && !policy.products.includes(product)) return `it does not sign for product ${product}`;
  return (
    releaseRefusal(policy.releases, product, release, known.release) ?? quantityRefusal(policy.quantity, known.taken)
  );
}

function releaseRefusal(
  allowed: readonly string[] | null,
  product: string,
  release: string,
  known: Known['release'],
): string | null {
  if (known?.state === 'withdrawn') return `release ${release} was withdrawn`;
  if (known !== null && known.product !== product)
    return `release ${release} is of product ${known.product}, not ${product}`;
  if (allowed !== null) return allowed.includes(release) ? null : `it does not sign for release ${release}`;
  return known?.state === 'published'
    ? null
    : `release ${release} is not published here, and its policy does not name it`;
}

function quantityRefusal(quantity: number | null, taken: number): string | null {
  return quantity !== null && taken >= quantity ? `all ${quantity} signatures of its policy are used up` : null;
}
