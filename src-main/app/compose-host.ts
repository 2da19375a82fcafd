import { join } from 'node:path';
import type { Sample } from '#shared/contract/station.ts';
import type { Failure } from '#shared/model/failure.ts';
import type { SlotOptions } from '../station/options.ts';
import type { Connector } from '../target/target.ts';
import { type ComposedStation, composeStation } from './compose.ts';
import { connectorOf } from './compose-connector.ts';

export interface HostOptions {
  readonly resources: string;
  readonly home: string;
  readonly appVersion: string;
  /** The virtual bench, whatever probes are named. */
  readonly bench: boolean;
  /** Null: the bench's demo; with real probes no release yet. */
  readonly release: string | null;
  /** One slot for each; none means the bench. */
  readonly probes: readonly string[];
  readonly warn: (failure: Failure) => void;
}

const BENCH_SLOTS = 4;
/** As on real boards: somebody watches. */
const BENCH_PACE = 1;
const BENCH_PROBE = 'bench:nrf52840';
const DEMO = 'hello-nrf52840';

/** Barcodes to try on the bench, and the fault of the simulated board that carries each. */
const BOARDS: readonly (Sample & { readonly fault?: string })[] = [
  { serial: 'HB000001', shows: 'pass' },
  { serial: 'HB000002', shows: 'pass' },
  { serial: 'HB000003', shows: 'fail', fault: 'stuck-bit@0x2000.2' },
  { serial: 'HB000004', shows: 'no-target', fault: 'no-target' },
  { serial: 'XX000001', shows: 'wrong-serial' },
];

/** The station that a shell shows: real probes where some are named, else the virtual bench with its demo. */
export async function composeHost(options: HostOptions): Promise<ComposedStation> {
  const { resources, home, appVersion, probes, warn } = options;
  const bench = options.bench || probes.length === 0;
  const connect = connectorOf({ pace: BENCH_PACE });
  return composeStation({
    resources,
    home,
    appVersion,
    warn,
    mode: bench ? 'bench' : 'probes',
    release: options.release ?? (bench ? join(resources, 'demo', DEMO) : null),
    slots: bench ? benchSlots() : probes.map((probe, index) => slot(index, probe)),
    samples: bench && options.release === null ? BOARDS.map(({ serial, shows }) => ({ serial, shows })) : [],
    autoStart: false,
    connect: bench ? withFaults(connect) : connect,
  });
}

function benchSlots(): SlotOptions[] {
  return Array.from({ length: BENCH_SLOTS }, (_, index) => slot(index, BENCH_PROBE));
}

function slot(index: number, probe: string): SlotOptions {
  return { id: String(index + 1), name: String(index + 1), probe };
}

/** The demo's bad boards: the fault goes with the barcode, whatever slot it is put into. */
function withFaults(connect: Connector): Connector {
  return (url, chip, serial) => {
    const fault = BOARDS.find((board) => board.serial === serial)?.fault;
    return connect(fault === undefined ? url : `${url}?fault=${fault}`, chip, serial);
  };
}
