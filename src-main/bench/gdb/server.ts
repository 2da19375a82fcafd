import { createServer, type Server, type Socket } from 'node:net';
import type { Board } from '../board.ts';
import { frame, GdbFramer, type Frame } from './framing.ts';
import { GdbSession } from './session.ts';

export interface GdbServerOptions {
  readonly board: Board;
  /** 0 takes a free one. */
  readonly port: number;
  /** 127.0.0.1 when left out: a debugger's port has no lock. */
  readonly host?: string;
}

export interface GdbServer {
  readonly port: number;
  /** Ends every connection; resolves when the port is free. */
  close(): Promise<void>;
}

/**
 * Offers a board to any gdb (`target remote :PORT`): memory through the chip's bus model, flash by its controller.
 * Rejects with the socket's error when the port cannot be had.
 */
export async function serveGdb({ board, port, host = '127.0.0.1' }: GdbServerOptions): Promise<GdbServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A debugger that vanishes ends its own connection and nothing else.
    socket.on('error', () => socket.destroy());
    converse(socket, new GdbSession(board));
  });
  await listening(server, port, host);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function converse(socket: Socket, session: GdbSession): void {
  const framer = new GdbFramer();
  const encoder = new TextEncoder();
  let acknowledge = true;
  let last: Uint8Array = new Uint8Array();
  socket.setNoDelay(true);
  const say = (body: string) => {
    last = frame(encoder.encode(body));
    socket.write(last);
  };
  /** The core lives a little in every turn of the event loop, so that a Ctrl-C gets in between. */
  const watch = () => {
    if (socket.destroyed) return;
    const stopped = session.advance();
    if (stopped !== undefined) say(stopped);
    else if (session.running) setImmediate(watch);
  };
  const answer = (received: Frame) => {
    if (received.kind === 'resend' && acknowledge) socket.write(last);
    if (received.kind === 'damaged' && acknowledge) socket.write('-');
    if (received.kind === 'interrupt') say(session.interrupt() ?? 'S02');
    if (received.kind !== 'packet') return;
    if (acknowledge) socket.write('+');
    const reply = session.handle(received.body);
    for (const body of reply.bodies) say(body);
    if (reply.running) watch();
    if (reply.noAck) acknowledge = false;
    if (reply.end) socket.end();
  };
  socket.on('data', (chunk) => {
    for (const received of framer.push(chunk)) answer(received);
  });
}
