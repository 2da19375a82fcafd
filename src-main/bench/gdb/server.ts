import type { Socket } from 'node:net';
import type { Board } from '../board.ts';
import { frame, GdbFramer, type Frame } from './framing.ts';
import { serveTcp, type TcpOptions, type TcpServer } from '../tcp-server.ts';
import { GdbSession } from './session.ts';

/**
 * Offers a board to any gdb (`target remote :PORT`): memory through the chip's bus model, flash by its controller.
 * Rejects with the socket's error when the port cannot be had.
 */
export function serveGdb({ board, ...where }: TcpOptions & { readonly board: Board }): Promise<TcpServer> {
  return serveTcp(where, (socket) => converse(socket, new GdbSession(board)));
}

function converse(socket: Socket, session: GdbSession): void {
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
    for (const received of framer.push(chunk)) answer(received);
  });
}
