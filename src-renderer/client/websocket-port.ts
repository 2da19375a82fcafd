import type { ClientPort } from './client.ts';

/** Opens the bridge of the server that this page came from. Rejects when it cannot be reached or does not let us in. */
export function openWebSocketPort(signal: AbortSignal): Promise<ClientPort> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${location.host}/bridge`);
    const giveUp = (): void => socket.close();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.addEventListener('close', () => reject(new Error('the station is not reachable')), { once: true });
    socket.addEventListener('open', () => {
      signal.removeEventListener('abort', giveUp);
      resolve({
        send: (message) => socket.send(JSON.stringify(message)),
        onMessage: (listener) => socket.addEventListener('message', ({ data }) => listener(parse(data))),
        onClose: (listener) => socket.addEventListener('close', listener, { once: true }),
        close: () => socket.close(),
      });
    });
  });
}

function parse(data: unknown): unknown {
  try {
    return typeof data === 'string' ? (JSON.parse(data) as unknown) : undefined;
  } catch {
    return undefined;
  }
}
