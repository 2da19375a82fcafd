import { stationCalls, stationEvents } from '#shared/contract/station.ts';
import { createClient, type Client, type ClientPort } from './client.ts';

export type StationClient = Client<typeof stationCalls, typeof stationEvents>;

/** What keeps the page connected tells whoever listens; `locked-out`: the host is a new one and asks for its new address. */
export interface ConnectionListener {
  connected(client: StationClient): void;
  lost(why: 'unreachable' | 'locked-out'): void;
}

export interface Transport {
  open(signal: AbortSignal): Promise<ClientPort>;
  /** Why opening failed. */
  isLockedOut(): Promise<boolean>;
  readonly wait: (ms: number) => Promise<void>;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2000;

/** Longer than any handshake on one computer takes. */
const OPEN_DEADLINE_MS = 5000;

/** Connects, and connects again whenever the connection goes, until `signal` aborts. */
export async function keepConnected(
  transport: Transport,
  listener: ConnectionListener,
  signal: AbortSignal,
): Promise<void> {
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      const port = await transport.open(AbortSignal.any([signal, AbortSignal.timeout(OPEN_DEADLINE_MS)]));
      const client = createClient(stationCalls, stationEvents, port);
      const closed = new Promise<void>((resolve) => client.onClose(resolve));
      listener.connected(client);
      retryMs = FIRST_RETRY_MS;
      await closed;
      listener.lost('unreachable');
    } catch {
      listener.lost((await transport.isLockedOut()) ? 'locked-out' : 'unreachable');
    }
    await transport.wait(retryMs);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  }
}
