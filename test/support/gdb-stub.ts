import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import { framePacket, PacketParser } from '#main/probe/gdb-remote/packets.ts';
import { ascii, text } from '#main/probe/gdb-remote/text.ts';
import { openStream, parseGdbAddress } from '#main/link/address.ts';
import { type GdbTargetOptions, openGdbTarget } from '#main/target/open-gdb.ts';
import type { Target } from '#main/target/target.ts';
import { concat, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { chipDescription, realIo } from './nrf51.ts';

/** What a scripted stub answers to a request; raw bytes are sent as they are, undefined is silence. */
export type Answer = string | Uint8Array | undefined;
export type Script = (request: string, socket: Socket) => Answer;

/** A well-behaved little stub: 64 KiB of zeros, registers by `g` alone, no acknowledgements lost. */
export const polite: Script = (request) => {
  if (request.startsWith('qSupported')) return 'PacketSize=200';
  if (request === '?') return 'S05';
  if (request.startsWith('m')) return '00'.repeat(Number.parseInt(request.split(',')[1] ?? '0', 16));
  if (request.startsWith('M')) return 'OK';
  if (request === 'g') return '00'.repeat(168);
  if (request.startsWith('G') || request.startsWith('Z')) return 'OK';
  return '';
};

/** The command of a `qRcmd`, undefined for other requests. */
export function monitorCommand(request: string): string | undefined {
  return request.startsWith('qRcmd,') ? Buffer.from(request.slice(6), 'hex').toString('latin1') : undefined;
}

/** Console output and the OK behind it. */
export function says(output: string): Uint8Array {
  return concat([framePacket(ascii(`O${toHex(ascii(output))}`)), framePacket(ascii('OK'))]);
}

/** Serves the script on loopback until the test has ended; its address. */
export async function stub(script: Script): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    const parser = new PacketParser();
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const item of parser.feed(bytes)) {
        if (item.kind !== 'packet') continue;
        socket.write('+');
        const answer = script(text(item.payload), socket);
        if (answer !== undefined) socket.write(typeof answer === 'string' ? framePacket(ascii(answer)) : answer);
      }
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `gdb:tcp:127.0.0.1:${address.port}`;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

export async function open(
  script: Script,
  io: IoContext = realIo(),
  options: GdbTargetOptions = {},
  chip = 'nrf51822',
): Promise<Target> {
  const url = await stub(script);
  return openGdbTarget(await openStream(parseGdbAddress(url), url, io), await chipDescription(chip), io, options);
}
