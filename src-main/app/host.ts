import { NEXT_CODE, stationCalls, stationEvents } from '#shared/contract/station.ts';
import type { syncCalls, SyncState } from '#shared/contract/sync.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { createBridge, type Bridge } from '../bridge/bridge.ts';
import type { Handlers } from '../bridge/handlers.ts';
import type { Station } from '../station/station.ts';
import { AwaitedStation } from './awaited-station.ts';

export type StationBridge = Bridge<typeof stationEvents>;

/** The station behind the contract, for whichever shell carries it. */
export interface StationHost {
  readonly bridge: StationBridge;
  /** Tells every page that waits for the station what its log is busy with. */
  opening(opening: LogOpening): void;
  /** The station is put together: from here on pages see it. */
  opened(station: Station, sync?: SyncDesk): void;
  /** Takes the bridge off the station again. */
  close(): void;
}

/** What the screens see and ask of a station's dealings with its plant. */
export interface SyncDesk {
  state(): Promise<SyncState>;
  /** A visit to the plant at once; resolves when it has ended. */
  now(signal: AbortSignal): Promise<SyncState>;
  enrol(request: { readonly url: string; readonly code: string }, signal: AbortSignal): Promise<SyncState>;
  /** Returns what takes the listener off again. */
  subscribe(listener: (state: SyncState) => void): () => void;
}

/** Of a station that is put together. */
export function hostStation(station: Station, sync: SyncDesk = noPlant): StationHost {
  const host = hostOpening();
  host.opened(station, sync);
  return host;
}

/** Of one that is still to come: its log may take minutes to open, and pages are there before. */
export function hostOpening(): StationHost {
  const station = new AwaitedStation();
  const bridge = createBridge(stationCalls, stationEvents, station.handlers());
  const unsubscribe: (() => void)[] = [];
  return {
    bridge,
    opening: (opening) => station.tell(opening),
    opened(opened, sync = noPlant) {
      unsubscribe.push(
        opened.subscribe({
          slotChanged: (slot) => bridge.broadcast('slot.changed', slot, slot.id),
          stationChanged: (state) => bridge.broadcast('station.changed', state, 'station'),
        }),
        sync.subscribe((state) => bridge.broadcast('sync.changed', state, 'sync')),
      );
      station.opened({ ...stationHandlers(opened), ...syncHandlers(sync) });
    },
    close() {
      for (const each of unsubscribe) each();
      bridge.close();
    },
  };
}

const OFF: SyncState = {
  plant: null,
  station: null,
  phase: 'off',
  pending: 0,
  oldestAt: null,
  lastContactAt: null,
  nextTryAt: null,
  leaseUntil: null,
  skewMs: null,
  failure: null,
  numbers: [],
};

/** A station that keeps to itself. */
const noPlant: SyncDesk = {
  state: async () => OFF,
  now: async () => OFF,
  async enrol() {
    throw new FlashlineError('internal', { cause: 'this shell was put together without sync' });
  },
  subscribe: () => () => undefined,
};

function syncHandlers(sync: SyncDesk): Handlers<typeof syncCalls> {
  return {
    'sync.state': () => sync.state(),
    'sync.now': (_, { signal }) => sync.now(signal),
    'sync.enrol': (request, { signal }) => sync.enrol(request, signal),
  };
}

function stationHandlers(station: Station): Omit<Handlers<typeof stationCalls>, keyof typeof syncCalls> {
  return {
    'station.state': async () => station.state(),
    'station.scan': async (params) =>
      params.code.trim() === NEXT_CODE ? station.nextUnit(params) : station.scan(params),
    'station.acknowledge-interrupted': async () => {
      await station.acknowledgeInterrupted();
      return {};
    },
    'station.acknowledge-trouble': async ({ code }) => {
      station.acknowledgeTrouble(code);
      return {};
    },
    'station.set-auto-start': async (params) => {
      station.setAutoStart(params);
      return {};
    },
    'station.set-order': async (params) => {
      await station.setOrder(params);
      return {};
    },
    'slot.run': (params, { signal, progress }) => station.runSlot(params, signal, progress),
    'slot.abort': async (params) => {
      station.abortSlot(params);
      return {};
    },
    'slot.clear': async (params) => {
      station.clearSlot(params);
      return {};
    },
    'log.records': (params) => station.records(params),
    'log.search': (params) => station.search(params),
  };
}
