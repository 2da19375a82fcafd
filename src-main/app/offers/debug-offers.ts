import { serveGdb } from '../../bench/gdb/server.ts';
import { serveBitbang } from '../../bench/jtag/remote-bitbang.ts';
import type { UsbipDevice } from '../../bench/usbip/server.ts';
import { usbProbe } from '../../bench/usbip/usb-probe.ts';
import { realClock } from '../compose-home.ts';
import { type Offer, usage, type Wanted } from './offer.ts';

const MOST_PROBES = 32;
const realMs = () => realClock.monotonic();

/** A chip with a debug port as a gdb server. */
export async function offerGdb({ bench, chip, serial }: Wanted, wanted: number): Promise<Offer> {
  const server = await serveGdb({ board: bench.boardFor(chip, serial), port: wanted, realMs });
  const { port } = server;
  const hints = [`gdb-multiarch -ex 'target remote 127.0.0.1:${port}'`];
  return { port, url: `gdb:tcp:127.0.0.1:${port}`, hints, close: () => server.close() };
}

/** Its JTAG pins, for OpenOCD. */
export async function offerBitbang({ bench, chip, serial }: Wanted, wanted: number): Promise<Offer> {
  const server = await serveBitbang({ board: bench.boardFor(chip, serial), port: wanted });
  const { port } = server;
  const pins = `-c 'adapter driver remote_bitbang' -c 'remote_bitbang host 127.0.0.1' -c 'remote_bitbang port ${port}'`;
  return { port, url: `bitbang:127.0.0.1:${port}`, hints: [`openocd ${pins}`], close: () => server.close() };
}

/** CMSIS-DAP probes that only their ports tell apart, each on a unit of its own. */
export function usbProbes({ bench, chip, serial, probe, count }: Wanted): UsbipDevice[] {
  const number = /^\d{1,3}$/u.test(count) ? Number(count) : 0;
  if (number < 1 || number > MOST_PROBES) throw usage(`--count is 1 to ${MOST_PROBES}, not ${count}`);
  return Array.from({ length: number }, (_, index) => {
    const unit = index === 0 ? serial : `${serial}-${index + 1}`;
    // Asked for now, so that a chip that the bench has not is said before anybody attaches it.
    bench.boardFor(chip, unit);
    return usbProbe({ bench, chip, unit, probe, probeSerial: serial, realMs });
  });
}
