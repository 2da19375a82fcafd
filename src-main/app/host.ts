import { stationCalls, stationEvents } from '#shared/contract/station.ts';
import { createBridge, type Bridge } from '../bridge/bridge.ts';
import type { Handlers } from '../bridge/handlers.ts';
import type { Station } from '../station/station.ts';

export type StationBridge = Bridge<typeof stationEvents>;

/** The station behind the contract, for whichever shell carries it. `close` takes it off the station again. */
export function hostStation(station: Station): { readonly bridge: StationBridge; close(): void } {
  const bridge = createBridge(stationCalls, stationEvents, stationHandlers(station));
  const unsubscribe = station.subscribe({
    slotChanged: (slot) => bridge.broadcast('slot.changed', slot, slot.id),
    stationChanged: (state) => bridge.broadcast('station.changed', state, 'station'),
  });
  return {
    bridge,
    close() {
      unsubscribe();
      bridge.close();
    },
  };
}

function stationHandlers(station: Station): Handlers<typeof stationCalls> {
  return {
    'station.state': async () => station.state(),
    'station.scan': async (params) => station.scan(params),
    'station.acknowledge-interrupted': async () => {
      await station.acknowledgeInterrupted();
      return {};
    },
    'station.set-auto-start': async (params) => {
      station.setAutoStart(params);
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
  };
}
