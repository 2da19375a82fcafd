import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { parseUsbPlace } from '../../link/usb-place.ts';
import { openFtdiI2c } from '../../probe/ftdi/open-ftdi.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import { realClock } from '../compose-home.ts';
import { FTDI_FORM, openFtdiAt, parseFtdiAddress } from './ftdi-address.ts';
import { openI2cChip } from './i2c-chips.ts';
import { openMcp2221At } from './mcp2221-address.ts';
import type { ProbeWay } from './way.ts';

/** One kind of adapter with an I2C bus: a row of ADAPTERS. */
interface I2cAdapterKind {
  /** What its URLs begin with, the last colon included. */
  readonly prefix: string;
  readonly forms: string;
  /** The rest of the URL to what opens the adapter; undefined where it is no address of its kind. */
  parse(rest: string, url: string): ((io: IoContext) => Promise<I2cPort>) | undefined;
}

const ftdi: I2cAdapterKind = {
  prefix: 'i2c:ftdi:',
  forms: `i2c:${FTDI_FORM}`,
  parse(rest, url) {
    const address = parseFtdiAddress(rest);
    return address && (async (io) => openFtdiI2c(await openFtdiAt(address, url, io), io));
  },
};

const mcp2221: I2cAdapterKind = {
  prefix: 'i2c:mcp2221:',
  forms: 'i2c:mcp2221:<usb serial> or i2c:mcp2221:@<usb port>',
  parse(rest, url) {
    const parsed = parseUsbPlace(rest);
    if (!parsed || parsed.options.size > 0) return undefined;
    return (io) => openMcp2221At(parsed.place, url, io);
  },
};

/** Every kind of I2C adapter: a new one is a row here. */
const ADAPTERS: readonly I2cAdapterKind[] = [ftdi, mcp2221];

/** Chips on an I2C bus, through an adapter. */
export const i2cWay: ProbeWay = {
  prefix: 'i2c:',
  forms: ADAPTERS.map(({ forms }) => forms).join(', '),
  interfaces: ['i2c'],
  parse(url) {
    const kind = ADAPTERS.find(({ prefix }) => url.startsWith(prefix));
    const open = kind?.parse(url.slice(kind.prefix.length), url);
    if (!open) throw new FlashlineError('probe-address', { params: { url, expected: kind?.forms ?? i2cWay.forms } });
    return ({ chip }) => ({ clock: realClock, open: async (io) => openI2cChip(await open(io), chip, io) });
  },
};
