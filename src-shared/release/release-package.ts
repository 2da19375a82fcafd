import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../base/bytes.ts';
import type { Recipe, Role } from '../model/recipe.ts';
import {
  checkParts,
  type Manifest,
  MANIFEST_FILE,
  MAX_MANIFEST_BYTES,
  readManifest,
  RECIPE_FILE,
  SIGNATURE_FILE,
} from './manifest.ts';
import { readRecipe } from './recipe-file.ts';
import { releaseDigest } from './release-digest.ts';
import { MAX_SIGNATURE_BYTES } from './release-signature.ts';
import { MAX_KEY_BYTES, signatureFiles } from './signature-files.ts';
import { MAX_YAML_BYTES } from './yaml-file.ts';
import { MAX_IMAGE_BYTES, openZip, packageInvalid, type ZipFiles, type ZipSource } from './zip-files.ts';

export { RECIPE_FILE } from './manifest.ts';

/** One image of a package; what it holds was read once, and hashed. */
export interface PackedImage {
  readonly role: Role;
  readonly version: string;
  /** Path in the package, and from the recipe's folder. */
  readonly file: string;
  /** Of the file, in bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** What is signed, and the signature; null where there is none. */
export interface SignedManifest {
  readonly manifest: Uint8Array;
  readonly signature: string | null;
}

/** A release as one zip file: recipe.yaml at its top, the images that it names, and of a .flashpack its manifest. */
export interface ReleasePackage {
  readonly recipe: Recipe;
  readonly digest: string;
  /** In the recipe's order. */
  readonly images: readonly PackedImage[];
  /** Public keys and detached signatures, by path. */
  readonly others: readonly string[];
  /** Null in a zip of recipe and images alone. */
  readonly manifest: Manifest | null;
  readonly signed: SignedManifest | null;
  /**
   * A file of the package, unpacked; `recipe.yaml` or an image's, and the same bytes as when the package was opened. Rejects with
   * `package-invalid` when there is none, or others.
   */
  file(path: string): Promise<Uint8Array>;
}

/** SHA-256, the incremental way. */
export interface Sha256 {
  update(part: Uint8Array): unknown;
  digest(): Uint8Array;
}

export interface PackageOptions {
  /** Left out: in JavaScript, for where there is no faster one. */
  readonly sha256?: () => Sha256;
  /** A pack without a manifest is refused: nothing says what should be in it. */
  readonly needsManifest?: boolean;
  /** Asked before anything of the package is used or unpacked: whoever does not trust its signature throws. */
  readonly admit?: (signed: SignedManifest) => Promise<void>;
}

/** Of files that the recipe does not name, all together: notes, a signature. */
const MAX_OTHER_BYTES = 1024 * 1024;

/**
 * Opens a package; nothing is written anywhere. Every image is unpacked once to be hashed, never two at a time. Rejects with
 * `recipe-invalid` or `recipe-newer` for what the recipe says, `release-newer`, and `package-invalid` for all else that is wrong.
 */
export async function openReleasePackage(
  name: string,
  source: ZipSource,
  { sha256: makeHash = () => sha256.create(), needsManifest = false, admit }: PackageOptions = {},
): Promise<ReleasePackage> {
  const zip = await openZip(name, source);
  const signed = await readSigned(name, zip, needsManifest);
  if (signed) await admit?.(signed);
  const manifest = signed && readManifest(name, signed.manifest);
  // A manifest's SHA-256 says more than the zip's own CRC-32, and costs less here.
  const options = { checkCrc32: manifest === null };
  const recipeBytes = await zip.read(RECIPE_FILE, MAX_YAML_BYTES, options);
  const digests = new Map([[RECIPE_FILE, hashOf(recipeBytes, makeHash)]]);
  if (manifest) checkPart(name, manifest, RECIPE_FILE, { zip, digests });
  const { value: recipe } = readRecipe(`${name}/${RECIPE_FILE}`, recipeBytes);
  const wanted = new Set([RECIPE_FILE, ...recipe.images.map(({ file }) => file), ...signatureFiles(recipe)]);
  if (manifest) checkParts(name, manifest, { files: zip.paths, wanted });
  else checkOthers(name, zip, wanted);
  const images: PackedImage[] = [];
  for (const { role, version, file } of recipe.images) {
    const hash = makeHash();
    const size = await zip.unpack(file, MAX_IMAGE_BYTES, (part) => hash.update(part), options);
    if (size === 0) throw packageInvalid(name, `its file ${file} is empty`);
    const digest = toHex(hash.digest());
    digests.set(file, digest);
    images.push({ role, version, file, size, sha256: digest });
  }
  const others = signatureFiles(recipe);
  const hashes = images.map((image) => image.sha256);
  for (const path of others) {
    const digest = hashOf(await zip.read(path, MAX_KEY_BYTES, options), makeHash);
    digests.set(path, digest);
    hashes.push(digest);
  }
  const digest = releaseDigest(recipe, hashes);
  if (manifest) checkContent(name, manifest, { zip, digests, recipe, digest });
  const file = async (path: string): Promise<Uint8Array> => {
    const bytes = await zip.read(path, MAX_IMAGE_BYTES, { checkCrc32: !digests.has(path) });
    if (digests.has(path) && digests.get(path) !== hashOf(bytes, makeHash))
      throw packageInvalid(name, `its file ${path} changed while it was used`);
    return bytes;
  };
  return { recipe, digest, images, others, manifest, signed, file };
}

async function readSigned(name: string, zip: ZipFiles, needed: boolean): Promise<SignedManifest | null> {
  if (!zip.has(MANIFEST_FILE)) {
    if (needed || zip.has(SIGNATURE_FILE)) throw packageInvalid(name, `it has no ${MANIFEST_FILE}`);
    return null;
  }
  const manifest = await zip.read(MANIFEST_FILE, MAX_MANIFEST_BYTES, { checkCrc32: false });
  const signature = zip.has(SIGNATURE_FILE)
    ? await zip.read(SIGNATURE_FILE, MAX_SIGNATURE_BYTES, { checkCrc32: false })
    : null;
  return { manifest, signature: signature && new TextDecoder().decode(signature) };
}

interface Content {
  readonly zip: ZipFiles;
  readonly digests: ReadonlyMap<string, string>;
  readonly recipe: Recipe;
  readonly digest: string;
}

function checkPart(
  name: string,
  { parts }: Manifest,
  path: string,
  { zip, digests }: Pick<Content, 'zip' | 'digests'>,
): void {
  const part = parts.find((each) => each.path === path);
  const found = digests.get(path);
  if (part && (zip.size(path) !== part.size || found !== part.sha256))
    throw packageInvalid(name, `its file ${path} is not the one of its ${MANIFEST_FILE}: SHA-256 ${found ?? ''}`);
}

/** What was unpacked against what the manifest promises. */
function checkContent(name: string, manifest: Manifest, { zip, digests, recipe, digest }: Content): void {
  for (const { path } of manifest.parts) checkPart(name, manifest, path, { zip, digests });
  const { product } = manifest;
  if (product.id !== recipe.product.id || product.revision !== recipe.product.revision)
    throw packageInvalid(
      name,
      `its ${MANIFEST_FILE} is of ${product.id} ${product.revision}, its recipe of another product`,
    );
  if (manifest.release !== digest)
    throw packageInvalid(name, `its ${MANIFEST_FILE} is of release ${manifest.release}, its files are ${digest}`);
}

function checkOthers(name: string, zip: ZipFiles, wanted: ReadonlySet<string>): void {
  const others = zip.paths.filter((path) => !wanted.has(path));
  if (others.reduce((sum, path) => sum + zip.size(path), 0) > MAX_OTHER_BYTES)
    throw packageInvalid(
      name,
      `its files that the recipe does not name are more than ${MAX_OTHER_BYTES} bytes together`,
    );
}

function hashOf(bytes: Uint8Array, makeHash: () => Sha256): string {
  const hash = makeHash();
  hash.update(bytes);
  return toHex(hash.digest());
}
