import { sha256 } from '@noble/hashes/sha2.js';
import { type Entry, type FileEntry, Uint8ArrayReader, ZipReader } from '@zip.js/zip.js';
import { toHex } from '../base/bytes.ts';
import { FlashlineError } from '../model/failure.ts';
import type { Recipe, Role } from '../model/recipe.ts';
import { readRecipe } from './recipe-file.ts';
import { releaseDigest } from './release-digest.ts';
import { MAX_YAML_BYTES } from './yaml-file.ts';

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

/** A release as one zip file: recipe.yaml at its top, and the images that it names. */
export interface ReleasePackage {
  readonly recipe: Recipe;
  readonly digest: string;
  /** In the recipe's order. */
  readonly images: readonly PackedImage[];
  /** A file of the package, unpacked; `recipe.yaml` or an image's. Rejects with `package-invalid` when there is none. */
  file(path: string): Promise<Uint8Array>;
}

export const RECIPE_FILE = 'recipe.yaml';

/** As many as a recipe could name, and what people put beside them. */
const MAX_ENTRIES = 64;
/** As HEX, more than twenty times the largest flash that we describe. */
const MAX_IMAGE_BYTES = 64 * 1024 * 1024;
const MAX_BYTES = 128 * 1024 * 1024;
/** Of files that the recipe does not name, all together: notes, a signature. */
const MAX_OTHER_BYTES = 1024 * 1024;
/**
 * Below the first size any ratio is harmless (a filesystem image is mostly 0xFF, which deflate packs 1000 to 1); above it, a
 * package is not more than so many times its zip.
 */
const RATIO_FREE_BYTES = 32 * 1024 * 1024;
const MAX_RATIO = 100;

/**
 * Opens a package; nothing is written anywhere. Every image is unpacked once to be hashed, never two at a time. Rejects with
 * `recipe-invalid` for what the recipe says, and with `package-invalid` for all else that is wrong.
 */
export async function openReleasePackage(name: string, bytes: Uint8Array): Promise<ReleasePackage> {
  const files = await listFiles(name, bytes);
  const read = async (path: string, most: number): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    const size = await unpack(name, fileNamed(name, files, path), most, (part) => parts.push(part));
    return joined(parts, size);
  };
  const { value: recipe } = readRecipe(`${name}/${RECIPE_FILE}`, await read(RECIPE_FILE, MAX_YAML_BYTES));
  checkOthers(name, files, recipe);
  const images: PackedImage[] = [];
  for (const { role, version, file } of recipe.images) {
    const hash = sha256.create();
    const size = await unpack(name, fileNamed(name, files, file), MAX_IMAGE_BYTES, (part) => hash.update(part));
    if (size === 0) throw invalid(name, `its file ${file} is empty`);
    images.push({ role, version, file, size, sha256: toHex(hash.digest()) });
  }
  const digest = releaseDigest(
    recipe,
    images.map((image) => image.sha256),
  );
  return { recipe, digest, images, file: (path) => read(path, MAX_IMAGE_BYTES) };
}

/** By path. What a zip says of sizes is checked here, and held against what comes out of it in `unpack`. */
async function listFiles(name: string, bytes: Uint8Array): Promise<ReadonlyMap<string, FileEntry>> {
  const entries = await readDirectory(name, bytes);
  if (entries.length > MAX_ENTRIES) throw invalid(name, `it has more than ${MAX_ENTRIES} files`);
  const files = new Map<string, FileEntry>();
  let total = 0;
  for (const entry of entries) {
    const { filename } = entry;
    const fault = nameFault(filename) ?? entryFault(entry);
    if (fault !== undefined) throw invalid(name, `its file ${JSON.stringify(filename)} ${fault}`);
    if (entry.directory) continue;
    if (files.has(filename)) throw invalid(name, `it has ${filename} twice`);
    files.set(filename, entry);
    total += entry.uncompressedSize;
  }
  if (total > MAX_BYTES) throw invalid(name, `its files are more than ${MAX_BYTES} bytes together`);
  if (total > RATIO_FREE_BYTES && total > MAX_RATIO * bytes.length)
    throw invalid(name, `its files are more than ${MAX_RATIO} times as large as the package`);
  return files;
}

/** Two ways of reading the same zip (its directory at the end, its headers on the way) must not see two packages. */
async function readDirectory(name: string, bytes: Uint8Array): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  try {
    const reader = new ZipReader(new Uint8ArrayReader(bytes), { strictness: 'strict', useWebWorkers: false });
    for await (const entry of reader.getEntriesGenerator()) {
      entries.push(entry);
      // Ten thousand entries are not even listed.
      if (entries.length > MAX_ENTRIES) break;
    }
  } catch (error) {
    throw invalid(name, 'it is no zip file, or a damaged one', error);
  }
  return entries;
}

function nameFault(filename: string): string | undefined {
  if (filename.length > 255) return 'has a name that is too long';
  // oxlint-disable-next-line no-control-regex -- exactly those are looked for
  if (/[\\\u0000-\u001f\u007f]/.test(filename)) return 'has a name with a backslash or a control character';
  if (filename.startsWith('/') || /^[a-zA-Z]:/.test(filename)) return 'has an absolute path';
  const parts = filename.replace(/\/$/, '').split('/');
  return parts.some((part) => part === '' || part === '.' || part === '..')
    ? 'has a path that leads elsewhere'
    : undefined;
}

function entryFault(entry: Entry): string | undefined {
  if (entry.encrypted) return 'is encrypted';
  if (entry.symlink) return 'is a link';
  return entry.uncompressedSize > MAX_IMAGE_BYTES ? `is larger than ${MAX_IMAGE_BYTES} bytes` : undefined;
}

function checkOthers(name: string, files: ReadonlyMap<string, FileEntry>, recipe: Recipe): void {
  const named = new Set([RECIPE_FILE, ...recipe.images.map(({ file }) => file)]);
  const others = [...files].filter(([path]) => !named.has(path));
  const size = others.reduce((sum, [, { uncompressedSize }]) => sum + uncompressedSize, 0);
  if (size > MAX_OTHER_BYTES)
    throw invalid(name, `its files that the recipe does not name are more than ${MAX_OTHER_BYTES} bytes together`);
}

function fileNamed(name: string, files: ReadonlyMap<string, FileEntry>, path: string): FileEntry {
  const entry = files.get(path);
  if (entry === undefined) throw invalid(name, `it has no file ${path}`);
  return entry;
}

/** Hands the file over part by part and gives its size; stops at the first byte beyond what the zip says. */
async function unpack(name: string, entry: FileEntry, most: number, take: (part: Uint8Array) => void): Promise<number> {
  if (entry.uncompressedSize > most) throw invalid(name, `its file ${entry.filename} is larger than ${most} bytes`);
  let size = 0;
  const sink = new WritableStream<Uint8Array>({
    write(part) {
      size += part.length;
      if (size > entry.uncompressedSize) throw new RangeError('it is larger than it says');
      take(part);
    },
  });
  try {
    await entry.getData(sink, { checkCrc32: true, useWebWorkers: false });
  } catch (error) {
    throw invalid(name, `its file ${entry.filename} is damaged`, error);
  }
  if (size !== entry.uncompressedSize) throw invalid(name, `its file ${entry.filename} is damaged`);
  return size;
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function invalid(file: string, detail: string, cause?: unknown): FlashlineError {
  return new FlashlineError('package-invalid', { where: { file }, params: { file, detail }, cause });
}
