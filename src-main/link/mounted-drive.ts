import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, within } from './deadline.ts';
import type { Drive } from './drive.ts';
import { driveMountedAt, listUsbDrives, type UsbDrive } from './usb-drives.ts';

const run = promisify(execFile);

/** A page of flash takes 16 ms: 128 of them are on the device long before. */
const IO_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** Desktops mount a drive a second or two after it came. */
const MOUNT_MS = 8000;
/** A boot loader that found nothing to start is on the bus again within this. */
const BACK_MS = 1500;
/** What the kernel may ask of a buffer that it reads into directly: that its address is a multiple of this. */
const ALIGNMENT = 512;
/** V8's buffers begin at multiples of this. */
const STEP = 8;

export interface DriveOptions {
  readonly root?: string;
  /** Whether this process may mount: as root, in a private folder. */
  readonly mayMount: boolean;
}

/** The drive at a USB port, if one is there. */
export async function driveAtPort(portPath: string, root = '/'): Promise<UsbDrive | undefined> {
  const drives = (await listUsbDrives(root)).filter((drive) => drive.portPath === portPath);
  // A partition that is mounted, else the disk: boot loaders have no partitions.
  return drives.find(({ mounts }) => mounts.length > 0) ?? drives.toSorted((a, b) => (a.device < b.device ? -1 : 1))[0];
}

/**
 * The drive at a USB port, where the system has mounted it; as root it is mounted in a private folder where nobody has.
 * Rejects with `drive-unmounted`, or `probe-not-found` when there is no drive.
 */
export async function openDriveAtPort(
  portPath: string,
  url: string,
  { root, mayMount }: DriveOptions,
  io: IoContext,
): Promise<Drive> {
  const until = io.clock.monotonic() + MOUNT_MS;
  for (;;) {
    const found = await driveAtPort(portPath, root);
    if (!found) throw new FlashlineError('probe-not-found', { params: { url } });
    const [mounted] = found.mounts;
    if (mounted !== undefined) return new MountedDrive(url, mounted, found, undefined, root);
    if (mayMount) return mountPrivately(found, url, root);
    if (io.clock.monotonic() >= until)
      throw new FlashlineError('drive-unmounted', { params: { url, device: found.device } });
    await io.clock.sleep(LOOK_EVERY_MS, io.signal);
  }
}

/** What the system has mounted there, whatever it is. */
export async function openDriveAtPath(path: string, url: string, root = '/'): Promise<Drive> {
  const drive = await driveMountedAt(path, root);
  if (!drive) throw new FlashlineError('probe-not-found', { params: { url } });
  return new MountedDrive(url, path, drive, undefined, root);
}

/** Read and written by nobody else, without access times; nothing on it is run. */
async function mountPrivately(drive: UsbDrive, url: string, root: string | undefined): Promise<Drive> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-drive-'));
  try {
    await run('mount', ['-t', 'vfat', '-o', 'noatime,nosuid,nodev,noexec,umask=077', drive.device, folder]);
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    throw new FlashlineError('drive-unmounted', { params: { url, device: drive.device }, cause });
  }
  return new MountedDrive(url, folder, drive, folder, root);
}

class MountedDrive implements Drive {
  readonly url: string;
  readonly #folder: string;
  readonly #drive: UsbDrive;
  readonly #own: string | undefined;
  readonly #root: string | undefined;
  /** Found out by trying: nobody tells where a buffer lies. */
  #alignedAt: number | undefined;
  #buffer = new Uint8Array(0);
  #closing: Promise<void> | undefined;

  /** `own`: the folder that it was mounted in by us. */
  constructor(url: string, folder: string, drive: UsbDrive, own: string | undefined, root: string | undefined) {
    this.url = url;
    this.#folder = folder;
    this.#drive = drive;
    this.#own = own;
    this.#root = root;
  }

  get serial(): string | undefined {
    return this.#drive.serial;
  }

  async size(name: string, io: IoContext): Promise<number | undefined> {
    return this.#bounded(async () => {
      const file = await this.#named(name);
      if (file === undefined) return undefined;
      const handle = await open(file, 'r');
      try {
        return (await handle.stat()).size;
      } finally {
        await handle.close();
      }
    }, io);
  }

  async read(name: string, offset: number, length: number, io: IoContext): Promise<Uint8Array> {
    return this.#bounded(async () => {
      // Past the page cache: what the system read before may be what the unit held before.
      const handle = await open(join(this.#folder, name), constants.O_RDONLY | constants.O_DIRECT);
      try {
        return await this.#readAligned(handle, offset, length);
      } finally {
        await handle.close();
      }
    }, io);
  }

  async write(name: string, bytes: Uint8Array, io: IoContext): Promise<void> {
    await this.#bounded(async () => {
      const handle = await open(join(this.#folder, name), 'w');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }, io);
  }

  async left(timeoutMs: number, io: IoContext): Promise<boolean> {
    const until = io.clock.monotonic() + timeoutMs;
    while (await this.#isThere()) {
      if (io.clock.monotonic() >= until) return false;
      await io.clock.sleep(LOOK_EVERY_MS, io.signal);
    }
    await this.close();
    return true;
  }

  async isBack(io: IoContext): Promise<boolean> {
    const until = io.clock.monotonic() + BACK_MS;
    while (io.clock.monotonic() < until) {
      if (await driveAtPort(this.#drive.portPath, this.#root)) return true;
      await io.clock.sleep(LOOK_EVERY_MS, io.signal);
    }
    return false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#letGo();
    return this.#closing;
  }

  async #letGo(): Promise<void> {
    const own = this.#own;
    if (own === undefined) return;
    // Lazily: whatever is still under way on a device that is gone ends by itself.
    await run('umount', ['-l', own]).catch(() => undefined);
    await rm(own, { recursive: true, force: true }).catch(() => undefined);
  }

  /** The same device, not one that came back at its port. */
  async #isThere(): Promise<boolean> {
    const now = await driveAtPort(this.#drive.portPath, this.#root);
    return now !== undefined && now.usbDevice === this.#drive.usbDevice;
  }

  async #named(name: string): Promise<string | undefined> {
    const found = (await readdir(this.#folder)).find((entry) => entry.toUpperCase() === name.toUpperCase());
    return found === undefined ? undefined : join(this.#folder, found);
  }

  async #readAligned(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
    if (this.#buffer.length < length + ALIGNMENT) {
      this.#buffer = new Uint8Array(length + ALIGNMENT);
      this.#alignedAt = undefined;
    }
    const candidates = this.#alignedAt === undefined ? range(0, ALIGNMENT, STEP) : [this.#alignedAt];
    for (const at of candidates) {
      try {
        const { bytesRead } = await handle.read(this.#buffer, at, length, offset);
        this.#alignedAt = at;
        return this.#buffer.slice(at, at + bytesRead);
      } catch (error) {
        // The kernel's word for a buffer that is not aligned.
        if (codeOf(error) !== 'EINVAL' || at === candidates.at(-1)) throw error;
      }
    }
    throw new RangeError('no buffer');
  }

  /** A device that hangs must not hold a slot; one that is gone says so in several ways. */
  async #bounded<T>(work: () => Promise<T>, io: IoContext): Promise<T> {
    io.signal.throwIfAborted();
    const { url } = this;
    const done = await within(work(), IO_MS, io).catch((cause: unknown) => {
      const code = codeOf(cause);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
        throw new FlashlineError('probe-permission', { params: { url }, cause });
      if (code === undefined) throw cause;
      throw new FlashlineError('probe-lost', { params: { url }, cause });
    });
    if (done) return done.value;
    throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(IO_MS) } });
  }
}

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: (to - from) / step }, (_, index) => from + index * step);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
