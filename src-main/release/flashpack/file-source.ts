import { type FileHandle, open, stat } from 'node:fs/promises';
import type { RandomAccess } from '#shared/release/zip-files.ts';

/** A file that is read where it lies; `close` it. Rejects with Node's errors, and for what is no regular file (a pipe would hang). */
export async function openFileSource(file: string): Promise<RandomAccess & { close(): Promise<void> }> {
  // Looked at before it is opened: opening a pipe waits for its writer.
  if (!(await stat(file)).isFile()) throw new Error('not a regular file');
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    return {
      size,
      read: (offset, length, scratch) =>
        readAll(handle, offset, scratch?.subarray(0, length) ?? new Uint8Array(length)),
      close: () => handle.close(),
    };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

async function readAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<Uint8Array> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done);
    if (bytesRead === 0) throw new RangeError('the file is shorter than it was');
    done += bytesRead;
  }
  return bytes;
}
