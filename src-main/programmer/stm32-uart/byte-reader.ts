import { concat, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialLink } from '../../link/link.ts';

/** Counted bytes out of a stream; what came beyond them is kept for the next. */
export class ByteReader {
  readonly #link: SerialLink;
  #rest: Uint8Array = new Uint8Array();

  constructor(link: SerialLink) {
    this.#link = link;
  }

  /** Exactly `count` bytes, or what had come of them when the time was over. */
  async upTo(count: number, timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const parts: Uint8Array[] = [this.#rest];
    let have = this.#rest.length;
    const until = io.clock.monotonic() + timeoutMs;
    while (have < count) {
      const more = await this.#some(until - io.clock.monotonic(), io);
      if (!more) break;
      parts.push(more);
      have += more.length;
    }
    const all = concat(parts);
    this.#rest = all.slice(count);
    return all.subarray(0, count);
  }

  /** Forgets what has come so far. */
  async discard(io: IoContext): Promise<void> {
    this.#rest = new Uint8Array();
    await this.#link.discard(io);
  }

  /** What came beyond what was asked for, for messages. */
  get rest(): string {
    return toHex(this.#rest.subarray(0, 16));
  }

  async #some(timeoutMs: number, io: IoContext): Promise<Uint8Array | undefined> {
    if (timeoutMs <= 0) return undefined;
    try {
      return await this.#link.read(timeoutMs, io);
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'probe-silent') return undefined;
      throw error;
    }
  }
}
