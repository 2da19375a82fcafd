import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';

/** Makes a file that only its owner may read, and returns when it is on the disk. Throws EEXIST where there is one. */
export function writeDurably(file: string, content: string | Uint8Array): void {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx', flush: true });
}

export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Names that were given, changed or taken in this folder are on the disk when it returns. */
export function syncFolder(folder: string): void {
  // Windows opens no folders; NTFS journals names itself.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
