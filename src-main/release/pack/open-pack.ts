import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Pack, readPdsc } from './pdsc.ts';

export interface OpenPack {
  readonly pack: Pack;
  /** A file of the pack by its path; rejects with `pack-invalid` when there is none. */
  file(path: string): Promise<Uint8Array>;
}

/** A description is a few megabytes at most, an algorithm some kilobytes; more is an attack, or no pack. */
const MAX_PDSC = 64 << 20;
const MAX_FILE = 16 << 20;

/**
 * Opens a CMSIS-Pack: a zip file with one .pdsc at its top. Nothing is written anywhere, and only the files that are
 * asked for are unpacked. Rejects with `pack-invalid`.
 */
export async function openPack(name: string, bytes: Uint8Array): Promise<OpenPack> {
  const entries = await new ZipReader(new Uint8ArrayReader(bytes)).getEntries().catch((error: unknown) => {
    throw invalid(name, 'it is no zip file', error);
  });
  const read = async (path: string, most: number): Promise<Uint8Array> => {
    const entry = entries.find(({ filename }) => filename.replaceAll('\\', '/') === path);
    if (!entry || entry.directory) throw invalid(name, `it has no file ${path}`);
    if (entry.uncompressedSize > most) throw invalid(name, `its file ${path} is larger than ${most} bytes`);
    try {
      return await entry.getData(new Uint8ArrayWriter(), { checkSignature: true });
    } catch (error) {
      throw invalid(name, `its file ${path} is damaged`, error);
    }
  };
  const description = entries.map(({ filename }) => filename).filter((path) => /^[^/\\]+\.pdsc$/iu.test(path));
  const [pdsc] = description;
  if (pdsc === undefined || description.length > 1) throw invalid(name, `it has ${description.length} .pdsc files`);
  const text = new TextDecoder().decode(await read(pdsc, MAX_PDSC));
  return { pack: readPdsc(`${name}/${pdsc}`, text), file: (path) => read(path, MAX_FILE) };
}

function invalid(file: string, detail: string, cause?: unknown): FlashlineError {
  return new FlashlineError('pack-invalid', { where: { file }, params: { file, detail }, cause });
}
