import { NEXT_CODE, stationCalls, stationEvents } from '#shared/contract/station.ts';
import type { syncCalls, SyncState } from '#shared/contract/sync.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { createBridge, type Bridge } from '../bridge/bridge.ts';
import type { Handlers } from '../bridge/handlers.ts';
import type { Station } from '../station/station.ts';

export type StationBridge = Bridge<typeof stationEvents>;

/** What the screens see and ask of a station's dealings with its plant. */
export interface SyncDesk {
  state(): Promise<SyncState>;
  /** A visit to the plant at once; resolves when it has ended. */
  now(signal: AbortSignal): Promise<SyncState>;
  enrol(request: { readonly url: string; readonly code: string }, signal: AbortSignal): Promise<SyncState>;
  /** Returns what takes the listener off again. */
  subscribe(listener: (state: SyncState) => void): () => void;
}

/** The station behind the contract, for whichever shell carries it. `close` takes it off the station again. */
export function hostStation(
  station: Station,
  sync: SyncDesk = noPlant,
): { readonly bridge: StationBridge; close(): void } {
  const bridge = createBridge(stationCalls, stationEvents, { ...stationHandlers(station), ...syncHandlers(sync) });
  const unsubscribe = [
    station.subscribe({
      slotChanged: (slot) => bridge.broadcast('slot.changed', slot, slot.id),
      stationChanged: (state) => bridge.broadcast('station.changed', state, 'station'),
    }),
    sync.subscribe((state) => bridge.broadcast('sync.changed', state, 'sync')),
  ];
  return {
    bridge,
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
