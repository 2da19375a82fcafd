import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from './link.ts';
import type { PacketBox } from './packet-box.ts';

/** What carries packets to a probe and back, in its own way. */
export interface PacketPipe {
  /** Hands one packet over; called for one at a time. Rejects with a FlashlineError, `probe-lost` if nothing will come any more. */
  send(packet: Uint8Array, io: IoContext): Promise<void>;
  /** A reader begins to wait, so something should be listened for. */
  listen(): void;
  expectPackets?(longest: number): void;
  /** Lets the device go; never rejects, called once, when no send is under way. */
  close(): Promise<void>;
}

/** A claimed interface as a link. The pipe puts into the box what arrives. */
export class PacketLink implements Link {
  readonly kind = 'packet';
  readonly url: string;
  readonly #pipe: PacketPipe;
  readonly #box: PacketBox;
  /** Ends when all that was handed over so far is sent: packets keep the order of their calls. */
  #sending: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(url: string, pipe: PacketPipe, box: PacketBox) {
    this.url = url;
    this.#pipe = pipe;
    this.#box = box;
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#box.assertOpen();
    // A copy: the caller may reuse its buffer while ours waits for its turn.
    const packet = data.slice();
    const sent = this.#inTurn(packet, this.#sending, io);
    this.#sending = sent.catch(() => undefined);
    try {
      await sent;
    } catch (error) {
      // Told to the reader too: nobody should wait for the reply to a packet that never left.
      if (error instanceof FlashlineError && error.failure.code === 'probe-lost') this.#box.end(error);
      throw error;
    }
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const packet = this.#box.take(timeoutMs, io);
    this.#pipe.listen();
    return packet;
  }

  expectPackets(longest: number): void {
    this.#pipe.expectPackets?.(longest);
  }

  close(): Promise<void> {
    this.#closing ??= this.#letGo();
    return this.#closing;
  }

  async #inTurn(packet: Uint8Array, before: Promise<unknown>, io: IoContext): Promise<void> {
    await before;
    io.signal.throwIfAborted();
    this.#box.assertOpen();
    await this.#pipe.send(packet, io);
  }

  async #letGo(): Promise<void> {
    this.#box.end();
    await this.#sending;
    await this.#pipe.close();
  }
}
