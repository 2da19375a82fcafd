import { FlashlineError } from '#shared/model/failure.ts';
import type { UsbDeviceInfo } from './usb-device-info.ts';
import { listUsbDevices } from './usb-devices.ts';
import type { UsbProbesOptions } from './usb-probes.ts';

export type DfuAddress =
  | { readonly by: 'port'; readonly portPath: string }
  | { readonly by: 'serial'; readonly serial: string };

const FORMS = 'dfu:<usb port>, for example dfu:1-2.3, or dfu:<usb serial>';
/** The bus, then the port of each hub on the way. */
const PORT_PATH = /^\d+-\d+(?:\.\d+)*$/u;

/** DFU's interface class and its protocols: run time and boot loader (DFU 1.1, 4.1.2 and 4.2.3). */
const DFU = { class: 0xfe, subclass: 0x01, runtime: 0x01, loader: 0x02 } as const;

/** Reads `dfu:...`. Throws `probe-address`. */
export function parseDfuAddress(url: string): DfuAddress {
  const text = decoded(/^dfu:@?([^\s?@][^\s?]*)$/u.exec(url)?.[1]);
  if (text === undefined || text === '')
    throw new FlashlineError('probe-address', { params: { url, expected: FORMS } });
  return PORT_PATH.test(text) ? { by: 'port', portPath: text } : { by: 'serial', serial: text };
}

/** By its place: serial numbers of boot loaders are often the same on every unit. */
export function dfuUrl(portPath: string): string {
  return `dfu:${portPath}`;
}

/** Devices with DFU that are plugged in, by port path. Opens none of them on Linux. */
export async function listDfuDevices(options: UsbProbesOptions): Promise<UsbDeviceInfo[]> {
  return (await listUsbDevices(options)).filter((device) => dfuMode(device) !== undefined);
}

/** Which of its two lives a device is in; undefined for one without DFU. */
export function dfuMode({ settings }: Pick<UsbDeviceInfo, 'settings'>): 'loader' | 'runtime' | undefined {
  const protocols = settings.filter((one) => one.class === DFU.class && one.subclass === DFU.subclass);
  if (protocols.some(({ protocol }) => protocol === DFU.loader)) return 'loader';
  return protocols.some(({ protocol }) => protocol === DFU.runtime) ? 'runtime' : undefined;
}

/** The device that an address means. Throws `probe-not-found` or `probe-ambiguous`. */
export function findDfuDevice(address: DfuAddress, url: string, devices: readonly UsbDeviceInfo[]): UsbDeviceInfo {
  const meant = devices.filter((device) =>
    address.by === 'port' ? device.portPath === address.portPath : device.serial === address.serial,
  );
  const [device] = meant;
  if (!device) throw new FlashlineError('probe-not-found', { params: { url } });
  if (meant.length === 1) return device;
  const candidates = meant.map(({ portPath }) => dfuUrl(portPath)).join(', ');
  throw new FlashlineError('probe-ambiguous', { params: { url, candidates } });
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
