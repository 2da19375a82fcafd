import { join } from 'node:path';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import type { SlotOptions } from '../station/options.ts';
import { Troubles } from '../station/troubles.ts';
import { keepAttached } from './attached-probes.ts';
import { benchSamples, withFaults } from './bench-samples.ts';
import { archivesOf, startBackups } from './compose-backup.ts';
import { type OpeningWatch, openStoresOf, realClock, type Stores } from './compose-home.ts';
import { type ComposedStation, composeStation, noSamples } from './compose.ts';
import type { StationKey } from './compose-key.ts';
import { connectorOf } from './compose-connector.ts';
import { checkProbeUrl } from './connect/ways.ts';
import { watchUsbProbes } from './compose-probes.ts';
import { type LoggedValues, StationSettings } from './station-settings.ts';

export interface HostOptions extends OpeningWatch {
  readonly resources: string;
  readonly home: string;
  readonly appVersion: string;
  /** The virtual bench, whatever probes are named. */
  readonly bench: boolean;
  /** Null: the bench's demo; with real probes, or those that are set, the release that is set, or none yet. */
  readonly release: string | null;
  /** One slot for each; none means those that are set, or the bench. */
  readonly probes: readonly string[];
  readonly warn: (failure: Failure) => void;
  readonly key?: StationKey;
  /** Days that a record stays in the log once the plant has it; left out: as the setting says. */
  readonly keepDays?: number;
}

const BENCH_SLOTS = 4;
/** As on real boards: somebody watches. */
const BENCH_PACE = 1;
const BENCH_PROBE = 'bench:nrf52840';
const DEMO = 'hello-nrf52840';

/** The station that a shell shows: real probes where some are named, or set, else the virtual bench with its demo. */
export async function composeHost(asked: HostOptions): Promise<ComposedStation> {
  const troubles = new Troubles();
  const warn = (failure: Failure): void => {
    asked.warn(failure);
    troubles.add(failure);
  };
  const composed = await composeOver({ ...asked, warn }, troubles);
  troubles.changed = () => composed.station.plantChanged();
  return composed;
}

async function composeOver(options: HostOptions, troubles: Troubles): Promise<ComposedStation> {
  // A mistyped address is told at the start, not at the first board.
  for (const probe of options.probes) checkProbeUrl(probe);
  const stores = await openStoresOf(options.home, options.warn, options);
  try {
    const { values } = await StationSettings.open(stores.settings);
    return await composeWith(withSettings(options, values), { stores, troubles }, values['start.auto']);
  } catch (thrown) {
    await stores.log.close();
    throw thrown;
  }
}

/** What the command line says comes first; a release that is set is for the probes that are set. */
function withSettings(options: HostOptions, values: LoggedValues): HostOptions {
  if (options.bench || options.probes.length > 0) return options;
  const probes = values['station.probes'];
  if (probes.length === 0) return options;
  return { ...options, probes, release: options.release ?? values['station.release'] };
}

async function composeWith(
  options: HostOptions,
  { stores, troubles }: { readonly stores: Stores; readonly troubles: Troubles },
  autoStart: boolean,
): Promise<ComposedStation> {
  const { resources, home, appVersion, probes, warn } = options;
  const bench = options.bench || probes.length === 0;
  const connect = connectorOf({ pace: BENCH_PACE });
  const composed = await composeStation({
    resources,
    home,
    appVersion,
    warn,
    mode: bench ? 'bench' : 'probes',
    release: options.release ?? (bench ? join(resources, 'demo', DEMO) : null),
    slots: bench ? benchSlots() : probes.map((probe, index) => slot(index, probe)),
    samples: bench && options.release === null ? benchSamples : noSamples,
    autoStart,
    stores,
    troubles,
    connect: bench ? withFaults(connect) : connect,
    ...(options.key ? { key: options.key } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  composed.sync.start();
  return withAttachedProbes(withBackups(withLiveSettings(composed, warn), options), bench ? [] : probes, warn);
}

/** What watches ends before what it tells is closed. */
function closingFirst(composed: ComposedStation, watching: AbortController, watched: Promise<void>): ComposedStation {
  return {
    ...composed,
    async close() {
      watching.abort();
      await watched;
      await composed.close();
    },
  };
}

/** A command may change settings while the station is open. */
function withLiveSettings(composed: ComposedStation, warn: HostOptions['warn']): ComposedStation {
  const { settings, station } = composed;
  const watching = new AbortController();
  const watched = settings.watch(realClock, () => station.plantChanged(), warn, watching.signal);
  return closingFirst(composed, watching, watched);
}

const DAY_MS = 86_400_000;

/** A day's backup first; then, where only so many days are kept in the log, what is older goes to archives. */
function withBackups(composed: ComposedStation, { home, warn, ...options }: HostOptions): ComposedStation {
  const end = startBackups({
    home,
    warn,
    async backedUp() {
      const keepDays = options.keepDays ?? composed.settings.values['log.keep'];
      if (keepDays === null) return;
      const now = realClock.now();
      const before = new Date(now - keepDays * DAY_MS).toISOString();
      await composed.safety.archive({ folder: archivesOf(home), before, at: new Date(now).toISOString() });
    },
  });
  return {
    ...composed,
    async close() {
      await end();
      await composed.close();
    },
  };
}

/** The slots show whether their probe is there, for as long as the station is open. */
function withAttachedProbes(
  composed: ComposedStation,
  probes: readonly string[],
  warn: (failure: Failure) => void,
): ComposedStation {
  const { station } = composed;
  const slots = probes.map((probe, index) => slot(index, probe));
  const watching = new AbortController();
  const watched = keepAttached(
    slots,
    watchUsbProbes,
    (id, attached) => station.setAttached({ slot: id, attached }),
    watching.signal,
    // A station that cannot see its probes come and go still uses them.
  ).catch((thrown: unknown) => warn(toFailure(thrown)));
  return closingFirst(composed, watching, watched);
}

function benchSlots(): SlotOptions[] {
  return Array.from({ length: BENCH_SLOTS }, (_, index) => slot(index, BENCH_PROBE));
}

function slot(index: number, probe: string): SlotOptions {
  return { id: String(index + 1), name: String(index + 1), probe };
}
