import { partitionSigners } from '../model/manufacturing.ts';
import type { Recipe } from '../model/recipe.ts';

/** Of a public key or a detached signature: many times what any of them has. */
export const MAX_KEY_BYTES = 64 * 1024;

/** Files of a release beside its images, each once: public keys and detached signatures, in the recipe's order. */
export function signatureFiles({ images, manufacturing }: Recipe): string[] {
  const named = images.flatMap(({ signature }) =>
    signature === undefined ? [] : [...signature.keys, ...(signature.kind === 'detached' ? [signature.file] : [])],
  );
  const own = partitionSigners(manufacturing).map(({ by }) => by.publicKey);
  const perUnit = images.flatMap(({ signedPerUnit }) =>
    signedPerUnit === undefined ? [] : [signedPerUnit.by.publicKey],
  );
  const issuer = manufacturing?.certificate === undefined ? [] : [manufacturing.certificate.issuer];
  return [...new Set([...named, ...own, ...issuer, ...perUnit])];
}
