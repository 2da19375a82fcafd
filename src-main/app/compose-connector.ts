import { join } from 'node:path';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Bench, createBench } from '../bench/bench.ts';
import { parseBenchUrl } from '../bench/parse-bench-url.ts';
import { GDB_ADDRESS_FORMS, openStream, parseGdbAddress } from '../link/address.ts';
import { openCmsisDap } from '../probe/cmsis-dap/cmsis-dap.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import { openFlashDevice } from '../programmer/open-flash-device.ts';
import { loadFlashAlgorithm } from '../programmer/ram-loader-algorithm.ts';
import { openGdbTarget } from '../target/open-gdb.ts';
import { openSwdTarget } from '../target/open-swd.ts';
import type { Connection, Connector, Target } from '../target/target.ts';
import { realClock } from './compose-home.ts';

export interface ConnectorOptions {
  /** The bench's virtual seconds to a real one, for people to watch; null lets virtual time cost no real time. */
  readonly pace: number | null;
}

const FORMS = `bench:<chip>, ${GDB_ADDRESS_FORMS}`;
/** The same boards get the same hardware ids, run after run. */
const BENCH_SEED = 1;

/** Ways to units by probe URL. Throws `probe-address` or `probe-unsuited` at once for what can never work. */
export function connectorOf({ pace }: ConnectorOptions): Connector {
  const bench = createBench({
    startAt: () => realClock.now(),
    seed: BENCH_SEED,
    ...(pace === null ? {} : { pacing: { real: realClock, factor: pace } }),
  });
  return (url, chip, serial) => {
    if (url.startsWith('bench:')) return onBench(bench, url, chip, serial);
    if (url.startsWith('gdb:')) return overGdb(url, chip);
    if (url.startsWith('cmsis-dap:')) {
      const detail = 'this version reaches CMSIS-DAP probes on the bench only; use their gdb server (gdb:tcp:...)';
      throw new FlashlineError('probe-unsuited', { params: { url, detail } });
    }
    throw new FlashlineError('probe-address', { params: { url, expected: FORMS } });
  };
}

function onBench(bench: Bench, url: string, chip: ChipDescription, serial: string): Connection {
  const { chip: simulated, faults, probe } = parseBenchUrl(url);
  const { link, clock } = bench.connect(simulated, serial, faults, { probe, url });
  return {
    clock,
    // The bench's chip has flash and debug registers, but no core that executes.
    open: async (io) => openSwdTarget(await openCmsisDap(link, io), chip, io, { executesCode: false }),
  };
}

function overGdb(url: string, chip: ChipDescription): Connection {
  const address = parseGdbAddress(url);
  return { clock: realClock, open: async (io) => openGdbTarget(await openStream(address, url, io), chip, io) };
}

/** The way to write a target's flash; RAM loaders come from `resources`. */
export function openFlashOf(resources: string): (target: Target, io: IoContext) => Promise<FlashDevice> {
  const folder = join(resources, 'flash-algorithms');
  return async (target, io) =>
    openFlashDevice(target, io, await loadFlashAlgorithm(folder, target.chip.controller.kind));
}
