import { access, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A USB device's block device, and where it is mounted. */
export interface UsbDrive {
  /** The USB port chain (`1-2.3`). */
  readonly portPath: string;
  /** `/dev/sda`. */
  readonly device: string;
  /** New at each plugging in. */
  readonly usbDevice: string;
  readonly serial: string | undefined;
  /** Where it is mounted, in the system's order. */
  readonly mounts: readonly string[];
}

/** The drives on USB, from /sys and /proc alone; `root` is where those are. Linux. */
export async function listUsbDrives(root = '/'): Promise<UsbDrive[]> {
  const folder = join(root, 'sys/class/block');
  const mounts = await readMounts(root);
  const found = await Promise.all((await entries(folder)).map((name) => describe(folder, name, mounts)));
  return found.filter((drive) => drive !== undefined);
}

async function describe(
  folder: string,
  name: string,
  mounts: ReadonlyMap<string, string[]>,
): Promise<UsbDrive | undefined> {
  const real = await realpath(join(folder, name)).catch(absent);
  // .../usb1/1-2/1-2.3/1-2.3:1.0/host0/target0:0:0/0:0:0:0/block/sda: the interface names the port.
  const at = real === undefined ? null : /^(.*\/(\d+-[\d.]+))\/\2:\d+\.\d+\//u.exec(real);
  const [, usb, portPath] = at ?? [];
  if (usb === undefined || portPath === undefined) return undefined;
  const device = join('/dev', name);
  const [serial, address] = await Promise.all(['serial', 'devnum'].map((key) => text(join(usb, key))));
  return { portPath, device, usbDevice: address ?? '', serial, mounts: mounts.get(device) ?? [] };
}

/** The serial number on USB of what is mounted there; undefined where it is no USB drive. */
export async function driveMountedAt(path: string, root = '/'): Promise<UsbDrive | undefined> {
  return (await listUsbDrives(root)).find(({ mounts }) => mounts.includes(path));
}

/** Whether a UF2 boot loader made this drive: an ordinary stick has no such file, and nobody tells of what is not mounted. */
export async function isUf2Drive({ mounts }: UsbDrive): Promise<boolean> {
  const looks = mounts.map((folder) =>
    access(join(folder, 'INFO_UF2.TXT')).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(looks)).includes(true);
}

/** `/proc/mounts`: device, folder and more; spaces and the like as octal numbers (proc(5), fstab(5)). */
async function readMounts(root: string): Promise<Map<string, string[]>> {
  const mounts = new Map<string, string[]>();
  const lines = ((await readFile(join(root, 'proc/mounts'), 'utf8').catch(absent)) ?? '').split('\n');
  for (const line of lines) {
    const [device = '', folder = ''] = line.split(' ').map(unescaped);
    if (!device.startsWith('/dev/')) continue;
    mounts.set(device, [...(mounts.get(device) ?? []), folder]);
  }
  return mounts;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/gu, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** An HID interface that speaks to programs, and the USB port that it is at. */
export interface HidRaw {
  readonly portPath: string;
  readonly node: string;
  readonly serial: string | undefined;
  readonly descriptor: Uint8Array;
}

/** HID devices on USB, from /sys alone. */
export async function listHidRaw(root = '/'): Promise<HidRaw[]> {
  const folder = join(root, 'sys/class/hidraw');
  const found = await Promise.all(
    (await entries(folder)).map(async (name): Promise<HidRaw | undefined> => {
      const device = await realpath(join(folder, name, 'device')).catch(absent);
      // .../1-2.3/1-2.3:1.1/0003:239A:0013.0004
      const face = device === undefined ? '' : dirname(device);
      const [, portPath] = /^(\d+-[\d.]+):\d+\.\d+$/u.exec(basename(face)) ?? [];
      const descriptor = device && (await readFile(join(device, 'report_descriptor')).catch(absent));
      if (portPath === undefined || !descriptor) return undefined;
      const serial = await text(join(dirname(face), 'serial'));
      return { portPath, node: join('/dev', name), serial, descriptor: new Uint8Array(descriptor) };
    }),
  );
  return found.filter((device) => device !== undefined);
}

/** UF2 boot loaders have a usage page of their own: FF97 (uf2-samdx1, cdc_enumerate.c, hidDescriptor). */
export function isHf2({ descriptor }: HidRaw): boolean {
  return descriptor[0] === 0x06 && descriptor[1] === 0x97 && descriptor[2] === 0xff;
}

async function text(path: string): Promise<string | undefined> {
  return (await readFile(path, 'utf8').catch(absent))?.trim();
}

async function entries(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? [];
}

/** A device may vanish between two looks; a machine without USB has none of these folders. */
function absent(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (['ENOENT', 'ENOTDIR', 'EINVAL', 'EACCES', 'ENODEV', 'EIO'].includes(String(code))) return undefined;
  throw error;
}
