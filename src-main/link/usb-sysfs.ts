import { constants } from 'node:fs';
import { access, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { outputReportBytes } from './hid-report.ts';
import { bulkEndpoints, usbSettings } from './usb-descriptors.ts';
import type { UsbDeviceInfo } from './usb-device-info.ts';
import type { BulkInterface, FoundProbe, HidInterface, ProbeAccess } from './usb-probe.ts';

/** USB class codes, as sysfs writes them. */
const VENDOR_SPECIFIC = 'ff';
const HUMAN_INTERFACE = '03';
/** The CMSIS-DAP specification asks for it in the interface's string (v2) or the product's (v1). */
const MARK = 'CMSIS-DAP';
/** The kernel's name for a program that has claimed an interface through /dev/bus/usb. */
export const CLAIMED = 'usbfs';

/** Whether this user may open a device node for reading and writing. */
export type MayOpen = (node: string) => Promise<boolean>;

interface Place {
  /** Where /sys and /dev are. */
  readonly root: string;
  readonly mayOpen: MayOpen;
}

/**
 * CMSIS-DAP probes from /sys alone: no program, no library, and no device is opened.
 * https://docs.kernel.org/admin-guide/abi-stable-files.html (sysfs-bus-usb)
 */
export async function probesInSysfs(place: Place): Promise<FoundProbe[]> {
  const folder = join(place.root, 'sys/bus/usb/devices');
  const names = (await entries(folder)).filter((name) => /^\d+-[\d.]+$/u.test(name));
  const found = await Promise.all(names.map((name) => describeDevice(place, folder, name)));
  return found.filter((probe) => probe !== undefined);
}

async function describeDevice(place: Place, folder: string, name: string): Promise<FoundProbe | undefined> {
  const device = join(folder, name);
  const [vendorId, productId, product, manufacturer, serial, bus, address] = await Promise.all(
    ['idVendor', 'idProduct', 'product', 'manufacturer', 'serial', 'busnum', 'devnum'].map((key) => text(device, key)),
  );
  if (!vendorId || !productId || !bus || !address) return undefined;
  const isProbe = product?.includes(MARK) === true;
  const interfaces = await readInterfaces(device, name);
  const node = join('/dev/bus/usb', bus.padStart(3, '0'), address.padStart(3, '0'));
  const bulk = await findBulk(place, device, interfaces, node);
  const hid = await findHid(place, interfaces, isProbe);
  if (!bulk && !hid) return undefined;
  return {
    vendorId,
    productId,
    ...(serial ? { serial } : {}),
    ...(product ? { product } : {}),
    ...(manufacturer ? { manufacturer } : {}),
    portPath: name,
    device: `${bus}:${address}`,
    ...(bulk ? { bulk } : {}),
    ...(hid ? { hid } : {}),
  };
}

/** Everything that is plugged in, hubs among it, from /sys alone. */
export async function devicesInSysfs(place: Place): Promise<UsbDeviceInfo[]> {
  const folder = join(place.root, 'sys/bus/usb/devices');
  const names = (await entries(folder)).filter((name) => /^\d+-[\d.]+$/u.test(name));
  const found = await Promise.all(names.map((name) => describeAny(place, folder, name)));
  return found.filter((device) => device !== undefined);
}

async function describeAny(place: Place, folder: string, name: string): Promise<UsbDeviceInfo | undefined> {
  const device = join(folder, name);
  const keys = ['idVendor', 'idProduct', 'bcdDevice', 'product', 'manufacturer', 'serial', 'busnum', 'devnum'];
  const values = await Promise.all(keys.map((key) => text(device, key)));
  const [vendorId, productId, release, product, manufacturer, serial, bus, address] = values;
  if (!vendorId || !productId || !bus || !address) return undefined;
  const interfaces = await readInterfaces(device, name);
  const descriptors = (await readFile(join(device, 'descriptors')).catch(absent)) ?? new Uint8Array();
  const configuration = Number(await text(device, 'bConfigurationValue'));
  const node = join('/dev/bus/usb', bus.padStart(3, '0'), address.padStart(3, '0'));
  const settings = usbSettings(descriptors, configuration).map((setting) => {
    const now = interfaces.find(({ number }) => number === setting.number);
    // sysfs names an interface as it is set now.
    const named = now?.name !== undefined && now.alternate === setting.alternate ? { name: now.name } : {};
    return Object.assign(setting, named, { driver: now?.driver ?? null });
  });
  const busy = interfaces.some(({ driver }) => driver === CLAIMED);
  return {
    vendorId,
    productId,
    release: release ?? '0000',
    ...(serial ? { serial } : {}),
    ...(product ? { product } : {}),
    ...(manufacturer ? { manufacturer } : {}),
    portPath: name,
    device: `${bus}:${address}`,
    configuration,
    settings,
    access: busy ? 'busy' : await accessTo(place, node),
  };
}

/** The driver that has this interface of the active configuration now; undefined where none has, and where there is no sysfs. */
export async function driverOfInterface(portPath: string, number: number, root = '/'): Promise<string | undefined> {
  const device = join(root, 'sys/bus/usb/devices', portPath);
  const configuration = await text(device, 'bConfigurationValue');
  const driver = await readlink(join(device, `${portPath}:${configuration}.${number}`, 'driver')).catch(absent);
  return driver === undefined ? undefined : basename(driver);
}

interface SysInterface {
  readonly folder: string;
  readonly number: number;
  /** The setting that it is in now. */
  readonly alternate: number;
  readonly class: string | undefined;
  readonly name: string | undefined;
  readonly driver: string | undefined;
}

/** The interfaces of the active configuration: `1-2.3:1.0` is configuration 1, interface 0. */
async function readInterfaces(device: string, name: string): Promise<SysInterface[]> {
  const folders = (await entries(device)).filter((entry) => entry.startsWith(`${name}:`)).sort();
  return Promise.all(
    folders.map(async (entry) => {
      const folder = join(device, entry);
      const keys = ['bInterfaceClass', 'interface', 'bInterfaceNumber', 'bAlternateSetting'];
      const [kind, label, number, alternate] = await Promise.all(keys.map((key) => text(folder, key)));
      const driver = await readlink(join(folder, 'driver')).catch(absent);
      return {
        folder,
        number: Number.parseInt(number ?? '0', 16),
        // In decimal, with a blank before it.
        alternate: Number(alternate ?? '0'),
        class: kind,
        name: label,
        driver: driver === undefined ? undefined : basename(driver),
      };
    }),
  );
}

/** v2: vendor specific, named as CMSIS-DAP, with a bulk endpoint each way. */
async function findBulk(
  place: Place,
  device: string,
  interfaces: readonly SysInterface[],
  node: string,
): Promise<BulkInterface | undefined> {
  const named = interfaces.filter((each) => each.class === VENDOR_SPECIFIC && each.name?.includes(MARK));
  if (named.length === 0) return undefined;
  const descriptors = (await readFile(join(device, 'descriptors')).catch(absent)) ?? new Uint8Array();
  const configuration = Number(await text(device, 'bConfigurationValue'));
  for (const { number, driver } of named) {
    const endpoints = bulkEndpoints(descriptors, configuration, number);
    if (endpoints) return { ...endpoints, access: driver === CLAIMED ? 'busy' : await accessTo(place, node) };
  }
  return undefined;
}

/** v1: an HID interface that is named as CMSIS-DAP, or the only kind of HID on a product that is. */
async function findHid(
  place: Place,
  interfaces: readonly SysInterface[],
  isProbe: boolean,
): Promise<HidInterface | undefined> {
  const all = interfaces.filter((each) => each.class === HUMAN_INTERFACE);
  const named = all.find((each) => each.name?.includes(MARK));
  const chosen = named ?? (isProbe ? all[0] : undefined);
  if (!chosen) return undefined;
  for (const entry of await entries(chosen.folder)) {
    // bus:vendor:product.instance, HID's own name for the device.
    if (!/^[\dA-F]{4}:[\dA-F]{4}:[\dA-F]{4}\.[\dA-F]+$/u.test(entry)) continue;
    const folder = join(chosen.folder, entry);
    const [hidraw] = await entries(join(folder, 'hidraw'));
    if (hidraw === undefined) continue;
    const path = join('/dev', hidraw);
    const descriptor = await readFile(join(folder, 'report_descriptor')).catch(absent);
    return { path, reportBytes: outputReportBytes(descriptor), access: await accessTo(place, path) };
  }
  // No hidraw: a program has taken the interface from the kernel's driver.
  return { path: null, reportBytes: outputReportBytes(undefined), access: 'busy' };
}

/** A node that is not there (a container without /dev/bus/usb) cannot be opened either. */
async function accessTo({ root, mayOpen }: Place, node: string): Promise<ProbeAccess> {
  return (await mayOpen(join(root, node))) ? 'ok' : 'denied';
}

export async function mayOpen(node: string): Promise<boolean> {
  return access(node, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function text(folder: string, name: string): Promise<string | undefined> {
  return (await readFile(join(folder, name), 'utf8').catch(absent))?.trim();
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
