import { dfuMode, dfuUrl } from '../link/dfu-devices.ts';
import type { Watched } from '../link/hotplug.ts';
import { listHf2 } from '../link/hf2-link.ts';
import type { UsbDeviceInfo } from '../link/usb-device-info.ts';
import { listUsbDevices } from '../link/usb-devices.ts';
import { isUf2Drive, listUsbDrives } from '../link/usb-drives.ts';
import type { UsbProbe } from '../link/usb-probe.ts';
import { listUsbProbes, type UsbProbesOptions } from '../link/usb-probes.ts';
import { mayOpen } from '../link/usb-sysfs.ts';
import { isFtdi } from './connect/ftdi-address.ts';
import { isMcp2221 } from './connect/mcp2221-address.ts';

/** Something on USB that a probe URL reaches. A device that can be used in several ways is there once for each. */
export interface PluggedIn extends Watched {
  readonly serial: string | null;
  /** The interfaces of a recipe that it is for. */
  readonly can: readonly string[];
  readonly description: string;
  /** A drive that the system has not mounted: only root may do that here. */
  readonly unmounted?: boolean;
}

/** Everything on USB that can be addressed, by port. Opens nothing on Linux. */
export async function listPluggedIn(options: UsbProbesOptions): Promise<PluggedIn[]> {
  const probes = (await listUsbProbes(options)).map(probeEntry);
  const devices = await listUsbDevices(options);
  const adapters = [...ftdis(devices.filter(isFtdi)), ...mcp2221s(devices.filter(isMcp2221))];
  const dfus = devices.flatMap(dfuEntry);
  const found = [...probes, ...adapters, ...dfus, ...(await bootDrives(options, devices))];
  return found.toSorted((a, b) => a.portPath.localeCompare(b.portPath, 'en', { numeric: true }));
}

function probeEntry(probe: UsbProbe): PluggedIn {
  const { url, portPath, device, access } = probe;
  const interfaces = [probe.bulk ? 'v2 bulk' : '', probe.hid ? 'v1 hid' : ''].filter(Boolean).join(', ');
  const serial = probe.serial ?? null;
  const description = `${nameOf(probe)} (CMSIS-DAP ${interfaces})`;
  return { url, portPath, device, access, interface: probe.interface, serial, can: ['swd', 'jtag'], description };
}

/** JTAG, SPI and I2C are wired differently: which of them it is for is the fixture's to know. */
function ftdis(devices: readonly UsbDeviceInfo[]): PluggedIn[] {
  return devices.flatMap((device) => {
    const place = placeOf(device, devices);
    const entry = (url: string, can: string) => entryOf(device, url, can, 'FTDI MPSSE');
    return [entry(`ftdi:${place}`, 'jtag'), entry(`spi:ftdi:${place}`, 'spi'), entry(`i2c:ftdi:${place}`, 'i2c')];
  });
}

function mcp2221s(devices: readonly UsbDeviceInfo[]): PluggedIn[] {
  return devices.map((device) => entryOf(device, `i2c:mcp2221:${placeOf(device, devices)}`, 'i2c', 'MCP2221A'));
}

function dfuEntry(device: UsbDeviceInfo): PluggedIn[] {
  const mode = dfuMode(device);
  if (mode === undefined) return [];
  const words = mode === 'runtime' ? 'DFU, firmware running' : 'DFU boot loader';
  return [entryOf(device, dfuUrl(device.portPath), 'dfu', words)];
}

/** UF2 boot loaders: their drives, and HF2 beside them. Only Linux tells at which port either is. */
async function bootDrives(options: UsbProbesOptions, devices: readonly UsbDeviceInfo[]): Promise<PluggedIn[]> {
  const { platform, root = '/' } = options;
  if (platform !== 'linux') return [];
  const may = options.mayOpen ?? mayOpen;
  const at = (portPath: string) => devices.find((device) => device.portPath === portPath);
  const loaders = await Promise.all(
    (await listHf2(root)).map(async ({ portPath, node }) => {
      const device = at(portPath);
      const access = (await may(node)) ? ('ok' as const) : ('denied' as const);
      return device ? [{ ...entryOf(device, `hf2:${portPath}`, 'hf2', 'UF2 boot loader, by HF2'), access }] : [];
    }),
  );
  const hf2 = loaders.flat();
  const drives = await Promise.all(
    (await listUsbDrives(root)).map(async (drive) => {
      const isBoot = hf2.some(({ portPath }) => portPath === drive.portPath) || (await isUf2Drive(drive));
      return isBoot ? [drive] : [];
    }),
  );
  const uf2 = drives.flat().flatMap(({ portPath, mounts }) => {
    const device = at(portPath);
    if (!device) return [];
    // Its driver is the system's; what a user may not do is to mount it.
    const entry = {
      ...entryOf(device, `uf2:${portPath}`, 'uf2', 'UF2 boot loader, by its drive'),
      access: 'ok' as const,
    };
    return [{ ...entry, unmounted: mounts.length === 0 }];
  });
  return [...uf2, ...hf2];
}

function entryOf(device: UsbDeviceInfo, url: string, can: string, what: string): PluggedIn {
  const { portPath, access, serial = null } = device;
  return {
    url,
    portPath,
    device: device.device,
    access,
    serial,
    can: [can],
    description: `${nameOf(device)} (${what})`,
  };
}

/** By its serial, or by its port where it has none or shares it with another. */
function placeOf({ serial, portPath }: UsbDeviceInfo, devices: readonly UsbDeviceInfo[]): string {
  const isUnique = serial !== undefined && devices.filter((one) => one.serial === serial).length === 1;
  return isUnique ? encodeURIComponent(serial) : `@${portPath}`;
}

function nameOf(device: Pick<UsbDeviceInfo, 'manufacturer' | 'product' | 'vendorId' | 'productId'>): string {
  const { manufacturer, product, vendorId, productId } = device;
  return [manufacturer, product, `${vendorId}:${productId}`].filter(Boolean).join(' ');
}
