import { open, readdir, realpath, stat } from 'node:fs/promises';
import { FlashlineError, type Where } from '#shared/model/failure.ts';

/** The file system as far as releases and chip descriptions need it; all reject with Node's system errors. */
export interface Files {
  /** The whole content. Rejects when it is not a regular file (a pipe would hang) or larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  isFolder(path: string): Promise<boolean>;
  /** Names in a folder, sorted. */
  list(folder: string): Promise<string[]>;
  /** The path with every symbolic link resolved. */
  realPath(path: string): Promise<string>;
}

export const nodeFiles: Files = {
  async read(path, maxBytes) {
    // Looked at before it is opened: opening a pipe waits for its writer.
    if (!(await stat(path)).isFile()) throw new Error('not a regular file');
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
      return new Uint8Array(await handle.readFile());
    } finally {
      await handle.close();
    }
  },
  async isFolder(path) {
    return (await stat(path)).isDirectory();
  },
  async list(folder) {
    return (await readdir(folder)).toSorted();
  },
  realPath: (path) => realpath(path),
};

/** A file system's refusal as `file-missing` or `file-unreadable`; `file` is what the user calls it. */
export function fileFailure(file: string, where: Where, cause: unknown): FlashlineError {
  // Files in a pack say themselves what is wrong.
  if (cause instanceof FlashlineError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const missing = code === 'ENOENT' || code === 'ENOTDIR';
  return new FlashlineError(missing ? 'file-missing' : 'file-unreadable', { where, params: { file }, cause });
}
