import type { Duplex } from 'node:stream';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { ByteQueue } from './byte-queue.ts';
import { inSeconds, withDeadline } from './deadline.ts';
import type { Link } from './link.ts';

/** A peer that takes no bytes for this long has stopped. */
const WRITE_MS = 3000;

/** An open socket or serial port as a link; `letGo` is the kind's own way of closing it, and never rejects. */
export class StreamLink implements Link {
  readonly kind = 'stream';
  readonly url: string;
  readonly #stream: Duplex;
  readonly #letGo: () => Promise<void>;
  readonly #arrived: ByteQueue;

  constructor(stream: Duplex, url: string, letGo: () => Promise<void>) {
    this.url = url;
    this.#stream = stream;
    this.#letGo = letGo;
    this.#arrived = new ByteQueue(url, { pause: () => stream.pause(), resume: () => stream.resume() });
    stream.on('data', (bytes: Uint8Array) => this.#arrived.push(bytes));
    stream.on('error', (error) => this.#arrived.end(error));
    // A serial port says why it closed, a socket only whether there was an error.
    stream.on('close', (reason?: unknown) => this.#arrived.end(reason instanceof Error ? reason : undefined));
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#arrived.assertOpen();
    if (this.#stream.write(Buffer.from(data.buffer, data.byteOffset, data.byteLength))) return;
    const drained = await withDeadline(
      (done) => {
        this.#stream.once('drain', done);
        this.#stream.once('close', done);
        return () => {
          this.#stream.off('drain', done);
          this.#stream.off('close', done);
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

  /** Forgets what has arrived. Throws `probe-lost` once the other end is gone. */
  discard(): void {
    this.#arrived.assertOpen();
    this.#arrived.discard();
  }

  async close(): Promise<void> {
    this.#arrived.end();
    await this.#letGo();
  }
}
