import { sha256Hex } from '../base/digest.ts';
import { canonicalJson } from '../model/record-chain.ts';
import type { Recipe } from '../model/recipe.ts';

/**
 * What names a release: SHA-256 over the UTF-8 bytes of this canonical JSON (record-chain.ts):
 *
 *   {"files":[sha256 of each image's file, then of each file of signature-files.ts, in the recipe's order],"format":"flashline-release-1","recipe":{...}}
 *
 * Comments and layout of recipe.yaml do not count; every value in it, and every byte of every image's file, does.
 */
export function releaseDigest(recipe: Recipe, fileSha256s: readonly string[]): string {
  const text = canonicalJson({ format: 'flashline-release-1', recipe, files: fileSha256s });
  return sha256Hex(new TextEncoder().encode(text));
}
