import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, withDeadline } from './deadline.ts';

/**
 * What has arrived on a stream and was not read yet. Bounded: past `highWater` bytes it asks its source to
 * pause, and to go on once it is read empty, so that a peer that never stops talking costs no memory.
 */
export class ByteQueue {
  readonly #url: string;
  readonly #highWater: number;
  readonly #flow: { pause(): void; resume(): void };
  #chunks: Uint8Array[] = [];
  #size = 0;
  #paused = false;
  #lost: FlashlineError | undefined;
  #wake: (() => void) | undefined;

  constructor(url: string, flow: { pause(): void; resume(): void }, highWater = 1 << 20) {
    this.#url = url;
    this.#flow = flow;
    this.#highWater = highWater;
  }

  /** From the source: bytes that arrived. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= this.#highWater && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#wake?.();
  }

  /** From the source: nothing more will come. What had arrived before can still be read. */
  end(cause?: unknown): void {
    this.#lost ??= new FlashlineError('probe-lost', { params: { url: this.#url }, cause });
    this.#wake?.();
  }

  /** Forgets what has arrived. */
  discard(): void {
    this.#drain();
  }

  /** Throws `probe-lost` once the source has ended. */
  assertOpen(): void {
    if (this.#lost) throw this.#lost;
  }

  /** Everything that has arrived, at least one byte; see Link.read for the failures. */
  async take(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    if (this.#size === 0 && !this.#lost) await this.#arrival(timeoutMs, io);
    if (this.#size > 0) return this.#drain();
    this.assertOpen();
    throw new FlashlineError('probe-silent', { params: { url: this.#url, seconds: inSeconds(timeoutMs) } });
  }

  #drain(): Uint8Array {
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 && first ? first : concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#flow.resume();
    }
    return bytes;
  }

  /** Resolves on arrival, end or timeout, whichever is first; rejects when aborted. */
  #arrival(timeoutMs: number, io: IoContext): Promise<void> {
    return withDeadline(
      (done) => {
        this.#wake = done;
        return () => (this.#wake = undefined);
      },
      timeoutMs,
      io,
    ).then(() => undefined);
  }
}
