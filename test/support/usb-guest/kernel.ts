import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packInitramfs } from './initramfs.ts';

const run = promisify(execFile);

/** What QEMU boots: Debian's own kernel, because the host's may have no USB. */
export interface GuestKernel {
  readonly vmlinuz: string;
  readonly initramfs: string;
}

/** 70 MB from a slow mirror. */
const DOWNLOAD_MS = 300_000;

/**
 * Debian's newest kernel for this release, fetched once by apt-get and kept under `cache` by its name and version; whichever is
 * there serves. Rejects with what apt-get said when none is and no mirror is within reach.
 */
export async function guestKernel(cache: string): Promise<GuestKernel> {
  const folder = (await keptKernel(cache)) ?? (await newKernel(cache));
  const initramfs = await packInitramfs(join(folder, 'modules'), folder);
  return { vmlinuz: join(folder, 'vmlinuz'), initramfs };
}

/** The newest by its name; apt takes seconds to tell that it knows a newer one. */
async function keptKernel(cache: string): Promise<string | undefined> {
  const names = existsSync(cache) ? await readdir(cache) : [];
  const kept = names.filter((name) => name.startsWith('linux-image-') && existsSync(join(cache, name, 'vmlinuz')));
  const newest = kept.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest === undefined ? undefined : join(cache, newest);
}

async function newKernel(cache: string): Promise<string> {
  const { name, version } = await newestKernel();
  const folder = join(cache, `${name}_${version.replaceAll(/[^\w.+-]/gu, '_')}`);
  if (!existsSync(folder)) await fetchKernel(name, cache, folder);
  return folder;
}

interface PackageVersion {
  readonly name: string;
  readonly version: string;
}

/** `linux-image-amd64` is empty and depends on the kernel of the day: names come and go with the versions. */
async function newestKernel(): Promise<PackageVersion> {
  const found = (await askApt()) ?? (await refreshed(askApt));
  if (!found) throw new Error('apt knows no linux-image-amd64: is this Debian on amd64, and did apt-get update work?');
  return found;
}

async function askApt(): Promise<PackageVersion | undefined> {
  const { stdout } = await run('apt-cache', ['depends', '--important', 'linux-image-amd64']).catch(() => ({
    stdout: '',
  }));
  const name = /Depends: (linux-image-[\w.+-]+)/u.exec(stdout)?.[1];
  if (name === undefined) return undefined;
  const shown = await run('apt-cache', ['show', '--no-all-versions', name]);
  const version = /^Version: (\S+)$/mu.exec(shown.stdout)?.[1];
  return version === undefined ? undefined : { name, version };
}

/** Once more after `apt-get update`, which only root may; elsewhere the lists have to be there. */
async function refreshed<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() === 0) await run('apt-get', ['update', '-q'], { timeout: DOWNLOAD_MS });
  return await work();
}

/** Two that fetch at the same time each work in a folder of their own; the first one's becomes the kept one. */
async function fetchKernel(name: string, cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'fetch-'));
  try {
    // As root, apt drops to a user who may not write here.
    const download = () =>
      run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', name], { cwd: work, timeout: DOWNLOAD_MS });
    await download().catch(() => refreshed(download));
    const archive = (await readdir(work)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${name} left no file`);
    const root = join(work, 'root');
    await run('dpkg-deb', ['--extract', join(work, archive), root]);
    const [release = ''] = await readdir(join(root, 'lib', 'modules'));
    await run('depmod', ['--basedir', root, release], {
      env: { ...process.env, PATH: `${process.env['PATH']}:/sbin` },
    });
    const kept = join(work, 'kept');
    await mkdir(kept);
    await copyFile(join(root, 'boot', `vmlinuz-${release}`), join(kept, 'vmlinuz'));
    await rename(join(root, 'lib', 'modules', release), join(kept, 'modules'));
    await rename(kept, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
