import { devicesAsync } from 'node-hid';
import { usb } from 'usb';
import type { ListedSetting, UsbDeviceInfo } from './usb-device-info.ts';
import type { BulkInterface, FoundProbe, HidInterface } from './usb-probe.ts';

/** The CMSIS-DAP specification asks for it in the interface's string (v2) or the product's (v1). */
const MARK = 'CMSIS-DAP';
const VENDOR_SPECIFIC = 0xff;
/** A full-speed interrupt endpoint's packet; hidapi tells no report's length. */
const REPORT_BYTES = 64;

/** What of an attached device npm `usb` tells; getters may open it for a moment, and throw. */
export interface AttachedDevice {
  readonly vendorId: number;
  readonly productId: number;
  readonly bus: string;
  readonly address: number;
  readonly ports: readonly number[];
  readonly manufacturerName: string | null;
  readonly productName: string | null;
  readonly serialNumber: string | null;
  readonly configuration: {
    readonly interfaces: readonly {
      readonly interfaceNumber: number;
      readonly alternate: {
        readonly interfaceClass: number;
        readonly interfaceName?: string | null;
        readonly endpoints: readonly {
          readonly endpointNumber: number;
          readonly direction: string;
          readonly type: string;
          readonly packetSize: number;
        }[];
      };
    }[];
  };
}

export interface AttachedHid {
  readonly vendorId: number;
  readonly productId: number;
  readonly path?: string | undefined;
  readonly product?: string | undefined;
  readonly serialNumber?: string | undefined;
}

/**
 * CMSIS-DAP probes where there is no sysfs (Windows, macOS). Interface names stand in the device, so what may be a
 * probe is opened for a moment; one whose product names CMSIS-DAP and that does not open is listed as denied.
 */
export async function probesByBindings(): Promise<FoundProbe[]> {
  return probesAmong(await usb.getDevices(), await devicesAsync());
}

/**
 * Everything that is plugged in where there is no sysfs. Interfaces stand in the device, which is opened for a moment;
 * one that does not open is listed as denied, without them. Class descriptors are not told.
 */
export async function devicesByBindings(): Promise<UsbDeviceInfo[]> {
  return (await usb.getDevices()).map(describeAny);
}

type BoundDevice = Omit<AttachedDevice, 'configuration'> & {
  readonly deviceVersionMajor: number;
  readonly deviceVersionMinor: number;
  readonly deviceVersionSubminor: number;
  readonly configuration?: BoundConfiguration;
};

interface BoundConfiguration {
  readonly configurationValue: number;
  readonly interfaces: readonly {
    readonly interfaceNumber: number;
    readonly alternates: readonly {
      readonly alternateSetting: number;
      readonly interfaceClass: number;
      readonly interfaceSubclass: number;
      readonly interfaceProtocol: number;
      readonly interfaceName?: string | null;
      readonly endpoints: readonly {
        readonly endpointNumber: number;
        readonly direction: 'in' | 'out';
        readonly type: 'control' | 'isochronous' | 'bulk' | 'interrupt';
        readonly packetSize: number;
      }[];
    }[];
  }[];
}

export function describeAny(device: BoundDevice): UsbDeviceInfo {
  const configuration = attempt(() => device.configuration);
  const product = attempt(() => device.productName) ?? undefined;
  const serial = attempt(() => device.serialNumber) ?? undefined;
  const manufacturer = attempt(() => device.manufacturerName) ?? undefined;
  const { deviceVersionMajor: major, deviceVersionMinor: minor, deviceVersionSubminor: sub } = device;
  return {
    vendorId: hex(device.vendorId),
    productId: hex(device.productId),
    release: hex((major << 8) | (minor << 4) | sub),
    ...(serial ? { serial } : {}),
    ...(product ? { product } : {}),
    ...(manufacturer ? { manufacturer } : {}),
    portPath: portPathOf(device),
    device: `${device.bus}:${device.address}`,
    configuration: configuration?.configurationValue ?? 0,
    settings: configuration ? settingsOf(configuration) : [],
    access: configuration ? 'ok' : 'denied',
  };
}

function settingsOf({ interfaces }: BoundConfiguration): ListedSetting[] {
  return interfaces.flatMap(({ interfaceNumber, alternates }) =>
    alternates.map((setting) => ({
      number: interfaceNumber,
      alternate: setting.alternateSetting,
      class: setting.interfaceClass,
      subclass: setting.interfaceSubclass,
      protocol: setting.interfaceProtocol,
      nameIndex: 0,
      ...(setting.interfaceName ? { name: setting.interfaceName } : {}),
      driver: null,
      endpoints: setting.endpoints.map((endpoint) => ({
        number: endpoint.endpointNumber,
        direction: endpoint.direction,
        transfer: endpoint.type,
        packetSize: endpoint.packetSize,
      })),
      extra: [],
    })),
  );
}

export function probesAmong(devices: readonly AttachedDevice[], hids: readonly AttachedHid[]): FoundProbe[] {
  const named = hids.filter((hid) => hid.product?.includes(MARK));
  return devices.flatMap((device) => {
    const product = attempt(() => device.productName) ?? undefined;
    const serial = attempt(() => device.serialNumber) ?? undefined;
    const manufacturer = attempt(() => device.manufacturerName) ?? undefined;
    const hid = hidOf(device, serial, named);
    const bulk = bulkOf(device, product?.includes(MARK) === true && !hid);
    if (!bulk && !hid) return [];
    return [
      {
        vendorId: hex(device.vendorId),
        productId: hex(device.productId),
        ...(serial ? { serial } : {}),
        ...(product ? { product } : {}),
        ...(manufacturer ? { manufacturer } : {}),
        portPath: portPathOf(device),
        device: `${device.bus}:${device.address}`,
        ...(bulk ? { bulk } : {}),
        ...(hid ? { hid } : {}),
      },
    ];
  });
}

/** `1-2.3`: the bus as the system names it, without what would end an address. */
function portPathOf({ bus, ports }: { readonly bus: string; readonly ports: readonly number[] }): string {
  const name = /^\d+$/u.test(bus) ? String(Number(bus)) : bus.replaceAll(/[^\w{}&#]/gu, '_');
  return `${name}-${ports.length === 0 ? '0' : ports.join('.')}`;
}

function bulkOf(device: AttachedDevice, isProbe: boolean): BulkInterface | undefined {
  const configuration = attempt(() => device.configuration);
  if (!configuration) {
    return isProbe ? { interfaceNumber: 0, in: 0, out: 0, packetSize: 64, access: 'denied' } : undefined;
  }
  for (const { interfaceNumber, alternate } of configuration.interfaces) {
    if (alternate.interfaceClass !== VENDOR_SPECIFIC || !alternate.interfaceName?.includes(MARK)) continue;
    const bulk = alternate.endpoints.filter(({ type }) => type === 'bulk');
    const input = bulk.find(({ direction }) => direction === 'in');
    const output = bulk.find(({ direction }) => direction === 'out');
    if (!input || !output) continue;
    const { endpointNumber, packetSize } = input;
    return { interfaceNumber, in: endpointNumber, out: output.endpointNumber, packetSize, access: 'ok' };
  }
  return undefined;
}

/** hidapi knows no ports: the same ids and serial are the same device. */
function hidOf(
  device: AttachedDevice,
  serial: string | undefined,
  named: readonly AttachedHid[],
): HidInterface | undefined {
  const found = named.find(
    (hid) =>
      hid.vendorId === device.vendorId &&
      hid.productId === device.productId &&
      (serial === undefined || !hid.serialNumber || hid.serialNumber === serial),
  );
  return found?.path === undefined ? undefined : { path: found.path, reportBytes: REPORT_BYTES, access: 'ok' };
}

/** The bindings read strings from the device when asked; one that does not answer, or may not be opened, has none. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function hex(id: number): string {
  return id.toString(16).padStart(4, '0');
}
