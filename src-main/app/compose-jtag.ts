import { assertNever } from '#shared/base/assert-never.ts';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { createBench } from '../bench/bench.ts';
import { openUsbProbe } from '../link/open-usb-probe.ts';
import { openCmsisDapJtag } from '../probe/cmsis-dap/cmsis-dap-jtag.ts';
import type { JtagPort } from '../probe/jtag-port.ts';
import { BENCH_SEED, parseProbeUrl } from './compose-connector.ts';
import { realClock } from './compose-home.ts';

/** A probe's JTAG pins, and the time that its work is counted in. */
export interface JtagPins {
  readonly clock: Clock;
  readonly open: (io: IoContext) => Promise<JtagPort>;
}

/**
 * The JTAG pins of the probe with this URL; on the bench, of the unit with this serial. Throws `probe-address`, and
 * `probe-unsuited` for a probe that keeps its pins to itself.
 */
export function jtagPinsOf(url: string, serial: string): JtagPins {
  const address = parseProbeUrl(url);
  switch (address.kind) {
    case 'bench': {
      const { chip, probe, faults } = address.bench;
      const bench = createBench({ startAt: () => realClock.now(), seed: BENCH_SEED });
      const { link, clock } = bench.connect(chip, serial, faults, { probe, url });
      return { clock, open: (io) => openCmsisDapJtag(link, io) };
    }
    case 'usb': {
      const { usb } = address;
      const open = async (io: IoContext) =>
        openCmsisDapJtag(await openUsbProbe(usb, url, { platform: process.platform }, io), io);
      return { clock: realClock, open };
    }
    case 'gdb':
      throw new FlashlineError('probe-unsuited', {
        params: { url, detail: 'a gdb server does not offer its JTAG pins' },
      });
    default:
      return assertNever(address, 'probe address');
  }
}
