import { readFile, writeFile } from 'node:fs/promises';
import { FlashlineError } from '#shared/model/failure.ts';

/** A file that the command line names. Rejects with `file-missing` or `file-unreadable`. */
export async function readInput(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new FlashlineError(missing ? 'file-missing' : 'file-unreadable', {
      where: { file },
      params: { file },
      cause,
    });
  }
}

/** Rejects with `file-unwritable`. */
export async function writeOutput(file: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await writeFile(file, bytes);
  } catch (cause) {
    throw new FlashlineError('file-unwritable', { where: { file }, params: { file }, cause });
  }
}
