import { partitionSigners } from '#shared/model/manufacturing.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '#shared/model/signing.ts';
import { readPublicKey, type PublicKeyFile } from '../signature/public-key.ts';
import type { ManufacturingFault } from './check.ts';
import { type Issuer, readIssuer } from './device-certificate.ts';
import type { UnitKeys } from './to-sign.ts';

/** The public keys by which the plant's signatures are proven, and what keeps one from being used. */
export function unitKeysOf(
  { images, manufacturing }: Recipe,
  files: ReadonlyMap<string, Uint8Array>,
): { readonly keys: UnitKeys; readonly issuer: Issuer | null; readonly faults: readonly ManufacturingFault[] } {
  const keys = new Map<string, PublicKeyFile>();
  const faults: ManufacturingFault[] = [];
  const wanted = [
    ...partitionSigners(manufacturing).map(({ by, path: at }) => ({ by, at })),
    ...images.flatMap(({ signedPerUnit }, index) =>
      signedPerUnit ? [{ by: signedPerUnit.by, at: ['images', index, 'signedPerUnit'] }] : [],
    ),
  ];
  for (const { by, at } of wanted) {
    const { publicKey: file } = by;
    const key = readPublicKey(file, files.get(file) ?? new Uint8Array());
    const fault = typeof key === 'string' ? `${file} ${key}` : kindFault(by.algorithm, key);
    const path = [...at, 'by', 'publicKey'];
    if (fault !== undefined) faults.push({ path, detail: fault });
    else if (typeof key !== 'string') keys.set(file, key);
  }
  const { certificate } = manufacturing ?? {};
  const issuer = certificate === undefined ? null : readIssuer(certificate, files);
  if (typeof issuer === 'string') faults.push({ path: ['manufacturing', 'certificate', 'issuer'], detail: issuer });
  return { keys, issuer: typeof issuer === 'string' ? null : issuer, faults };
}

function kindFault(algorithm: SigningAlgorithm, { file, kind }: PublicKeyFile): string | undefined {
  if (SIGNING_ALGORITHMS[algorithm].kinds.includes(kind)) return undefined;
  return `${file} is a key of kind ${kind}, which does not sign by ${algorithm}`;
}
