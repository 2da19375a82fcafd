import type { HostPort } from '../bridge/host-port.ts';
import type { Station } from '../station/station.ts';
import { hostStation, type SyncDesk } from './host.ts';

/** The station as the desktop shell sees it: something that pages attach to, and that must not be left in the middle. */
export interface ShellHost {
  readonly attach: (port: HostPort) => void;
  /** Names of the slots that run now. */
  readonly running: () => readonly string[];
  readonly abortAll: () => void;
  /** Resolves when no slot runs. */
  readonly idle: () => Promise<void>;
  /** Takes the pages off and closes the station in order. */
  readonly close: () => Promise<void>;
}

/** `close` is the station's own: it aborts what still runs, waits for its record and closes the log. */
export function shellHost(station: Station, close: () => Promise<void>, sync?: SyncDesk): ShellHost {
  const hosted = hostStation(station, sync);
  const runningSlots = () => station.state().slots.filter(({ phase }) => phase === 'running');
  return {
    attach: (port) => hosted.bridge.attach(port),
    running: () => runningSlots().map(({ name }) => name),
    abortAll() {
      for (const { id } of runningSlots()) station.abortSlot({ slot: id });
    },
    idle: () =>
      new Promise((resolve) => {
        const settle = (): void => {
          if (runningSlots().length > 0) return;
          unsubscribe();
          resolve();
        };
        const unsubscribe = station.subscribe({ slotChanged: settle, stationChanged: settle });
        settle();
      }),
    async close() {
      hosted.close();
      await close();
    },
  };
}
