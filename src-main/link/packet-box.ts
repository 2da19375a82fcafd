import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, withDeadline } from './deadline.ts';

/** Packets that have arrived and were not read yet, in order. The packet sibling of ByteQueue. */
export class PacketBox {
  readonly #url: string;
  readonly #packets: Uint8Array[] = [];
  #lost: FlashlineError | undefined;
  #wake: (() => void) | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  get size(): number {
    return this.#packets.length;
  }

  /** Somebody waits for a packet that has not come yet. */
  get awaited(): boolean {
    return this.#wake !== undefined && this.#packets.length === 0;
  }

  get ended(): boolean {
    return this.#lost !== undefined;
  }

  push(packet: Uint8Array): void {
    this.#packets.push(packet);
    this.#wake?.();
  }

  /** Nothing more will come; what had arrived before can still be read. The first reason stays. */
  end(reason?: unknown): void {
    this.#lost ??=
      reason instanceof FlashlineError
        ? reason
        : new FlashlineError('probe-lost', { params: { url: this.#url }, cause: reason });
    this.#wake?.();
  }

  /** Throws why it ended, once it has. */
  assertOpen(): void {
    if (this.#lost) throw this.#lost;
  }

  /** The next packet; see Link.read for the failures. */
  async take(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    if (this.#packets.length === 0 && !this.#lost) await this.#arrival(timeoutMs, io);
    const packet = this.#packets.shift();
    if (packet) return packet;
    this.assertOpen();
    throw new FlashlineError('probe-silent', { params: { url: this.#url, seconds: inSeconds(timeoutMs) } });
  }

  async #arrival(timeoutMs: number, io: IoContext): Promise<void> {
    const start = (done: () => void) => {
      this.#wake = done;
      return () => (this.#wake = undefined);
    };
    await withDeadline(start, timeoutMs, io);
  }
}
