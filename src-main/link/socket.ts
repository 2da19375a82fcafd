import { connect, type Socket } from 'node:net';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, withDeadline } from './deadline.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** A server on this machine or in this plant answers at once; a longer wait only hides that it is not there. */
const CONNECT_MS = 3000;

/** errno values of connect(2) that mean: nobody listens there. */
const ABSENT = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

/**
 * Connects a TCP or unix socket. Rejects with `probe-not-found` (nobody listens), `probe-permission`,
 * or `probe-silent` (no answer within the deadline).
 */
export async function openSocket(address: SocketAddress, url: string, io: IoContext): Promise<Link> {
  io.signal.throwIfAborted();
  const socket = connect({ ...address, noDelay: true });
  let failure: unknown;
  try {
    const answered = await withDeadline(
      (done) => {
        socket.once('connect', done);
        socket.once('error', (error) => {
          failure = error;
          done();
        });
        return () => undefined;
      },
      CONNECT_MS,
      io,
    );
    if (failure !== undefined) throw connectFailure(failure, url);
    if (!answered) throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(CONNECT_MS) } });
  } catch (error) {
    destroy(socket);
    throw error;
  }
  return new StreamLink(socket, url, () => letGo(socket));
}

function connectFailure(cause: unknown, url: string): FlashlineError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (FORBIDDEN.has(code)) return new FlashlineError('probe-permission', { params: { url }, cause });
  if (ABSENT.has(code)) return new FlashlineError('probe-not-found', { params: { url }, cause });
  return new FlashlineError('probe-lost', { params: { url }, cause });
}

/** What the peer has not taken yet (a detach, say) may still go out, but holds neither the slot nor the process. */
function letGo(socket: Socket): Promise<void> {
  if (socket.writableLength > 0 && !socket.destroyed) socket.unref().destroySoon();
  else destroy(socket);
  return Promise.resolve();
}

function destroy(socket: Socket): void {
  // After destroy() an error can still be on its way; nobody is left to be told.
  socket.on('error', () => undefined);
  socket.destroy();
}
