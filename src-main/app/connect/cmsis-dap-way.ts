import type { IoContext } from '#shared/base/clock.ts';
import { parseCmsisDapAddress } from '../../link/cmsis-dap-address.ts';
import { openUsbProbe } from '../../link/open-usb-probe.ts';
import { openCmsisDapJtag } from '../../probe/cmsis-dap/cmsis-dap-jtag.ts';
import { openCmsisDap } from '../../probe/cmsis-dap/cmsis-dap.ts';
import { openAdiTarget } from '../../target/open-adi.ts';
import { realClock } from '../compose-home.ts';
import type { ProbeWay } from './way.ts';

const usb = { platform: process.platform };

/** CMSIS-DAP probes. The device is looked for at every opening: one that was plugged in anew is found at its port again. */
export const cmsisDapWay: ProbeWay = {
  prefix: 'cmsis-dap:',
  forms: 'cmsis-dap:<usb serial>, cmsis-dap:@<usb port>',
  interfaces: ['swd', 'jtag'],
  parse(url) {
    const address = parseCmsisDapAddress(url);
    const open = (io: IoContext) => openUsbProbe(address, url, usb, io);
    return (unit) => ({
      clock: realClock,
      open: async (io) => openAdiTarget(await openCmsisDap(await open(io), io), unit, io),
    });
  },
  jtagPins(url) {
    const address = parseCmsisDapAddress(url);
    const open = async (io: IoContext) => openCmsisDapJtag(await openUsbProbe(address, url, usb, io), io);
    return { clock: realClock, open };
  },
};
