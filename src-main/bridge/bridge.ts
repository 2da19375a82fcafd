import type { Calls, Events } from '#shared/contract/define.ts';
import type { z } from 'zod';
import type { Handlers } from './handlers.ts';
import { HostEndpoint } from './host-endpoint.ts';
import type { HostPort } from './host-port.ts';

/** The host's side of the contract, for any number of clients over any transports. */
export interface Bridge<E extends Events> {
  /** Serves one more client until its port closes. */
  attach(port: HostPort): void;
  /** To every client. `key` names what the payload is the state of: a newer state replaces one not yet sent. */
  broadcast<K extends keyof E & string>(event: K, payload: z.infer<E[K]['payload']>, key: string): void;
  /** Closes every client's port. */
  close(): void;
}

export function createBridge<C extends Calls, E extends Events>(calls: C, handlers: Handlers<C>): Bridge<E> {
  const clients = new Map<HostEndpoint, HostPort>();
  return {
    attach(port) {
      const endpoint = new HostEndpoint(calls, handlers as Readonly<Record<string, never>>, port, () =>
        clients.delete(endpoint),
      );
      clients.set(endpoint, port);
    },
    broadcast(event, payload, key) {
      for (const endpoint of clients.keys()) endpoint.sendEvent(event, payload, `${event} ${key}`);
    },
    close() {
      for (const port of clients.values()) port.close('the station is stopping');
    },
  };
}
