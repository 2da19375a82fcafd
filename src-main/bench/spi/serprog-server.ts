import type { Socket } from 'node:net';
import { type TcpServer, serveTcp } from '../tcp-server.ts';
import { toNs } from '../virtual-clock.ts';
import { SerprogDevice, type SerprogFaults, type SerprogProfile, USB_SERPROG } from './serprog-device.ts';
import type { NorBoard } from './spi-bench.ts';

export interface SerprogServerOptions {
  readonly board: NorBoard;
  readonly port: number;
  readonly profile?: SerprogProfile;
  readonly faults?: SerprogFaults;
  /** Milliseconds of the outside's time. */
  readonly realMs: () => number;
  /** The chip's milliseconds to a real one: more, and its erases cost nobody's patience. */
  readonly rate?: number;
}

export interface SerprogServer extends TcpServer {
  /** What has been done since it listens: `turns` are the times that a client sent something after all was answered. */
  readonly counts: Readonly<Record<'commands' | 'operations' | 'delays' | 'turns', number>>;
}

/**
 * A serprog adapter at a TCP port, one client after another on the same chip. The chip's time goes with real time, and
 * ahead of it where its clocks take longer than the computer.
 */
export async function serveSerprog(options: SerprogServerOptions): Promise<SerprogServer> {
  const { board, port, profile = USB_SERPROG, faults = {}, realMs, rate = 1 } = options;
  const begun = realMs() - board.clock.monotonic() / rate;
  const counts = { commands: 0, operations: 0, delays: 0, turns: 0 };
  let at = board.clock.elapsedNs;
  board.nor.powerCycle(at);
  const server = await serveTcp({ port }, (socket: Socket) => {
    let answers: Uint8Array[] = [];
    const device = new SerprogDevice(profile, board.nor, (bytes) => answers.push(bytes));
    device.plugIn(faults);
    let operations = 0;
    socket.on('data', (chunk: Uint8Array) => {
      counts.turns++;
      for (const byte of chunk) {
        // Whatever TCP holds does not lie in the adapter's buffer.
        at = Math.max(at, toNs((realMs() - begun) * rate), device.freeAt);
        device.receive(byte, at);
      }
      board.clock.advanceTo(Math.max(at, device.freeAt));
      counts.commands += device.counts.commands;
      counts.operations += device.counts.operations - operations;
      operations = device.counts.operations;
      counts.delays += device.counts.delays;
      device.counts.commands = 0;
      device.counts.delays = 0;
      for (const answer of answers) socket.write(answer);
      answers = [];
    });
  });
  return { ...server, counts };
}
