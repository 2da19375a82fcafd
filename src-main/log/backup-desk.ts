import { backUp, pruneBackups } from './backup.ts';
import { backupFile } from './backup-files.ts';

/** Backups in a thread of their own: reading a great log back takes seconds. */
export class BackupDesk {
  readonly #file: string;
  readonly #folder: string;
  #cancel: AbortController | null = null;
  #progress = { done: 0, total: 0 };

  constructor(file: string, folder: string) {
    this.#file = file;
    this.#folder = folder;
  }

  /** The backup of this day (YYYY-MM-DD), in place of an earlier one; older ones go. Rejects as `backUp` does. */
  async make(day: string): Promise<void> {
    this.#cancel = new AbortController();
    await backUp({
      file: this.#file,
      to: backupFile(this.#folder, day),
      signal: this.#cancel.signal,
      progress: (done, total) => {
        this.#progress = { done, total };
      },
    });
    pruneBackups(this.#folder);
  }

  /** Pages of 4096 bytes. */
  progress(): { readonly done: number; readonly total: number } {
    return this.#progress;
  }

  cancel(): void {
    this.#cancel?.abort();
  }
}
