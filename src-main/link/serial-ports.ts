import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A serial port that is plugged in now. */
export interface SerialPortInfo {
  /** What to open and to bind a slot to: a by-path name where the system makes them, else the device. */
  readonly path: string;
  /** The device as enumerated this time, `/dev/ttyACM0` or `COM5`. */
  readonly device: string;
  /** Where it is plugged in: the USB port chain (`1-4.2:1.0`) or the bus address. */
  readonly port: string;
  readonly vendorId?: string;
  readonly productId?: string;
  readonly manufacturer?: string;
  readonly product?: string;
  readonly serial?: string;
}

/**
 * Lists serial ports. On Linux from /dev/serial and /sys alone: no program has to be installed for it (serialport's
 * own list needs `udevadm`, and brings the process down where that is missing). `root` is where /dev and /sys are.
 */
export async function listSerialPorts(options: {
  platform: NodeJS.Platform;
  root?: string;
}): Promise<SerialPortInfo[]> {
  if (options.platform === 'linux') return listOnLinux(options.root ?? '/');
  const { SerialPort } = await import('serialport');
  const ports = await SerialPort.list();
  return ports.map((port) => {
    const { path, manufacturer, serialNumber: serial } = port;
    const [vendorId, productId] = [port.vendorId?.toLowerCase(), port.productId?.toLowerCase()];
    const known = compact({ vendorId, productId, manufacturer, serial });
    return Object.assign({ path, device: path, port: port.locationId ?? port.pnpId ?? path }, known);
  });
}

async function listOnLinux(root: string): Promise<SerialPortInfo[]> {
  const byPath = await namesByDevice(join(root, 'dev/serial/by-path'));
  const classFolder = join(root, 'sys/class/tty');
  const found = await Promise.all(
    (await entries(classFolder)).map(async (name) => describeTty(classFolder, name, byPath.get(name))),
  );
  return found
    .filter((port): port is SerialPortInfo => port !== undefined)
    .sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
}

/** ttys with a `device` link have hardware; the 8250 driver's spare ttyS* hang below its own platform device. */
async function describeTty(
  classFolder: string,
  name: string,
  byPath: string | undefined,
): Promise<SerialPortInfo | undefined> {
  const device = await realpath(join(classFolder, name, 'device')).catch(absent);
  if (device === undefined) return undefined;
  if (device.includes('/serial8250')) return undefined;
  const usb = await usbDeviceAbove(device);
  return {
    path: byPath ?? join('/dev', name),
    device: join('/dev', name),
    port: usb ? usb.interface : basename(device),
    ...(usb ? await usbStrings(usb.folder) : {}),
  };
}

/** The USB device that carries `device`, and the name of the interface (`1-4.2:1.0`), which names the port chain. */
async function usbDeviceAbove(device: string): Promise<{ folder: string; interface: string } | undefined> {
  let folder = device;
  while (folder !== dirname(folder)) {
    const name = basename(folder);
    if (/^\d+-[\d.]+:\d+\.\d+$/u.test(name)) return { folder: dirname(folder), interface: name };
    folder = dirname(folder);
  }
  return undefined;
}

async function usbStrings(folder: string): Promise<Partial<SerialPortInfo>> {
  const [vendorId, productId, manufacturer, product, serial] = await Promise.all(
    ['idVendor', 'idProduct', 'manufacturer', 'product', 'serial'].map(async (name) =>
      (await readFile(join(folder, name), 'utf8').catch(absent))?.trim(),
    ),
  );
  return compact({ vendorId, productId, manufacturer, product, serial });
}

/** `ttyACM0` -> `/dev/serial/by-path/...`. */
async function namesByDevice(folder: string): Promise<Map<string, string>> {
  const names = await entries(folder);
  const pairs = await Promise.all(
    names.map(async (name) => {
      const target = await readlink(join(folder, name)).catch(absent);
      return target === undefined ? undefined : ([basename(target), `/dev/serial/by-path/${name}`] as const);
    }),
  );
  return new Map(pairs.filter((pair) => pair !== undefined));
}

async function entries(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? [];
}

/** A port may vanish between two looks, and a container has no /sys/class/tty: then there is nothing to list. */
function absent(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'EACCES' || code === 'ENODEV')
    return undefined;
  throw error;
}

/** Without the keys whose value is undefined (exactOptionalPropertyTypes). */
function compact<T extends Record<string, string | undefined>>(from: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
