import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PacketParser } from '#main/probe/gdb-remote/packets.ts';
import { text } from '#main/probe/gdb-remote/text.ts';

export interface GdbProxy {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Stands between one gdb client after the other and the server on loopback port `target`. Bytes pass as they are, but no
 * request reaches the server before `before` has resolved for it: what a test does there happens exactly then.
 */
export async function gdbProxy(target: number, before: (request: string) => Promise<void> | void): Promise<GdbProxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, upstream].forEach((end) => end.destroy()));
    }
    upstream.pipe(client);
    const parser = new PacketParser();
    let sent = Promise.resolve();
    client.on('data', (bytes) => {
      const requests = parser.feed(bytes).flatMap((item) => (item.kind === 'packet' ? [text(item.payload)] : []));
      const earlier = sent;
      sent = (async () => {
        await earlier;
        for (const request of requests) await before(request);
        upstream.write(bytes);
      })();
      sent.catch((error: unknown) => upstream.destroy(error instanceof Error ? error : undefined));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `gdb:tcp:127.0.0.1:${address.port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
