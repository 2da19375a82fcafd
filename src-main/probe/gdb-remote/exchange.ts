import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import { ACK, framePacket, type Incoming, NAK, PacketParser } from './packets.ts';

/** A stub on the same bench answers within milliseconds; one that needs longer than this has stopped. */
export const REPLY_MS = 2000;
/** How often a damaged packet is asked for again. */
const ATTEMPTS = 3;
/** Bytes of noise before one reply after which there is no gdb server at the other end. */
const NOISE_LIMIT = 4096;
/** Requests written ahead. Enough to keep the stub busy; each one's reply is at most a packet. */
const WINDOW = 32;

const REFUSES = 'it refuses our packets';
const NOISE = 'bytes that are no packets';

type OnReply = (payload: Uint8Array, index: number) => void;

/** One wait for one item: a deadline that nothing that arrives meanwhile can extend. */
interface Wait {
  readonly io: IoContext;
  readonly deadline: number;
  readonly timeoutMs: number;
  /** Nothing coming is no fault: the core may still be running. */
  readonly patient: boolean;
  /** Bytes that were no packets, and what else arrived that was no answer: it tells a mute server from a mad one. */
  noise: number;
  fault?: string;
}

/**
 * Requests out, replies in: acknowledgement, repetition, deadlines, and writing ahead where the stub allows it.
 * The protocol has one conversation at a time; callers take turns (connection.ts).
 */
export class Exchange {
  readonly #link: Link;
  readonly #parser = new PacketParser();
  #inbox: Incoming[] = [];
  #acks = true;
  /** Replies still to come, also to requests whose caller has given up: those are dropped before the next request. */
  #owed = 0;
  /** Set by a failure after which requests and replies can no longer be told apart. */
  #broken: unknown;

  constructor(link: Link) {
    this.#link = link;
  }

  get url(): string {
    return this.#link.url;
  }

  /** After QStartNoAckMode was answered with OK. */
  stopAcknowledging(): void {
    this.#acks = false;
  }

  /** One request after the other; `onReply` gets each reply. */
  async inTurn(requests: readonly Uint8Array[], onReply: OnReply, io: IoContext): Promise<void> {
    for (const [index, request] of requests.entries()) {
      await this.send(request, io);
      onReply(await this.reply(io), index);
    }
  }

  /** Requests written ahead of their replies. Nothing is repeated: the stream below loses nothing. */
  async ahead(requests: readonly Uint8Array[], onReply: OnReply, io: IoContext): Promise<void> {
    await this.dropOwed(io);
    let sent = 0;
    for (let got = 0; got < requests.length; got++) {
      // Topped up by half a window at a time: fewer, larger writes.
      if (sent - got <= WINDOW / 2 && sent < requests.length) {
        const until = Math.min(requests.length, got + WINDOW);
        await this.writeAhead(requests.slice(sent, until), sent > 0, io);
        sent = until;
      }
      onReply(await this.nextAhead(io), got);
    }
    if (requests.length > 0) await this.acknowledge(io);
  }

  /** Frames back to back; each but the very first is preceded by the acknowledgement of the reply before it. */
  async writeAhead(requests: readonly Uint8Array[], follows: boolean, io: IoContext): Promise<void> {
    const parts = requests.flatMap((request, index) =>
      this.#acks && (follows || index > 0) ? [ACK, framePacket(request)] : [framePacket(request)],
    );
    // Counted only once nothing but the wire can keep them from going out.
    io.signal.throwIfAborted();
    this.#owed += requests.length;
    await this.#write(Buffer.concat(parts), io);
  }

  /** The next reply to requests written ahead; its acknowledgement went out with the request after it. */
  async nextAhead(io: IoContext): Promise<Uint8Array> {
    const payload = await this.#packet(waitOf(REPLY_MS, io), false);
    this.#owed -= 1;
    return payload;
  }

  /** Writes one request and waits until the stub has acknowledged it. */
  async send(request: Uint8Array, io: IoContext): Promise<void> {
    await this.dropOwed(io);
    const frame = framePacket(request);
    io.signal.throwIfAborted();
    this.#owed += 1;
    for (let attempt = 1; ; attempt++) {
      await this.#write(frame, io);
      if (!this.#acks || (await this.#acknowledged(waitOf(REPLY_MS, io)))) return;
      if (attempt === ATTEMPTS) throw this.#garbled(REFUSES);
    }
  }

  /** The reply to the last request sent. */
  async reply(io: IoContext, timeoutMs = REPLY_MS): Promise<Uint8Array> {
    const payload = await this.#packet(waitOf(timeoutMs, io), true);
    this.#owed -= 1;
    await this.acknowledge(io);
    return payload;
  }

  /**
   * A packet that answers no request: a stop, or console output. With `patient`, `probe-silent` after `timeoutMs`
   * leaves the conversation whole.
   */
  async announcement(timeoutMs: number, patient: boolean, io: IoContext): Promise<Uint8Array> {
    const payload = await this.#packet(waitOf(timeoutMs, io, patient), true);
    await this.acknowledge(io);
    return payload;
  }

  /** Ends the account of a request that is answered by a stop (resume), or by nothing. */
  oweNothingFor(requests: number): void {
    this.#owed -= requests;
  }

  async dropOwed(io: IoContext): Promise<void> {
    this.assertWhole();
    while (this.#owed > 0) await this.reply(io);
  }

  async sendRaw(bytes: Uint8Array, io: IoContext): Promise<void> {
    this.assertWhole();
    await this.#write(bytes, io);
  }

  async acknowledge(io: IoContext): Promise<void> {
    if (this.#acks) await this.#write(ACK, io);
  }

  /** A failure of the conversation itself: every later request meets it at once instead of waiting again. */
  breakWith<E>(error: E): E {
    this.#broken ??= error;
    return error;
  }

  assertWhole(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  /** True for `+`, false for `-`. A reply whose acknowledgement got lost on a serial line stands for it. */
  async #acknowledged(wait: Wait): Promise<boolean> {
    for (;;) {
      const item = await this.#item(wait);
      if (item.kind === 'ack') return true;
      if (item.kind === 'nak') return false;
      if (item.kind === 'packet') {
        this.#inbox.unshift(item);
        return true;
      }
    }
  }

  async #packet(wait: Wait, repeat: boolean): Promise<Uint8Array> {
    for (let attempt = 1; ;) {
      const item = await this.#item(wait);
      if (item.kind === 'packet') return item.payload;
      if (item.kind === 'nak') wait.fault = REFUSES;
      if (item.kind === 'nak' && !repeat) throw this.#garbled(REFUSES);
      if (item.kind !== 'damaged') continue;
      wait.fault = item.reason;
      if (!repeat || !this.#acks || attempt === ATTEMPTS) throw this.#garbled(item.reason);
      attempt += 1;
      await this.#write(NAK, wait.io);
    }
  }

  async #item(wait: Wait): Promise<Incoming> {
    for (;;) {
      const item = this.#inbox.shift();
      if (item?.kind === 'noise') {
        wait.noise += item.length;
        wait.fault ??= NOISE;
        if (wait.noise > NOISE_LIMIT) throw this.#garbled(NOISE);
      } else if (item) {
        return item;
      } else {
        this.#inbox = this.#parser.feed(await this.#arrival(wait));
      }
    }
  }

  async #arrival(wait: Wait): Promise<Uint8Array> {
    const left = wait.deadline - wait.io.clock.monotonic();
    try {
      if (left > 0) return await this.#link.read(left, wait.io);
    } catch (error) {
      if (!(error instanceof FlashlineError)) throw error;
      if (error.failure.code !== 'probe-silent') throw this.breakWith(error);
    }
    wait.io.signal.throwIfAborted();
    if (wait.fault !== undefined) throw this.#garbled(wait.fault);
    const seconds = String(Math.round(wait.timeoutMs / 100) / 10);
    const silent = new FlashlineError('probe-silent', { params: { url: this.url, seconds } });
    throw wait.patient ? silent : this.breakWith(silent);
  }

  #garbled(detail: string): FlashlineError {
    return this.breakWith(new FlashlineError('probe-protocol', { params: { url: this.url, detail } }));
  }

  async #write(bytes: Uint8Array, io: IoContext): Promise<void> {
    try {
      await this.#link.write(bytes, io);
    } catch (error) {
      throw error instanceof FlashlineError ? this.breakWith(error) : error;
    }
  }
}

function waitOf(timeoutMs: number, io: IoContext, patient = false): Wait {
  return { io, deadline: io.clock.monotonic() + timeoutMs, timeoutMs, patient, noise: 0 };
}
