import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openStream, parseStreamAddress, type StreamAddress } from '../../link/address.ts';
import { openSerprog } from '../../probe/serprog/serprog.ts';
import { openFtdiSpi } from '../../probe/ftdi/open-ftdi.ts';
import type { SpiPort } from '../../probe/spi-port.ts';
import { openSpiNor } from '../../programmer/spi-nor/open-spi-nor.ts';
import { realClock } from '../compose-home.ts';
import { FTDI_FORM, openFtdiAt, parseFtdiAddress } from './ftdi-address.ts';
import type { ProbeWay } from './way.ts';

/** One kind of adapter with an SPI bus: a row of ADAPTERS. */
interface SpiAdapterKind {
  /** What its URLs begin with, the last colon included. */
  readonly prefix: string;
  readonly forms: string;
  /** The rest of the URL to what opens the adapter; undefined where it is no address of its kind. */
  parse(rest: string, url: string): ((io: IoContext) => Promise<SpiPort>) | undefined;
}

const serprog: SpiAdapterKind = {
  prefix: 'spi:serprog:',
  forms: 'spi:serprog:tcp:<host>:<port>, spi:serprog:serial:<port path>[?baud=<bits a second>]',
  parse(rest, url) {
    const address = serprogAddress(rest);
    return address && (async (io) => openSerprog(await openStream(address, url, io), io));
  },
};

const ftdi: SpiAdapterKind = {
  prefix: 'spi:ftdi:',
  forms: `spi:${FTDI_FORM}`,
  parse(rest, url) {
    const address = parseFtdiAddress(rest);
    return address && (async (io) => openFtdiSpi(await openFtdiAt(address, url, io), io));
  },
};

/** Every kind of SPI adapter: a new one is a row here. */
const ADAPTERS: readonly SpiAdapterKind[] = [serprog, ftdi];

/** Memories on an SPI bus, through an adapter. */
export const spiWay: ProbeWay = {
  prefix: 'spi:',
  forms: ADAPTERS.map(({ forms }) => forms).join(', '),
  interfaces: ['spi'],
  parse(url) {
    const kind = ADAPTERS.find(({ prefix }) => url.startsWith(prefix));
    const open = kind?.parse(url.slice(kind.prefix.length), url);
    if (!open) throw new FlashlineError('probe-address', { params: { url, expected: kind?.forms ?? spiWay.forms } });
    return ({ chip }) => ({
      clock: realClock,
      open: async (io) => openSpiNor(await open(io), chip, io),
    });
  },
};

function serprogAddress(rest: string): StreamAddress | undefined {
  const [, place = rest, baud] = /^(.*)\?baud=([1-9]\d{0,7})$/su.exec(rest) ?? [];
  const address = parseStreamAddress(place);
  if (address?.kind === 'unix' || (baud !== undefined && address?.kind !== 'serial')) return undefined;
  return address?.kind === 'serial' && baud !== undefined ? { ...address, baudRate: Number(baud) } : address;
}
