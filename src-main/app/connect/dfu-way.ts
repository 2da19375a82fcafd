import { findDfuDevice, listDfuDevices, parseDfuAddress } from '../../link/dfu-devices.ts';
import { openUsbDevice, waitForUsbDevice } from '../../link/usb-devices.ts';
import { type DfuPlace } from '../../programmer/dfu/dfu-place.ts';
import { openDfu } from '../../programmer/dfu/open-dfu.ts';
import { realClock } from '../compose-home.ts';
import type { ProbeWay } from './way.ts';

const usb = { platform: process.platform };

/** Boards that stand on USB by themselves, in a DFU boot loader or with a firmware that can be left for one. */
export const dfuWay: ProbeWay = {
  prefix: 'dfu:',
  forms: 'dfu:<usb port>, dfu:<usb serial>',
  interfaces: ['dfu'],
  parse(url) {
    const address = parseDfuAddress(url);
    return ({ chip }) => ({
      clock: realClock,
      open: async (io) => {
        // From here on the place counts: a boot loader has another serial number than the firmware, or none.
        let { portPath, device } = findDfuDevice(address, url, await listDfuDevices(usb));
        const place: DfuPlace = {
          url,
          async open(context) {
            const found = findDfuDevice({ by: 'port', portPath }, url, await listDfuDevices(usb));
            device = found.device;
            return openUsbDevice(found, url, context);
          },
          async reopen(timeoutMs, context) {
            const wait = { portPath, is: () => true, not: device, timeoutMs };
            const found = await waitForUsbDevice(wait, () => listDfuDevices(usb), url, context);
            device = found.device;
            return openUsbDevice(found, url, context);
          },
        };
        return openDfu(place, chip, io);
      },
    });
  },
};
