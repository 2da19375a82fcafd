import type { Interface } from '#shared/model/recipe.ts';
import { serveUsbip, type UsbipDevice } from '../../bench/usbip/server.ts';
import { ftdiJtag, ftdiSpi, i2cAdapters } from './adapter-offers.ts';
import { offerBitbang, offerGdb, usbProbes } from './debug-offers.ts';
import { dfuDevices } from './dfu-offers.ts';
import { offerUartPty, offerUartTcp } from './uart-offers.ts';
import { uf2Units } from './uf2-offers.ts';
import { type Offer, type Place, type PlaceAs, usage, type Wanted } from './offer.ts';
import { offerSerprog } from './spi-offers.ts';

/** How a device of one interface can be offered; a new interface is one file of this folder, and one row here. */
interface Offers {
  readonly tcp?: (wanted: Wanted, port: number) => Promise<Offer>;
  readonly bitbang?: (wanted: Wanted, port: number) => Promise<Offer>;
  readonly pty?: (wanted: Wanted, link: string) => Promise<Offer>;
  readonly usb?: (wanted: Wanted) => readonly UsbipDevice[];
}

const DEBUG: Offers = { tcp: offerGdb, bitbang: offerBitbang, usb: debugProbes };
const UF2: Offers = { usb: uf2Units };
const OFFERS: Partial<Record<Interface, Offers>> = {
  swd: DEBUG,
  jtag: DEBUG,
  uart: { tcp: offerUartTcp, pty: offerUartPty },
  dfu: { usb: dfuDevices },
  uf2: UF2,
  hf2: UF2,
  spi: { tcp: offerSerprog, usb: ftdiSpi },
  i2c: { usb: i2cAdapters },
};

function debugProbes(wanted: Wanted): readonly UsbipDevice[] {
  if (wanted.adapter === undefined) return usbProbes(wanted);
  if (wanted.adapter === 'ftdi' && wanted.via === 'jtag') return ftdiJtag(wanted);
  throw usage(`${wanted.chip} by ${wanted.via} is not offered by ${wanted.adapter}; by ftdi it takes --interface jtag`);
}

/** What `usbip` connects to unless it is told otherwise. */
const USBIP_PORT = 3240;

/** Offers the device. Throws `usage` where it cannot be offered in that way. */
export async function offer(wanted: Wanted, place: Place): Promise<Offer> {
  const offers = OFFERS[wanted.via] ?? {};
  if (place.as === 'usbip' && offers.usb) return offerUsb(offers.usb(wanted), place, wanted);
  if (place.as === 'pty' && offers.pty) return offers.pty(wanted, place.link);
  if (place.as === 'tcp' && offers.tcp) return offers.tcp(wanted, place.port);
  if (place.as === 'bitbang' && offers.bitbang) return offers.bitbang(wanted, place.port);
  throw usage(`${wanted.chip} by ${wanted.via} cannot be offered as ${place.as}`);
}

async function offerUsb(
  devices: readonly UsbipDevice[],
  { host, port: asked }: PlaceAs<'usbip'>,
  { tell }: Wanted,
): Promise<Offer> {
  const server = await serveUsbip({
    port: asked,
    host,
    devices,
    attached: (busid) => tell({ type: 'bench.attached', busid }, `${busid} was attached`),
    detached: (busid, packets) =>
      tell(
        { type: 'bench.detached', busid, ...packets },
        `${busid} was detached after ${packets.requests} packets, ${packets.requestBytes + packets.responseBytes} bytes`,
      ),
  });
  const { port, busids } = server;
  const tcp = port === USBIP_PORT ? '' : ` --tcp-port ${port}`;
  const hints = ['modprobe vhci-hcd', ...busids.map((busid) => `usbip${tcp} attach -r ${host} -b ${busid}`)];
  return { port, url: `usbip:${host}:${port}`, busids, hints, close: () => server.close() };
}
