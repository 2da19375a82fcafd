import type { IoContext } from '#shared/base/clock.ts';
import type { UsbDeviceInfo } from '../../link/usb-device-info.ts';
import { listUsbDevices, openUsbDevice } from '../../link/usb-devices.ts';
import { oneAt, parseUsbPlace, type UsbPlace } from '../../link/usb-place.ts';
import { isLayoutName, type LayoutName, LAYOUTS } from '../../probe/ftdi/layouts.ts';
import { type ChannelName, FTDI_MODELS, type FtdiAdapter } from '../../probe/ftdi/open-ftdi.ts';

export interface FtdiAddress {
  readonly place: UsbPlace;
  readonly channel: ChannelName;
  readonly layout: LayoutName;
}

export const FTDI_FORM = `ftdi:<usb serial> or ftdi:@<usb port>[?channel=A|B&layout=${Object.keys(LAYOUTS).join('|')}]`;
const FTDI_VENDOR = '0403';

/** What stands behind `ftdi:`. Undefined for what is none. */
export function parseFtdiAddress(text: string): FtdiAddress | undefined {
  const parsed = parseUsbPlace(text);
  if (!parsed) return undefined;
  const { place, options } = parsed;
  const { channel = 'A', layout = 'generic', ...others } = Object.fromEntries(options);
  if (Object.keys(others).length > 0 || (channel !== 'A' && channel !== 'B') || !isLayoutName(layout)) return undefined;
  return { place, channel, layout };
}

/** Finds and opens the adapter. Rejects with `probe-not-found`, `probe-ambiguous`, `probe-permission` or `probe-busy`. */
export async function openFtdiAt(
  { place, channel, layout }: FtdiAddress,
  url: string,
  io: IoContext,
): Promise<FtdiAdapter> {
  const listed = (await listUsbDevices({ platform: process.platform })).filter(isFtdi);
  const info = oneAt(place, url, listed, ({ portPath }) => `ftdi:@${portPath}`);
  const { model } = FTDI_MODELS[info.productId] ?? { model: 'FT2232H' };
  const usb = await openUsbDevice(info, url, io);
  const { manufacturer = 'FTDI', product = model, serial = '', release } = info;
  return { usb, model, channel, layout, description: { vendor: manufacturer, product, serial, firmware: release } };
}

/** Of the chips whose MPSSE is known, all of FTDI's own ids. */
export function isFtdi({ vendorId, productId }: UsbDeviceInfo): boolean {
  return vendorId === FTDI_VENDOR && Object.hasOwn(FTDI_MODELS, productId);
}
