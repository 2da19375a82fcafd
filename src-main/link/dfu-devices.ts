import { FlashlineError } from '#shared/model/failure.ts';
import type { UsbDeviceInfo } from './usb-device-info.ts';
import { listUsbDevices } from './usb-devices.ts';
import { oneAt, parseUnitPlace, type UsbPlace } from './usb-place.ts';
import type { UsbProbesOptions } from './usb-probes.ts';

const FORMS = 'dfu:<usb port>, for example dfu:1-2.3, or dfu:<usb serial>';

/** DFU's interface class and its protocols: run time and boot loader (DFU 1.1, 4.1.2 and 4.2.3). */
const DFU = { class: 0xfe, subclass: 0x01, runtime: 0x01, loader: 0x02 } as const;

/** Reads `dfu:...`. Throws `probe-address`. */
export function parseDfuAddress(url: string): UsbPlace {
  const place = url.startsWith('dfu:') ? parseUnitPlace(url.slice('dfu:'.length)) : undefined;
  if (place) return place;
  throw new FlashlineError('probe-address', { params: { url, expected: FORMS } });
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
export function findDfuDevice(address: UsbPlace, url: string, devices: readonly UsbDeviceInfo[]): UsbDeviceInfo {
  return oneAt(address, url, devices, ({ portPath }) => dfuUrl(portPath));
}
