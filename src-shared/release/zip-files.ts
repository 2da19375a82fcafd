import { type Entry, ERR_AMBIGUOUS_ARCHIVE, type FileEntry, Reader, ZipReader } from '@zip.js/zip.js';
import { FlashlineError } from '../model/failure.ts';
import { inMemory, isStored, type RandomAccess, unpackStored } from './zip-stored.ts';

export type { RandomAccess } from './zip-stored.ts';

export type ZipSource = Uint8Array | RandomAccess;

/** The files of a release's zip; what their names and sizes may be was checked. */
export interface ZipFiles {
  /** In the zip's order. */
  readonly paths: readonly string[];
  size(path: string): number;
  has(path: string): boolean;
  /** Hands a file over part by part and gives its size; rejects with `package-invalid` where there is none, or a damaged one. */
  unpack(path: string, most: number, take: (part: Uint8Array) => void, options?: UnpackOptions): Promise<number>;
  read(path: string, most: number, options?: UnpackOptions): Promise<Uint8Array>;
}

interface UnpackOptions {
  /** Left out: yes. Not needed where a digest of the file is checked. */
  readonly checkCrc32?: boolean;
}

/** As many as a recipe could name, and what people put beside them. */
const MAX_ENTRIES = 64;
/** As HEX, more than twenty times the largest flash that we describe. */
export const MAX_IMAGE_BYTES = 64 * 1024 * 1024;
/** Of all files together, and of the zip itself. */
export const MAX_PACKAGE_BYTES = 128 * 1024 * 1024;
/**
 * Below the first size any ratio is harmless (a filesystem image is mostly 0xFF, which deflate packs 1000 to 1); above it, a
 * package is not more than so many times its zip.
 */
const RATIO_FREE_BYTES = 32 * 1024 * 1024;
const MAX_RATIO = 100;

/** Opens a zip, unpacking nothing. Rejects with `package-invalid`: the name of the file, and what is wrong with it. */
export async function openZip(name: string, zip: ZipSource): Promise<ZipFiles> {
  const source = zip instanceof Uint8Array ? inMemory(zip) : zip;
  const { size } = source;
  if (size > MAX_PACKAGE_BYTES) throw packageInvalid(name, `it is larger than ${MAX_PACKAGE_BYTES} bytes`);
  const files = listFiles(name, await readDirectory(name, source), size);
  const entryOf = (path: string): FileEntry => {
    const entry = files.get(path);
    if (entry === undefined) throw packageInvalid(name, `it has no file ${path}`);
    return entry;
  };
  return {
    paths: [...files.keys()],
    has: (path) => files.has(path),
    size: (path) => entryOf(path).uncompressedSize,
    unpack: async (path, most, take, options) => unpack(name, entryOf(path), { source, most, take, ...options }),
    async read(path, most, options) {
      const entry = entryOf(path);
      // What it says of its size is made room for only where it may be that large.
      if (entry.uncompressedSize > most) throw packageInvalid(name, `its file ${path} is larger than ${most} bytes`);
      const whole = new Uint8Array(entry.uncompressedSize);
      let at = 0;
      const take = (part: Uint8Array): void => {
        whole.set(part, at);
        at += part.length;
      };
      await unpack(name, entry, { source, most, take, ...options });
      return whole;
    },
  };
}

export function packageInvalid(file: string, detail: string, cause?: unknown): FlashlineError<'package-invalid'> {
  return new FlashlineError('package-invalid', { where: { file }, params: { file, detail }, cause });
}

class RandomAccessReader extends Reader<RandomAccess> {
  readonly #source: RandomAccess;

  constructor(source: RandomAccess) {
    super(source);
    this.#source = source;
    this.size = source.size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    return this.#source.read(index, Math.max(0, Math.min(length, this.#source.size - index)));
  }
}

/** Two ways of reading the same zip (its directory at the end, its headers on the way) must not see two packages. */
async function readDirectory(name: string, source: RandomAccess): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  try {
    const reader = new ZipReader(new RandomAccessReader(source), {
      strictness: 'strict',
      // Held against our own rules, which say more, and in words.
      filenameValidation: 'tolerant',
      useWebWorkers: false,
    });
    for await (const entry of reader.getEntriesGenerator()) {
      entries.push(entry);
      // Ten thousand entries are not even listed.
      if (entries.length > MAX_ENTRIES) break;
    }
  } catch (error) {
    const ambiguous = error instanceof Error && error.message.startsWith(ERR_AMBIGUOUS_ARCHIVE);
    const detail = ambiguous
      ? 'it has a file twice, or bytes that are of no file'
      : 'it is no zip file, or a damaged one';
    throw packageInvalid(name, detail, error);
  }
  if (entries.length > MAX_ENTRIES) throw packageInvalid(name, `it has more than ${MAX_ENTRIES} files`);
  return entries;
}

/** By path. What a zip says of sizes is checked here, and held against what comes out of it in `unpack`. */
function listFiles(name: string, entries: readonly Entry[], zipSize: number): ReadonlyMap<string, FileEntry> {
  const files = new Map<string, FileEntry>();
  const folded = new Map<string, string>();
  let total = 0;
  for (const entry of entries) {
    const { filename } = entry;
    const fault = nameFault(filename) ?? entryFault(entry);
    if (fault !== undefined) throw packageInvalid(name, `its file ${JSON.stringify(filename)} ${fault}`);
    if (entry.directory) continue;
    if (files.has(filename)) throw packageInvalid(name, `it has ${filename} twice`);
    const same = folded.get(foldedName(filename));
    if (same !== undefined)
      throw packageInvalid(name, `it has ${same} and ${filename}, which are one file on some computers`);
    folded.set(foldedName(filename), filename);
    files.set(filename, entry);
    total += entry.uncompressedSize;
  }
  if (total > MAX_PACKAGE_BYTES)
    throw packageInvalid(name, `its files are more than ${MAX_PACKAGE_BYTES} bytes together`);
  if (total > RATIO_FREE_BYTES && total > MAX_RATIO * zipSize)
    throw packageInvalid(name, `its files are more than ${MAX_RATIO} times as large as the package`);
  return files;
}

/** As the file systems of Windows and macOS compare: without case, whichever way an accent is composed. */
function foldedName(path: string): string {
  return path.normalize('NFC').toLowerCase();
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
  // Else a signature that somebody marked as a folder would be a pack that nobody signed.
  if (entry.directory && (!entry.filename.endsWith('/') || entry.uncompressedSize > 0))
    return 'is a folder and a file at once';
  return entry.uncompressedSize > MAX_IMAGE_BYTES ? `is larger than ${MAX_IMAGE_BYTES} bytes` : undefined;
}

interface Unpacking extends UnpackOptions {
  readonly source: RandomAccess;
  readonly most: number;
  readonly take: (part: Uint8Array) => void;
}

/** Stops at the first byte beyond what the zip says. */
async function unpack(
  name: string,
  entry: FileEntry,
  { source, most, take, checkCrc32 = true }: Unpacking,
): Promise<number> {
  if (entry.uncompressedSize > most)
    throw packageInvalid(name, `its file ${entry.filename} is larger than ${most} bytes`);
  let size = 0;
  const counted = (part: Uint8Array): void => {
    size += part.length;
    if (size > entry.uncompressedSize) throw new RangeError('it is larger than it says');
    take(part);
  };
  try {
    if (!checkCrc32 && isStored(entry)) await unpackStored(source, entry, counted);
    else await entry.getData(new WritableStream({ write: counted }), { checkCrc32, useWebWorkers: false });
  } catch (error) {
    throw packageInvalid(name, `its file ${entry.filename} is damaged`, error);
  }
  if (size !== entry.uncompressedSize) throw packageInvalid(name, `its file ${entry.filename} is damaged`);
  return size;
}
