import { FlashlineError } from '#shared/model/failure.ts';
import { openFtdi, openFtdiJtag } from '../../probe/ftdi/open-ftdi.ts';
import { openAdiTarget } from '../../target/open-adi.ts';
import { realClock } from '../compose-home.ts';
import { FTDI_FORM, type FtdiAddress, openFtdiAt, parseFtdiAddress } from './ftdi-address.ts';
import type { ProbeWay } from './way.ts';

/** JTAG by an FTDI chip's MPSSE. */
export const ftdiWay: ProbeWay = {
  prefix: 'ftdi:',
  forms: FTDI_FORM,
  interfaces: ['jtag'],
  parse(url) {
    const address = addressOf(url);
    return (unit) => ({
      clock: realClock,
      open: async (io) => openAdiTarget(await openFtdi(await openFtdiAt(address, url, io), io), unit, io),
    });
  },
  jtagPins(url) {
    const address = addressOf(url);
    return { clock: realClock, open: async (io) => openFtdiJtag(await openFtdiAt(address, url, io), io) };
  },
};

function addressOf(url: string): FtdiAddress {
  const address = parseFtdiAddress(url.slice(ftdiWay.prefix.length));
  if (address) return address;
  throw new FlashlineError('probe-address', { params: { url, expected: FTDI_FORM } });
}
