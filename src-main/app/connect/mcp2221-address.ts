import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type ListedHid, listHids, openHidAt } from '../../link/hid-devices.ts';
import type { Link } from '../../link/link.ts';
import type { UsbDeviceInfo } from '../../link/usb-device-info.ts';
import { listUsbDevices, openUsbDevice } from '../../link/usb-devices.ts';
import { oneAt, type UsbPlace } from '../../link/usb-place.ts';
import { openReportLink, type ReportEndpoints } from '../../link/usb-report-link.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import { REPORT_BYTES } from '../../probe/mcp2221/mcp2221-reports.ts';
import { Mcp2221 } from '../../probe/mcp2221/mcp2221.ts';

/** Microchip's own ids (DS20005565, 1.4). */
const VENDOR = 0x04d8;
const PRODUCT = 0x00dd;
const HUMAN_INTERFACE = 3;

/** Finds and opens the adapter: by USB where Linux' own driver hides it from programs, elsewhere by the system's HID. */
export async function openMcp2221At(place: UsbPlace, url: string, io: IoContext): Promise<I2cPort> {
  if (process.platform !== 'linux') {
    const nameOf = ({ portPath, path }: ListedHid) => (portPath === undefined ? path : `@${portPath}`);
    const found = oneAt(place, url, await listHids(VENDOR, PRODUCT), nameOf);
    return new Mcp2221(await openHidAt(found, REPORT_BYTES, url, io), found.serial ?? '');
  }
  const listed = (await listUsbDevices({ platform: process.platform })).filter(isMcp2221);
  const info = oneAt(place, url, listed, ({ portPath }) => `i2c:mcp2221:@${portPath}`);
  return new Mcp2221(await openByUsb(info, url, io), info.serial ?? '');
}

async function openByUsb(info: UsbDeviceInfo, url: string, io: IoContext): Promise<Link> {
  const endpoints = reportEndpoints(info);
  if (endpoints) return openReportLink(await openUsbDevice(info, url, io), endpoints, io);
  throw new FlashlineError('probe-unsuited', { params: { url, detail: 'it has no HID interface' } });
}

function reportEndpoints({ settings }: UsbDeviceInfo): ReportEndpoints | undefined {
  const hid = settings.find((setting) => setting.class === HUMAN_INTERFACE);
  const input = hid?.endpoints.find(({ direction }) => direction === 'in');
  const output = hid?.endpoints.find(({ direction }) => direction === 'out');
  if (!hid || !input || !output) return undefined;
  return { interfaceNumber: hid.number, in: input.number, out: output.number, reportBytes: REPORT_BYTES };
}

export function isMcp2221({ vendorId, productId }: UsbDeviceInfo): boolean {
  return Number.parseInt(vendorId, 16) === VENDOR && Number.parseInt(productId, 16) === PRODUCT;
}
