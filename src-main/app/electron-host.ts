import type { LogOpening } from '#shared/model/log-opening.ts';
import type { HostPort } from '../bridge/host-port.ts';
import type { Station } from '../station/station.ts';
import { hostOpening, type SyncDesk } from './host.ts';

/** The station as the desktop shell sees it: something that pages attach to, and that must not be left in the middle. */
export interface ShellHost {
  readonly attach: (port: HostPort) => void;
  /** What its log is busy with before there is a station. */
  readonly opening: (opening: LogOpening) => void;
  readonly opened: (station: Station, sync: SyncDesk) => void;
  /** Names of the slots that run now. */
  readonly running: () => readonly string[];
  readonly abortAll: () => void;
  /** Resolves when no slot runs. */
  readonly idle: () => Promise<void>;
  /** Takes the pages off and closes the station in order. */
  readonly close: () => Promise<void>;
}

/**
 * `close` is the station's own: it aborts what still runs, waits for its record and closes the log; before there is a station, it
 * ends the opening.
 */
export function shellHost(close: () => Promise<void>): ShellHost {
  const hosted = hostOpening();
  let station: Station | null = null;
  const runningSlots = () => station?.state().slots.filter(({ phase }) => phase === 'running') ?? [];
  return {
    attach: (port) => hosted.bridge.attach(port),
    opening: (opening) => hosted.opening(opening),
    opened(opened, sync) {
      station = opened;
      hosted.opened(opened, sync);
    },
    running: () => runningSlots().map(({ name }) => name),
    abortAll() {
      for (const { id } of runningSlots()) station?.abortSlot({ slot: id });
    },
    idle: () =>
      new Promise((resolve) => {
        let unsubscribe = (): void => undefined;
        const settle = (): void => {
          if (runningSlots().length > 0) return;
          unsubscribe();
          resolve();
        };
        unsubscribe = station?.subscribe({ slotChanged: settle, stationChanged: settle }) ?? unsubscribe;
        settle();
      }),
    async close() {
      hosted.close();
      await close();
    },
  };
}
