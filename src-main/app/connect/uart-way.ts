import type { IoContext } from '#shared/base/clock.ts';
import type { SerialFormat } from '../../link/link.ts';
import { realClock } from '../compose-home.ts';
import { parseUartUrl, UART_URL_FORMS } from '../uart-url.ts';
import { openByUart } from './uart-kinds.ts';
import type { ProbeWay } from './way.ts';

/** Boot loaders on a serial port of this computer. */
export const uartWay: ProbeWay = {
  prefix: 'uart:',
  forms: UART_URL_FORMS,
  interfaces: ['uart'],
  parse(url) {
    const { path, options } = parseUartUrl(url);
    return (unit) => {
      const open = openByUart(unit);
      const port = {
        url,
        options,
        open: async (format: SerialFormat, io: IoContext) => {
          // Loaded on demand: the native binding is of no use to a station without serial ports.
          const { openSerial } = await import('../../link/serial.ts');
          return openSerial({ path, ...format }, url, io);
        },
      };
      return { clock: realClock, open: (io) => open(port, unit, io) };
    };
  },
};
