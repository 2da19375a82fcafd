import type { z } from 'zod';
import type { Calls, Events } from '#shared/contract/define.ts';
import type { ToClient } from '#shared/contract/wire.ts';
import type { Handlers } from './handlers.ts';
import { HostEndpoint } from './host-endpoint.ts';
import type { HostPort } from './host-port.ts';

/** A client whose transport delivers messages by calling functions, as Electron's IPC does. */
export interface BridgeConnection {
  receive(message: unknown): void;
  close(): void;
}

/** The host's side of the contract, for any number of clients over any transports. */
export interface Bridge<E extends Events> {
  /** Serves one more client until its port closes. */
  attach(port: HostPort): void;
  /** The same for a transport that is a pair of functions. */
  connect(send: (message: ToClient) => void): BridgeConnection;
  /** To every client. `key` names what the payload is the state of: a newer state replaces one not yet sent. */
  broadcast<K extends keyof E & string>(event: K, payload: z.infer<E[K]['payload']>, key: string): void;
  /** Closes every client's port. */
  close(): void;
}

export function createBridge<C extends Calls, E extends Events>(
  calls: C,
  _events: E,
  handlers: Handlers<C>,
): Bridge<E> {
  const clients = new Map<HostEndpoint, HostPort>();
  const attach = (port: HostPort): void => {
    const endpoint = new HostEndpoint(calls, handlers as Readonly<Record<string, never>>, port, () =>
      clients.delete(endpoint),
    );
    clients.set(endpoint, port);
  };
  return {
    attach,
    connect(send) {
      const { port, connection } = functionPort(send);
      attach(port);
      return connection;
    },
    broadcast(event, payload, key) {
      for (const endpoint of clients.keys()) endpoint.sendEvent(event, payload, `${event} ${key}`);
    },
    close() {
      for (const port of clients.values()) port.close('the station is stopping');
    },
  };
}

function functionPort(send: (message: ToClient) => void): { port: HostPort; connection: BridgeConnection } {
  let receive: (message: unknown) => void = () => undefined;
  let closed: () => void = () => undefined;
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    closed();
  };
  return {
    port: {
      send: (message) => {
        if (open) send(message);
      },
      backlog: () => 0,
      onMessage: (listener) => {
        receive = listener;
      },
      onClose: (listener) => {
        closed = listener;
      },
      close,
    },
    connection: {
      receive: (message) => {
        if (open) receive(message);
      },
      close,
    },
  };
}
