import { assertNever } from '#shared/base/assert-never.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Bench, createBench } from '../bench/bench.ts';
import { type BenchAddress, parseBenchUrl } from '../bench/parse-bench-url.ts';
import { openStream } from '../link/address.ts';
import { type CmsisDapAddress, parseCmsisDapAddress } from '../link/cmsis-dap-address.ts';
import { openUsbProbe } from '../link/open-usb-probe.ts';
import { openCmsisDap } from '../probe/cmsis-dap/cmsis-dap.ts';
import { openAdiTarget } from '../target/open-adi.ts';
import { openGdbTarget } from '../target/open-gdb.ts';
import type { Connection, Connector, ConnectRequest } from '../target/target.ts';
import { realClock } from './compose-home.ts';
import { GDB_URL_FORMS, type GdbUrl, parseGdbUrl } from './gdb-url.ts';

export interface ConnectorOptions {
  /** The bench's virtual seconds to a real one, for people to watch; null lets virtual time cost no real time. */
  readonly pace: number | null;
}

const FORMS = `bench:<chip>, cmsis-dap:<usb serial>, cmsis-dap:@<usb port>, ${GDB_URL_FORMS}`;
/** The same boards get the same hardware ids, run after run, whoever offers them. */
export const BENCH_SEED = 1;

type ProbeAddress =
  | { readonly kind: 'bench'; readonly bench: BenchAddress }
  | { readonly kind: 'usb'; readonly usb: CmsisDapAddress }
  | { readonly kind: 'gdb'; readonly gdb: GdbUrl };

/** Throws `probe-address` for what is no probe's URL. */
export function parseProbeUrl(url: string): ProbeAddress {
  if (url.startsWith('bench:')) return { kind: 'bench', bench: parseBenchUrl(url) };
  if (url.startsWith('gdb:')) return { kind: 'gdb', gdb: parseGdbUrl(url) };
  if (url.startsWith('cmsis-dap:')) return { kind: 'usb', usb: parseCmsisDapAddress(url) };
  throw new FlashlineError('probe-address', { params: { url, expected: FORMS } });
}

/** Ways to units by probe URL. Throws as `parseProbeUrl` does. */
export function connectorOf({ pace }: ConnectorOptions): Connector {
  const bench = createBench({
    startAt: () => realClock.now(),
    seed: BENCH_SEED,
    ...(pace === null ? {} : { pacing: { real: realClock, factor: pace } }),
  });
  return (request) => {
    const address = parseProbeUrl(request.url);
    switch (address.kind) {
      case 'bench':
        return onBench(bench, address.bench, request);
      case 'usb':
        return overUsb(address.usb, request);
      case 'gdb':
        return overGdb(address.gdb, request);
      default:
        return assertNever(address, 'probe address');
    }
  };
}

function onBench(bench: Bench, address: BenchAddress, unit: ConnectRequest): Connection {
  const { url, serial } = unit;
  const { link, clock } = bench.connect(address.chip, serial, address.faults, { probe: address.probe, url });
  return {
    clock,
    open: async (io) => openAdiTarget(await openCmsisDap(link, io), unit, io),
  };
}

/** The device is looked for at every opening: a probe that was plugged in anew since is found at its port again. */
function overUsb(address: CmsisDapAddress, unit: ConnectRequest): Connection {
  const usb = { platform: process.platform };
  return {
    clock: realClock,
    open: async (io) => openAdiTarget(await openCmsisDap(await openUsbProbe(address, unit.url, usb, io), io), unit, io),
  };
}

function overGdb({ stream, options }: GdbUrl, { url, chip, interface: wire }: ConnectRequest): Connection {
  // Only a probe that scans for its target is told which wires to scan.
  const attach = { ...options.attach, protocol: wire === 'jtag' ? ('jtag' as const) : ('swd' as const) };
  return {
    clock: realClock,
    open: async (io) => openGdbTarget(await openStream(stream, url, io), chip, io, { ...options, attach }),
  };
}
