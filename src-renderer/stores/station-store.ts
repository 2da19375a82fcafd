import type { LogFindings, SlotState, StationState } from '#shared/contract/station.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { toFailure, type Failure } from '#shared/model/failure.ts';
import { createStore, type StoreApi } from 'zustand/vanilla';
import { CallFailed, ConnectionLost } from '../client/client.ts';
import type { ConnectionListener, StationClient } from '../client/connection.ts';

/** What the last scan or press led to, when the slots do not show it themselves. */
export type Notice =
  | { readonly kind: 'refused'; readonly failure: Failure; readonly serial: string | null }
  | { readonly kind: 'repeated'; readonly serial: string };

export type ConnectionState = 'connecting' | 'open' | 'lost' | 'locked-out';

export interface StationStore {
  readonly connection: ConnectionState;
  readonly station: StationState | null;
  /** What the station's log is busy with before there is a station; null where it is open, or nobody said. */
  readonly opening: LogOpening | null;
  readonly sync: SyncState | null;
  readonly notice: Notice | null;
  /** Counts accepted scans, so that what listens can tell one from the next. */
  readonly accepted: number;
}

export interface StationActions {
  scan(code: string): Promise<void>;
  start(slot: string): Promise<void>;
  /** Every slot that waits for Start. */
  startReady(): Promise<void>;
  abort(slot: string): Promise<void>;
  clear(slot: string): Promise<void>;
  setAutoStart(on: boolean): Promise<void>;
  acknowledgeInterrupted(): Promise<void>;
  acknowledgeTrouble(code: string): Promise<void>;
  /** Null: for no order. */
  setOrder(order: string | null): Promise<void>;
  /** Rejects with CallFailed or ConnectionLost. */
  searchLog(query: { readonly text: string; readonly before?: number }): Promise<LogFindings>;
  /** Visits the plant at once; resolves to what stood in the way, or null. */
  syncNow(): Promise<Failure | null>;
  enrol(url: string, code: string): Promise<Failure | null>;
}

export interface StationModel {
  readonly store: StoreApi<StationStore>;
  readonly actions: StationActions;
  readonly listener: ConnectionListener;
}

/** The operator screen's state: a mirror of what the host broadcasts, and the calls that ask it for something. */
export function createStationModel(): StationModel {
  const store = createStore<StationStore>(() => ({
    connection: 'connecting',
    station: null,
    opening: null,
    sync: null,
    notice: null,
    accepted: 0,
  }));
  let client: StationClient | null = null;

  /** Carries a call out; what the host refuses becomes a notice. A lost connection is shown by itself. */
  async function ask(work: (client: StationClient) => Promise<void>, serial: string | null = null): Promise<void> {
    if (client === null) return;
    try {
      await work(client);
    } catch (thrown) {
      if (thrown instanceof ConnectionLost) return;
      const failure = thrown instanceof CallFailed ? thrown.failure : toFailure(thrown);
      store.setState({ notice: { kind: 'refused', failure, serial } });
    }
  }

  const start = (slot: string): Promise<void> =>
    ask(async (host) => {
      store.setState({ notice: null });
      await host.call('slot.run', { slot });
    });

  const actions: StationActions = {
    start,
    scan: (code) => ask((host) => scan(host, store, code), code),
    async startReady() {
      const ready = (store.getState().station?.slots ?? []).filter((slot) => slot.phase === 'ready');
      await Promise.all(ready.map((slot) => start(slot.id)));
    },
    abort: (slot) => ask((host) => host.call('slot.abort', { slot }).then(ignore)),
    clear: (slot) => ask((host) => host.call('slot.clear', { slot }).then(ignore)),
    setAutoStart: (on) => ask((host) => host.call('station.set-auto-start', { on }).then(ignore)),
    acknowledgeInterrupted: () => ask((host) => host.call('station.acknowledge-interrupted', {}).then(ignore)),
    acknowledgeTrouble: (code) => ask((host) => host.call('station.acknowledge-trouble', { code }).then(ignore)),
    setOrder: (order) => ask((host) => host.call('station.set-order', { order }).then(ignore)),
    async searchLog(query) {
      if (client === null) throw new ConnectionLost();
      return client.call('log.search', query);
    },
    syncNow: () => visit(client, store, (host) => host.call('sync.now', {})),
    enrol: (url, code) => visit(client, store, (host) => host.call('sync.enrol', { url, code })),
  };

  return {
    store,
    actions,
    listener: {
      connected(opened) {
        client = opened;
        opened.on('station.changed', (station) => store.setState({ station }));
        opened.on('slot.changed', (slot) => store.setState(({ station }) => withSlot(station, slot)));
        opened.on('sync.changed', (sync) => store.setState({ sync }));
        void ask(async (host) => {
          const onProgress = (opening: LogOpening): void => store.setState({ opening });
          const [sync, station] = await Promise.all([
            host.call('sync.state', {}),
            host.call('station.state', {}, { onProgress }),
          ]);
          store.setState({ sync, station, opening: null, connection: 'open' });
        });
      },
      lost(why) {
        client = null;
        store.setState({ connection: why === 'locked-out' ? 'locked-out' : 'lost', opening: null, notice: null });
      },
    },
  };
}

async function scan(host: StationClient, store: StoreApi<StationStore>, code: string): Promise<void> {
  const outcome = await host.call('station.scan', { code });
  switch (outcome.outcome) {
    case 'accepted':
      return store.setState(({ accepted }) => ({ notice: null, accepted: accepted + 1 }));
    case 'repeated':
      // What was said of the first scan stands: a second reading of a refused code must not hide why.
      // A badge's code is shown to nobody.
      if (outcome.serial === '') return undefined;
      return store.setState(({ notice }) => ({ notice: notice ?? { kind: 'repeated', serial: outcome.serial } }));
    case 'operator':
    case 'released':
      return store.setState({ notice: null });
    case 'refused':
      return store.setState({ notice: { kind: 'refused', failure: outcome.failure, serial: outcome.code } });
  }
}

/** A dealing with the plant: its outcome is shown where it was asked for, not on the operator's page. */
async function visit(
  client: StationClient | null,
  store: StoreApi<StationStore>,
  work: (client: StationClient) => Promise<SyncState>,
): Promise<Failure | null> {
  if (client === null) return null;
  try {
    const sync = await work(client);
    store.setState({ sync });
    return sync.failure;
  } catch (thrown) {
    if (thrown instanceof ConnectionLost) return null;
    return thrown instanceof CallFailed ? thrown.failure : toFailure(thrown);
  }
}

function withSlot(station: StationState | null, slot: SlotState): Partial<StationStore> {
  if (station === null) return {};
  return { station: { ...station, slots: station.slots.map((each) => (each.id === slot.id ? slot : each)) } };
}

const ignore = (): void => undefined;
