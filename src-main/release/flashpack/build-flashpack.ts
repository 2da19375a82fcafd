import { createHash } from 'node:crypto';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { type Manifest, MANIFEST_FILE, manifestBytes, RECIPE_FILE, SIGNATURE_FILE } from '#shared/release/manifest.ts';
import { readRecipe } from '#shared/release/recipe-file.ts';
import { MAX_KEY_BYTES, signatureFiles } from '#shared/release/signature-files.ts';
import { releaseDigest } from '#shared/release/release-digest.ts';
import { type ReleasePrivateKey, signManifest } from '#shared/release/release-signature.ts';
import { MAX_YAML_BYTES, pathText } from '#shared/release/yaml-file.ts';
import { type Files, fileFailure } from '../files.ts';
import { readInside } from '../recipe-folder.ts';

export interface BuildOptions {
  readonly files: Files;
  /** Null: nobody signs it. */
  readonly key: ReleasePrivateKey | null;
}

interface ZipPart {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * A .flashpack of a recipe's file and the images that it names. The same input gives the same bytes (but for an ECDSA signature,
 * which holds a random number): parts are stored, because what deflate makes depends on its version, and dated 1980-01-01.
 */
export async function buildFlashpack(recipeFile: string, { files, key }: BuildOptions): Promise<Uint8Array> {
  const parts = await readParts(recipeFile, files);
  const recipe = readRecipe(recipeFile, parts[0].bytes).value;
  const digests = new Map(parts.map(({ path, bytes }) => [path, sha256(bytes)]));
  const manifest: Manifest = {
    format: 'flashline-flashpack',
    schema: 1,
    product: { id: recipe.product.id, revision: recipe.product.revision },
    release: releaseDigest(
      recipe,
      [...recipe.images.map(({ file }) => file), ...signatureFiles(recipe)].map((file) => digests.get(file) ?? ''),
    ),
    parts: parts.map(({ path, bytes }) => ({ path, size: bytes.length, sha256: digests.get(path) ?? '' })),
  };
  const listed = manifestBytes(manifest);
  const signature = key && new TextEncoder().encode(await signManifest(listed, key));
  return stored([
    { path: MANIFEST_FILE, bytes: listed },
    ...(signature ? [{ path: SIGNATURE_FILE, bytes: signature }] : []),
    ...parts,
  ]);
}

/** The recipe first, then each file that it names, once. */
async function readParts(recipeFile: string, files: Files): Promise<[ZipPart, ...ZipPart[]]> {
  const bytes = await files.read(recipeFile, MAX_YAML_BYTES).catch((error: unknown) => {
    throw fileFailure(recipeFile, { file: recipeFile }, error);
  });
  const { value: recipe, lineOf } = readRecipe(recipeFile, bytes);
  const parts: [ZipPart, ...ZipPart[]] = [{ path: RECIPE_FILE, bytes }];
  for (const [index, { file }] of recipe.images.entries()) {
    if (parts.some(({ path }) => path === file)) continue;
    const at = ['images', index, 'file'];
    const where = { file: recipeFile, line: lineOf(at), path: pathText(at) };
    parts.push({ path: file, bytes: await readInside(recipeFile, file, where, files) });
  }
  for (const file of signatureFiles(recipe)) {
    if (parts.some(({ path }) => path === file)) continue;
    const where = { file: recipeFile, line: lineOf(['images']), path: 'images' };
    parts.push({ path: file, bytes: await readInside(recipeFile, file, where, files, MAX_KEY_BYTES) });
  }
  return parts;
}

async function stored(parts: readonly ZipPart[]): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), {
    level: 0,
    // MS-DOS time knows no time zone: this is the same in all of them.
    lastModDate: new Date(1980, 0, 1),
    extendedTimestamp: false,
    dataDescriptor: false,
    useWebWorkers: false,
    // -rw-r--r--, for those who unzip it.
    externalFileAttributes: (0o100644 << 16) >>> 0,
  });
  for (const { path, bytes } of parts) await zip.add(path, new Uint8ArrayReader(bytes));
  return zip.close();
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
