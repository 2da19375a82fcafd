import type { HostPort } from '#main/bridge/host-port.ts';
import type { ClientPort } from '#renderer/client/client.ts';
import type { ToClient } from '#shared/contract/wire.ts';

/** Two ends of a pipe that clones what passes, as a real transport does, and delivers it later. */
export interface Pipe {
  readonly host: HostPort;
  readonly client: ClientPort;
  /** Everything that the host sent. */
  readonly sent: ToClient[];
  /** As a client of another make would: anything at all. */
  readonly inject: (message: unknown) => void;
  readonly break: () => void;
  /** What `backlog` says from now on, in bytes. */
  readonly stall: (bytes: number) => void;
  readonly closedBecause: () => string | null;
}

export function pipe(): Pipe {
  const toHost: ((message: unknown) => void)[] = [];
  const toClient: ((message: unknown) => void)[] = [];
  const closers: (() => void)[] = [];
  const sent: ToClient[] = [];
  let backlog = 0;
  let reason: string | null = null;
  const breakPipe = (): void => closers.splice(0).forEach((close) => close());
  const deliver = (to: typeof toHost, message: unknown): void => {
    const copy: unknown = structuredClone(message);
    queueMicrotask(() => to.forEach((listener) => listener(copy)));
  };
  return {
    sent,
    inject: (message) => deliver(toHost, message),
    break: breakPipe,
    stall: (bytes) => {
      backlog = bytes;
    },
    closedBecause: () => reason,
    host: {
      send: (message) => {
        sent.push(message);
        deliver(toClient, message);
      },
      backlog: () => backlog,
      onMessage: (listener) => toHost.push(listener),
      onClose: (listener) => closers.push(listener),
      close: (why) => {
        reason = why;
        breakPipe();
      },
    },
    client: {
      send: (message) => deliver(toHost, message),
      onMessage: (listener) => toClient.push(listener),
      onClose: (listener) => closers.push(listener),
      close: breakPipe,
    },
  };
}
