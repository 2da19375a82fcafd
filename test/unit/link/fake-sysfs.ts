import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface FakeInterface {
  readonly class: string;
  readonly name?: string;
  readonly driver?: string;
  /** Endpoint descriptors' addresses, bulk of 512 bytes, in order; for a class of ff. */
  readonly endpoints?: readonly number[];
  readonly hidraw?: string;
  readonly report?: readonly number[];
}

export interface FakeDevice {
  readonly port: string;
  readonly bus?: number;
  readonly address?: number;
  readonly serial?: string;
  readonly product?: string;
  /** Four hexadecimal digits each; a micro:bit's where left out. */
  readonly vendor?: string;
  readonly productId?: string;
  readonly interfaces: readonly FakeInterface[];
}

/** A report descriptor of CMSIS-DAP v1: 64 bytes each way (vendor page, input, output). */
export const REPORT_64 = [
  0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x40, 0x09, 0x01, 0x81,
  0x02, 0x95, 0x40, 0x09, 0x01, 0x91, 0x02, 0xc0,
];

/** Lays a device out below `root` as Linux does in /sys and /dev; returns its folder's path. */
export function plugDevice(root: string, device: FakeDevice): string {
  const { port, bus = 1, address = 7, vendor = '0d28', productId = '0204', interfaces } = device;
  const folder = join(root, 'sys/devices/pci0000:00/usb1', port);
  mkdirSync(folder, { recursive: true });
  const text = { idVendor: vendor, idProduct: productId, busnum: bus, devnum: address, bConfigurationValue: 1 };
  const strings = { manufacturer: 'Maker', product: device.product, serial: device.serial };
  for (const [name, value] of Object.entries({ ...text, ...strings }))
    if (value !== undefined) writeFileSync(join(folder, name), `${value}\n`);
  writeFileSync(join(folder, 'descriptors'), descriptorsOf(interfaces));
  interfaces.forEach((each, number) => plugInterface(root, folder, port, number, each));
  const link = join(root, 'sys/bus/usb/devices', port);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(folder, link);
  const node = join(root, 'dev/bus/usb', String(bus).padStart(3, '0'), String(address).padStart(3, '0'));
  mkdirSync(dirname(node), { recursive: true });
  writeFileSync(node, '');
  return folder;
}

export function unplugDevice(root: string, port: string): void {
  unlinkSync(join(root, 'sys/bus/usb/devices', port));
  rmSync(join(root, 'sys/devices/pci0000:00/usb1', port), { recursive: true });
}

function plugInterface(root: string, device: string, port: string, number: number, each: FakeInterface): void {
  const folder = join(device, `${port}:1.${number}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'bInterfaceClass'), `${each.class}\n`);
  writeFileSync(join(folder, 'bInterfaceNumber'), `${number.toString(16).padStart(2, '0')}\n`);
  if (each.name !== undefined) writeFileSync(join(folder, 'interface'), `${each.name}\n`);
  if (each.driver !== undefined) symlinkSync(`../../drivers/${each.driver}`, join(folder, 'driver'));
  if (each.hidraw === undefined) return;
  const hid = join(folder, '0003:0D28:0204.0001');
  mkdirSync(join(hid, 'hidraw', each.hidraw), { recursive: true });
  writeFileSync(join(hid, 'report_descriptor'), Uint8Array.from(each.report ?? REPORT_64));
  mkdirSync(join(root, 'dev'), { recursive: true });
  writeFileSync(join(root, 'dev', basename(each.hidraw)), '');
}

/** Device, configuration, interface and endpoint descriptors, as the file `descriptors` has them. */
export function descriptorsOf(interfaces: readonly FakeInterface[]): Uint8Array {
  const device = [18, 1, ...Array.from({ length: 16 }, () => 0)];
  const configuration = [9, 2, 0, 0, interfaces.length, 1, 0, 0x80, 50];
  const rest = interfaces.flatMap(({ class: kind, endpoints = [] }, number) => {
    const own = [9, 4, number, 0, endpoints.length, Number.parseInt(kind, 16), 0, 0, 0];
    return own.concat(endpoints.flatMap((address) => [7, 5, address, 2, 0x00, 0x02, 0]));
  });
  return Uint8Array.from([...device, ...configuration, ...rest]);
}
