import type { Transport } from './connection.ts';
import { preloadPort } from './preload-port.ts';
import { openWebSocketPort } from './websocket-port.ts';

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The desktop shell's pipe where there is one, else a WebSocket to the server that this page came from. */
export function chooseTransport(): Transport {
  const pipe = window.flashline;
  if (pipe !== undefined)
    return { open: () => Promise.resolve(preloadPort(pipe)), isLockedOut: () => Promise.resolve(false), wait };
  return { open: openWebSocketPort, isLockedOut: isSessionRefused, wait };
}

/** The server answers 403 to a browser whose session is of a server that ran before. */
async function isSessionRefused(): Promise<boolean> {
  try {
    return (await fetch('session', { cache: 'no-store' })).status === 403;
  } catch {
    // Not reachable at all: nobody refused anything.
    return false;
  }
}
