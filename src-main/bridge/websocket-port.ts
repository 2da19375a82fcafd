import type { WebSocket } from 'ws';
import type { HostPort } from './host-port.ts';

/** Closed by our own decision; the page connects again (RFC 6455 section 7.4.2: 4000 and above are ours). */
const CLOSED_BY_STATION = 4000;

/** A client that has not answered one ping when the next is due is gone. */
const PING_MS = 10_000;

/** A WebSocket as a port: one JSON message a text frame. */
export function webSocketPort(socket: WebSocket): HostPort {
  let alive = true;
  const ping = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  }, PING_MS);
  socket.on('pong', () => {
    alive = true;
  });
  socket.on('close', () => clearInterval(ping));
  // A protocol error of the peer's (too long a frame, bad UTF-8): `ws` closes the socket itself right after.
  socket.on('error', () => socket.terminate());
  return {
    send: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
    },
    backlog: () => socket.bufferedAmount,
    onMessage: (listener) =>
      socket.on('message', (data, isBinary) =>
        listener(isBinary || !Buffer.isBuffer(data) ? undefined : parse(data.toString())),
      ),
    onClose: (listener) => socket.once('close', listener),
    close: (reason) => {
      socket.close(CLOSED_BY_STATION, reason);
      socket.terminate();
    },
  };
}

/** The bridge answers what is not a message with `bad-request`; `undefined` is never one. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
