import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of our own, in memory, that can be full. Only root may mount one. */
export class SmallDisk {
  readonly path: string;
  readonly #ballast: string;
  readonly #watchdog: ReturnType<typeof watch>;

  private constructor(path: string) {
    this.path = path;
    this.#ballast = join(path, 'ballast');
    this.#watchdog = watch(path);
  }

  static get possible(): boolean {
    return process.getuid?.() === 0;
  }

  static mount(megabytes: number): SmallDisk {
    const path = mkdtempSync(join(tmpdir(), 'flashline-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  /** Nothing is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    const has = statSync(this.#ballast, { throwIfNoEntry: false })?.size ?? 0;
    // Somebody may have taken some in the meantime.
    if (bavail > 0) spawnSync('fallocate', ['-l', String(has + bavail * bsize), this.#ballast]);
  }

  relieve(): void {
    rmSync(this.#ballast, { force: true });
  }

  async unmount(): Promise<void> {
    this.#watchdog.ref();
    const gone = once(this.#watchdog, 'exit');
    this.#watchdog.stdin.end();
    await gone;
  }
}

/** Unmounts when its input ends: that is when we do, however we do. */
function watch(path: string) {
  const script = 'cat >/dev/null; umount -l "$1"; rmdir "$1"';
  const watchdog = spawn('sh', ['-c', script, 'watch', path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watchdog.unref();
  const pipe: unknown = watchdog.stdin;
  if (typeof pipe === 'object' && pipe !== null && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
  return watchdog;
}
