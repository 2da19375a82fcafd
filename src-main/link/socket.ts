import { connect, type Socket } from 'node:net';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { ByteQueue, inSeconds, withDeadline } from './byte-queue.ts';
import type { Link } from './link.ts';

export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** A server on this machine or in this plant answers at once; a longer wait only hides that it is not there. */
const CONNECT_MS = 3000;
/** A peer that takes no bytes for this long has stopped. */
const WRITE_MS = 3000;

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
  return new SocketLink(socket, url);
}

function connectFailure(cause: unknown, url: string): FlashlineError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (FORBIDDEN.has(code)) return new FlashlineError('probe-permission', { params: { url }, cause });
  if (ABSENT.has(code)) return new FlashlineError('probe-not-found', { params: { url }, cause });
  return new FlashlineError('probe-lost', { params: { url }, cause });
}

class SocketLink implements Link {
  readonly kind = 'stream';
  readonly url: string;
  readonly #socket: Socket;
  readonly #arrived: ByteQueue;

  constructor(socket: Socket, url: string) {
    this.url = url;
    this.#socket = socket;
    this.#arrived = new ByteQueue(url, { pause: () => socket.pause(), resume: () => socket.resume() });
    socket.on('data', (bytes) => this.#arrived.push(bytes));
    socket.on('error', (error) => this.#arrived.end(error));
    socket.on('close', () => this.#arrived.end());
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#arrived.assertOpen();
    if (this.#socket.write(data)) return;
    const drained = await withDeadline(
      (done) => {
        this.#socket.once('drain', done);
        this.#socket.once('close', done);
        return () => {
          this.#socket.off('drain', done);
          this.#socket.off('close', done);
        };
      },
      WRITE_MS,
      io,
    );
    this.#arrived.assertOpen();
    if (!drained) throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: inSeconds(WRITE_MS) } });
  }

  read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    return this.#arrived.take(timeoutMs, io);
  }

  async close(): Promise<void> {
    // What the peer has not taken yet (a detach, say) may still go out, but holds neither the slot nor the process.
    if (this.#socket.writableLength > 0 && !this.#socket.destroyed) this.#socket.unref().destroySoon();
    else destroy(this.#socket);
    this.#arrived.end();
  }
}

function destroy(socket: Socket): void {
  // After destroy() an error can still be on its way; nobody is left to be told.
  socket.on('error', () => undefined);
  socket.destroy();
}
