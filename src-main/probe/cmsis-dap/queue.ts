import { toHex } from '#shared/base/bytes.ts';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { Packet } from './packets.ts';

/** What DAP_Info says: the probe drops packets that are longer, or that come while `packetCount` are unanswered. */
export interface ProbeLimits {
  readonly packetSize: number;
  readonly packetCount: number;
}

/** A probe answers at once but for what the target may stretch: a packet's worth of WAIT or match retries. */
const REPLY_DEADLINE_MS = 3000;
/** How long a probe is quiet before we believe that nothing stale is left in it. */
const QUIET_MS = 20;
const STALE_PACKETS = 64;

interface InFlight<P extends Packet> {
  readonly packet: P;
  /** Resolves when the link has taken the packet; to what went wrong, if something did. */
  readonly failure: Promise<{ readonly error: unknown } | undefined>;
}

/**
 * The only thing here that does I/O. Sends packets in order, keeps as many unanswered as the probe allows, and hands
 * each reply to the caller. Whatever happens, a call that ends has no reply of its own outstanding: it drains them,
 * or, where the probe went silent, makes the next call throw away what comes late.
 */
export class PacketQueue {
  readonly #link: Link;
  readonly #limits: ProbeLimits;
  readonly #unaborted = new AbortController().signal;
  readonly #guessing: boolean;
  #maybeStale: boolean;

  /** `guessing`: nobody has asked the probe for its limits yet, nor thrown away what an earlier owner left in it. */
  constructor(link: Link, limits: ProbeLimits, guessing = false) {
    this.#link = link;
    this.#limits = limits;
    this.#guessing = guessing;
    this.#maybeStale = guessing;
  }

  /**
   * `onReply` returns false to stop sending, and may throw for the same effect; the replies of packets that are
   * under way by then are read and dropped. The signal is checked before each packet, never in the middle of one.
   */
  async run<P extends Packet>(
    packets: Iterable<P>,
    io: IoContext,
    onReply: (packet: P, reply: Uint8Array) => boolean,
  ): Promise<void> {
    await this.#dropStale(io.clock);
    const source = packets[Symbol.iterator]();
    const inFlight: InFlight<P>[] = [];
    try {
      for (let sending = true, listening = true; ;) {
        while (sending && inFlight.length < this.#limits.packetCount && !inFlight.at(-1)?.packet.fence) {
          io.signal.throwIfAborted();
          const next = source.next();
          if (next.done) sending = false;
          else inFlight.push(this.#send(next.value, io.clock));
        }
        const oldest = inFlight.shift();
        if (oldest === undefined) return;
        const reply = await this.#receive(oldest, io.clock);
        if (listening && !onReply(oldest.packet, reply)) sending = listening = false;
      }
    } catch (error) {
      if (isSilence(error)) this.#maybeStale = true;
      else await this.#drain(inFlight.length, io.clock);
      throw error;
    }
  }

  /** One packet, one reply. */
  async call(packet: Packet, io: IoContext): Promise<Uint8Array> {
    let answer = new Uint8Array();
    await this.run([packet], io, (_, reply) => {
      answer = Uint8Array.from(reply);
      return true;
    });
    return answer;
  }

  /**
   * Hands a packet to the link and does not wait for it to arrive: meanwhile the next is handed over, and replies are
   * read. Links keep the order of their calls. A write that failed is told when its reply does not come.
   */
  #send<P extends Packet>(packet: P, clock: Clock): InFlight<P> {
    const written = this.#link.write(packet.request, { clock, signal: this.#unaborted });
    return {
      packet,
      failure: written.then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    };
  }

  async #receive({ packet, failure }: InFlight<Packet>, clock: Clock): Promise<Uint8Array> {
    const reply = await this.#reply(failure, REPLY_DEADLINE_MS + (packet.patienceMs ?? 0), clock);
    const command = `command ${toHex(packet.request.subarray(0, 1))}`;
    if (this.#isTooLong(reply)) throw this.#nonsense(`${command} was answered with ${reply.length} bytes`);
    if (reply[0] === packet.request[0] && reply.length >= packet.minReply) return reply;
    throw this.#nonsense(`${command} was answered with ${toHex(reply.subarray(0, 8)) || 'nothing'}`);
  }

  /** HID reports may be longer than the probe's packets; what is beyond those is padding. */
  #isTooLong(reply: Uint8Array): boolean {
    const { packetSize } = this.#limits;
    return !this.#guessing && reply.length > packetSize && reply.subarray(packetSize).some((byte) => byte !== 0);
  }

  #nonsense(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.#link.url, detail } });
  }

  async #reply(failure: InFlight<Packet>['failure'], deadlineMs: number, clock: Clock): Promise<Uint8Array> {
    try {
      return await this.#link.read(deadlineMs, { clock, signal: this.#unaborted });
    } catch (error) {
      // A packet that did not get through explains why nothing came; one that still hangs must not hold us up.
      const failed = await Promise.race([failure, Promise.resolve(undefined)]);
      throw failed ? failed.error : error;
    }
  }

  async #drain(replies: number, clock: Clock): Promise<void> {
    try {
      for (let left = replies; left > 0; left--) {
        await this.#link.read(REPLY_DEADLINE_MS, { clock, signal: this.#unaborted });
      }
    } catch {
      // The failure that made us drain is the one to tell. What did not come now may come later.
      this.#maybeStale = true;
    }
  }

  /** Replies to somebody's earlier packets (a process that died, a deadline that passed) would answer ours. */
  async #dropStale(clock: Clock): Promise<void> {
    if (!this.#maybeStale) return;
    for (let dropped = 0; dropped < STALE_PACKETS; dropped++) {
      try {
        await this.#link.read(QUIET_MS, { clock, signal: this.#unaborted });
      } catch (error) {
        if (!isSilence(error)) throw error;
        this.#maybeStale = false;
        return;
      }
    }
    throw this.#nonsense('it does not stop talking');
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof FlashlineError && error.failure.code === 'probe-silent';
}
