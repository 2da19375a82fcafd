import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UsbDeviceInfo } from '../../link/usb-device-info.ts';
import { listUsbDevices, openUsbDevice } from '../../link/usb-devices.ts';
import { parseUsbPlace, type UsbPlace } from '../../link/usb-place.ts';
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
  const info = ftdiAt(place, url, await listUsbDevices({ platform: process.platform }));
  const { model } = FTDI_MODELS[info.productId] ?? { model: 'FT2232H' };
  const usb = await openUsbDevice(info, url, io);
  const { manufacturer = 'FTDI', product = model, serial = '', release } = info;
  return { usb, model, channel, layout, description: { vendor: manufacturer, product, serial, firmware: release } };
}

function ftdiAt(place: UsbPlace, url: string, listed: readonly UsbDeviceInfo[]): UsbDeviceInfo {
  const meant = listed.filter(
    ({ vendorId, productId, serial, portPath }) =>
      vendorId === FTDI_VENDOR &&
      Object.hasOwn(FTDI_MODELS, productId) &&
      (place.by === 'port' ? portPath === place.portPath : serial === place.serial),
  );
  const [found] = meant;
  if (!found) throw new FlashlineError('probe-not-found', { params: { url } });
  if (meant.length === 1) return found;
  const candidates = meant.map(({ portPath }) => `ftdi:@${portPath}`).join(', ');
  throw new FlashlineError('probe-ambiguous', { params: { url, candidates } });
}
