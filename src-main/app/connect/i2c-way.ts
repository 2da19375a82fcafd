import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { hidAt, listHids, openHidAt } from '../../link/hid-devices.ts';
import { parseUsbPlace } from '../../link/usb-place.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import { REPORT_BYTES } from '../../probe/mcp2221/mcp2221-reports.ts';
import { Mcp2221 } from '../../probe/mcp2221/mcp2221.ts';
import { realClock } from '../compose-home.ts';
import { openI2cChip } from './i2c-chips.ts';
import type { ProbeWay } from './way.ts';

/** One kind of adapter with an I2C bus: a row of ADAPTERS. */
interface I2cAdapterKind {
  /** What its URLs begin with, the last colon included. */
  readonly prefix: string;
  readonly forms: string;
  /** The rest of the URL to what opens the adapter; undefined where it is no address of its kind. */
  parse(rest: string, url: string): ((io: IoContext) => Promise<I2cPort>) | undefined;
}

/** Microchip's own ids (DS20005565, 1.4). */
const MCP2221 = { vendor: 0x04d8, product: 0x00dd };

const mcp2221: I2cAdapterKind = {
  prefix: 'i2c:mcp2221:',
  forms: 'i2c:mcp2221:<usb serial> or i2c:mcp2221:@<usb port>',
  parse(rest, url) {
    const parsed = parseUsbPlace(rest);
    if (!parsed || parsed.options.size > 0) return undefined;
    return async (io) => {
      const found = hidAt(parsed.place, url, await listHids(MCP2221.vendor, MCP2221.product));
      return new Mcp2221(await openHidAt(found, REPORT_BYTES, url, io), found.serial ?? '');
    };
  },
};

/** Every kind of I2C adapter: a new one is a row here. */
const ADAPTERS: readonly I2cAdapterKind[] = [mcp2221];

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
