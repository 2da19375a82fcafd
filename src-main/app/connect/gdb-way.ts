import { openStream } from '../../link/address.ts';
import { openGdbTarget } from '../../target/open-gdb.ts';
import { realClock } from '../compose-home.ts';
import { GDB_URL_FORMS, parseGdbUrl } from '../gdb-url.ts';
import type { ProbeWay } from './way.ts';

/** Any gdb server. It has its own mind about wires; only a probe that scans for its target is told which to scan. */
export const gdbWay: ProbeWay = {
  prefix: 'gdb:',
  forms: GDB_URL_FORMS,
  interfaces: ['swd', 'jtag'],
  parse(url) {
    const { stream, options } = parseGdbUrl(url);
    return ({ chip, interface: wire }) => {
      const attach = { ...options.attach, protocol: wire === 'jtag' ? ('jtag' as const) : ('swd' as const) };
      return {
        clock: realClock,
        open: async (io) => openGdbTarget(await openStream(stream, url, io), chip, io, { ...options, attach }),
      };
    };
  },
};
