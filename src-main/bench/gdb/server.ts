import type { Socket } from 'node:net';
import type { Board } from '../board.ts';
import { frame, GdbFramer, type Frame } from './framing.ts';
import { serveTcp, type TcpOptions, type TcpServer } from '../tcp-server.ts';
import { toNs } from '../virtual-clock.ts';
import { GdbSession } from './session.ts';

export interface GdbOptions extends TcpOptions {
  readonly board: Board;
  readonly realMs: () => number;
}

/** A debugger that was left alone overnight does not make the board live through a night at once. */
const MOST_IDLE_MS = 10_000;

/**
 * Offers a board to any gdb (`target remote :PORT`): memory through the chip's bus model, flash by its controller. Time that passes
 * between two packets passes for the board too: who waits for an erase finds that it helped. Rejects with the socket's error when
 * the port cannot be had.
 */
export function serveGdb({ board, realMs, ...where }: GdbOptions): Promise<TcpServer> {
  return serveTcp(where, (socket) => {
    let quietSince = realMs();
    converse(socket, new GdbSession(board), (handle) => {
      board.clock.advance(toNs(Math.min(realMs() - quietSince, MOST_IDLE_MS)));
      handle();
      quietSince = realMs();
    });
  });
}

function converse(socket: Socket, session: GdbSession, inTime: (handle: () => void) => void): void {
  const framer = new GdbFramer();
  const encoder = new TextEncoder();
  let acknowledge = true;
  let last: Uint8Array = new Uint8Array();
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
    inTime(() => framer.push(chunk).forEach(answer));
  });
}
