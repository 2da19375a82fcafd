import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';

export interface DiskSpaceOptions {
  readonly file: string;
  /** Bytes that the station may still write beside the file. */
  readonly free: (file: string) => number;
  /** Told once when space runs low (`log-nearly-full`), and again only after there was enough. */
  readonly warn: (failure: Failure) => void;
}

const MEGABYTE = 1024 * 1024;
/** Days of work. */
const LOW_BYTES = 200 * MEGABYTE;
/** What runs that have begun may still need, on all slots, with room to spare. */
const LEAST_BYTES = 50 * MEGABYTE;

export function freeBytes(file: string): number {
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize;
}

/** To be called before each run: throws `log-full` while its record might find no room. */
export function spaceGuard({ file, free, warn }: DiskSpaceOptions): () => void {
  let told = false;
  return () => {
    const bytes = free(file);
    const params = { file, free: `${Math.floor(bytes / MEGABYTE)} MB` };
    if (bytes < LEAST_BYTES)
      throw new FlashlineError('log-full', { params: { file }, cause: `${params.free} are free` });
    const low = bytes < LOW_BYTES;
    if (low && !told) warn(new FlashlineError('log-nearly-full', { params }).failure);
    told = low;
  };
}
