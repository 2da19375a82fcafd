import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** Where the bench is offered to other programs. */
export interface TcpOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** 127.0.0.1 when left out: a debugger's port has no lock. */
  readonly host?: string;
}

export interface TcpServer {
  readonly port: number;
  /** Ends every connection; resolves when all are told and the port is free. */
  close(): Promise<void>;
}

/** Listens, and hands every connection over. Rejects with the socket's error when the port cannot be had. */
export async function serveTcp(
  { port, host = '127.0.0.1' }: TcpOptions,
  converse: (socket: Socket) => void,
): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A peer that vanishes ends its own connection and nothing else.
    socket.on('error', () => socket.destroy());
    converse(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
  return {
    port: address.port,
    async close() {
      const gone = [server, ...sockets].map((one) => once(one, 'close'));
      server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(gone);
    },
  };
}
