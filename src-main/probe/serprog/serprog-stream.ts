import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import { ACK, Command, NAK } from './serprog-wire.ts';

/** Nothing for so long, beyond what the work itself takes: the adapter has stopped. */
const SILENCE_MS = 3000;
/** An adapter that is reset by opening its port starts through its own boot loader first. */
const START_MS = 4000;
/** How long it may take to answer SYNCNOP, and after how much quiet nothing more is to be expected. */
const SYNC_MS = 250;
const QUIET_MS = 20;
/**
 * An adapter that waits for the rest of an operation takes so many NOPs for it, doubled each time; together more than any
 * operation of ours has. After that only the pair is asked for.
 */
const FIRST_FILLER = 8;
const MOST_FILLER = 0x4000;
/** Between two tries with one that answers, but not that. */
const AGAIN_MS = 100;

/** What a command was answered; `accepted` false is NAK. */
export interface Answer {
  readonly accepted: boolean;
  readonly data: Uint8Array;
}

/** The two directions of the link, in step: how many bytes belong to an answer is only known by who asked. */
export class SerprogStream {
  readonly link: Link;
  #arrived = new Uint8Array();
  /** Answers that were asked for and not read to their end. */
  #owed = 0;
  #lostStep = true;

  constructor(link: Link) {
    this.link = link;
  }

  /** False where an exchange ended early (it failed, it was aborted): what arrives next would be taken for another answer. */
  get inStep(): boolean {
    return !this.#lostStep && this.#owed === 0;
  }

  /** Sends `commands` whole commands. */
  async ask(bytes: Uint8Array, commands: number, io: IoContext): Promise<void> {
    this.#owed += commands;
    await this.link.write(bytes, io);
  }

  /** The next answer, with `size` bytes of data if it is ACK. Whatever is neither is `probe-protocol`. */
  async answer(size: number, io: IoContext, workMs = 0): Promise<Answer> {
    const [status] = await this.#take(1, io, workMs);
    if (status !== ACK && status !== NAK) {
      this.#lostStep = true;
      throw this.protocol(`it answered 0x${(status ?? 0).toString(16).padStart(2, '0')} instead of ACK or NAK`);
    }
    const accepted = status === ACK;
    const data = accepted ? await this.#take(size, io, workMs) : new Uint8Array();
    this.#owed--;
    return { accepted, data };
  }

  /**
   * Brings both sides into step, whatever was sent or is on its way: NOPs (zeros) fill up an operation that was cut off
   * in the middle, SYNCNOP's pair of bytes tells the end of what was asked before. A page that was being programmed may
   * get those zeros; it has no proof then, and is written anew or told. Rejects with `probe-silent` or `probe-protocol`.
   */
  async synchronise(io: IoContext): Promise<void> {
    const { clock } = io;
    const until = clock.monotonic() + START_MS;
    let heard = false;
    for (let filler = 0, next = FIRST_FILLER; ; filler = next <= MOST_FILLER ? next : 0, next *= 2) {
      this.#arrived = new Uint8Array();
      const request = new Uint8Array(filler + 1).fill(Command.nop);
      request[filler] = Command.syncNop;
      await this.link.write(request, io);
      const last = await this.#untilQuiet(until, io);
      heard ||= last.length > 0;
      if (last.at(-2) === NAK && last.at(-1) === ACK) break;
      if (clock.monotonic() < until) {
        await clock.sleep(AGAIN_MS, io.signal);
        continue;
      }
      if (heard) throw this.protocol('it does not answer as a serprog adapter does');
      throw new FlashlineError('probe-silent', { params: { url: this.link.url, seconds: START_MS / 1000 } });
    }
    this.#owed = 0;
    this.#lostStep = false;
  }

  protocol(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.link.url, detail } });
  }

  /** What arrives until nothing more does, or it is too late; only its end is of interest. */
  async #untilQuiet(until: number, io: IoContext): Promise<Uint8Array> {
    let tail = new Uint8Array();
    let count = 0;
    for (;;) {
      const more = await this.#readWithin(count === 0 ? SYNC_MS : QUIET_MS, io);
      if (!more) return tail;
      count += more.length;
      tail = concat([tail, more]).slice(-2);
      // The pair alone, first thing: nobody had left anything.
      if (io.clock.monotonic() > until) return new Uint8Array(1);
      if (count === 2 && tail[0] === NAK && tail[1] === ACK) return tail;
    }
  }

  async #readWithin(ms: number, io: IoContext): Promise<Uint8Array | undefined> {
    try {
      return await this.link.read(ms, io);
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'probe-silent') return undefined;
      throw error;
    }
  }

  async #take(size: number, io: IoContext, workMs: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = size;
    while (missing > 0) {
      if (this.#arrived.length === 0) this.#arrived = Uint8Array.from(await this.link.read(SILENCE_MS + workMs, io));
      const part = this.#arrived.subarray(0, missing);
      this.#arrived = this.#arrived.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : concat(parts);
  }
}
