import type { HostAnswer } from './swd-host.ts';
import type { PacketReader, PacketWriter } from './packet-reader.ts';
import { Ack } from './sw-dp.ts';

/** Transfer request bits (CMSIS-DAP 2.1, DAP_Transfer). */
const AP = 1;
const READ = 2;
const MATCH_VALUE = 16;
const MATCH_MASK = 32;
const TIMESTAMP = 128;

const RDBUFF = READ | 0xc;
const MISMATCH = 16;
const OK: HostAnswer = { ack: Ack.ok, data: 0 };

/** The wire that transfers go over. */
export interface TransferWire {
  readonly now: number;
  /** Over JTAG every read's word comes with the access after it; over SWD only an AP read's does. */
  readonly postsDpReads: boolean;
  /** A command begins; false if there is no such debug port (DAP index). */
  choose(index: number): boolean;
  transfer(ap: boolean, read: boolean, address: number, value: number): HostAnswer;
  /** After a WAIT: makes up to `most` attempts at once that end no differently; how many. Left out: none. */
  passWaits?(most: number): number;
}

/** DAP_TransferConfigure's settings, and the mask that MATCH_MASK writes set. */
export interface TransferSettings {
  waitRetry: number;
  matchRetry: number;
  matchMask: number;
}

/**
 * DAP_Transfer and DAP_TransferBlock. AP reads (over JTAG all reads) are posted on the wire, so each costs its own
 * transfer and the last of a row one of RDBUFF more; a row that ends with a write reads RDBUFF to learn of its fault.
 */
export class CmsisDapTransfers {
  readonly #wire: TransferWire;
  readonly #settings: TransferSettings;
  /** True from the time on at which DAP_TransferAbort came. */
  readonly #aborted: () => boolean;
  #posted: { readonly port: number; readonly timestamp: boolean } | undefined;
  #checkWrite = false;

  constructor(wire: TransferWire, settings: TransferSettings, aborted: () => boolean) {
    this.#wire = wire;
    this.#settings = settings;
    this.#aborted = aborted;
  }

  /** `05 index count {request [data]}...` -> `05 executed ack [data]...` */
  transfer(input: PacketReader, out: PacketWriter): void {
    const there = this.#wire.choose(input.u8());
    const count = input.u8();
    const words: number[] = [];
    let executed = 0;
    let ack: number = there ? Ack.ok : 0;
    this.#posted = undefined;
    this.#checkWrite = false;
    for (let i = 0; i < count; i++) {
      // After a failure the rest is only read past, so that a command behind it in the packet is found.
      const request = input.u8();
      const data = takesData(request) ? input.u32() : 0;
      if (ack !== Ack.ok) continue;
      ack = this.#one(request, data, words);
      if (ack === Ack.ok) executed++;
      if (this.#aborted()) break;
    }
    if (ack === Ack.ok) ack = this.#finish(words);
    out.u8(executed);
    out.u8(ack);
    this.#emit(words, out);
  }

  /** `06 index count16 request [data]...` -> `06 done16 ack [data]...` */
  block(input: PacketReader, out: PacketWriter): void {
    const there = this.#wire.choose(input.u8());
    const count = input.u16();
    const request = input.u8();
    const words: number[] = [];
    if (!there) {
      if (!(request & READ)) input.bytes(4 * count);
      out.bytes([0, 0, 0]);
      return;
    }
    const outcome =
      request & READ ? this.#readBlock(request, count, out, words) : this.#writeBlock(request, count, input);
    out.u16(outcome.done);
    out.u8(outcome.ack);
    for (const word of words) out.u32(word);
  }

  #readBlock(request: number, count: number, out: PacketWriter, words: number[]) {
    const fits = Math.min(count, Math.floor((out.room - 3) / 4));
    if (fits <= 0) return { done: 0, ack: count === 0 ? 0 : PROTOCOL };
    const posts = this.#posts(request);
    if (posts) {
      const post = this.#attempt(request, 0);
      if (post.ack !== Ack.ok) return { done: 0, ack: post.ack };
    }
    for (let i = 0; i < fits; i++) {
      const last = i === fits - 1 && posts;
      const answer = this.#attempt(last ? RDBUFF : request, 0);
      if (answer.ack !== Ack.ok) return { done: i, ack: answer.ack };
      words.push(answer.data);
      if (this.#aborted()) return { done: i + 1, ack: Ack.ok as number };
    }
    return { done: fits, ack: Ack.ok as number };
  }

  #writeBlock(request: number, count: number, input: PacketReader) {
    let done = 0;
    let ack: number = count === 0 ? 0 : Ack.ok;
    for (let i = 0; i < count; i++) {
      const value = input.u32();
      if (ack !== Ack.ok || this.#aborted()) continue;
      ack = this.#attempt(request, value).ack;
      if (ack === Ack.ok) done++;
    }
    if (ack === Ack.ok) ack = this.#attempt(RDBUFF, 0).ack;
    return { done, ack };
  }

  /** One request; appends what it reads. Returns the acknowledge. */
  #one(request: number, data: number, words: number[]): number {
    if (!(request & READ)) return this.#write(request, data, words);
    this.#checkWrite = false;
    if (this.#posted) {
      const chained = !(request & MATCH_VALUE) && (request & AP) === this.#posted.port;
      const answer = this.#attempt(chained ? request : RDBUFF, 0);
      if (answer.ack !== Ack.ok) return answer.ack;
      this.#store(words, answer.data, this.#posted.timestamp);
      this.#posted = chained ? posted(request) : undefined;
      if (chained) return Ack.ok;
    }
    if (request & MATCH_VALUE) return this.#match(request, data);
    const answer = this.#attempt(request, 0);
    if (answer.ack !== Ack.ok) return answer.ack;
    if (this.#posts(request)) this.#posted = posted(request);
    else this.#store(words, answer.data, (request & TIMESTAMP) !== 0);
    return Ack.ok;
  }

  #write(request: number, data: number, words: number[]): number {
    if (this.#posted) {
      const ack = this.#finish(words);
      if (ack !== Ack.ok) return ack;
    }
    if (request & MATCH_MASK) {
      this.#settings.matchMask = data;
      return Ack.ok;
    }
    const { ack } = this.#attempt(request, data);
    if (ack === Ack.ok) this.#checkWrite = true;
    return ack;
  }

  /** Reads until `(word & mask) === value`, at most 1 + matchRetry times. */
  #match(request: number, value: number): number {
    const post = this.#posts(request) ? this.#attempt(request, 0) : OK;
    if (post.ack !== Ack.ok) return post.ack;
    for (let retry = this.#settings.matchRetry; ; retry--) {
      const answer = this.#attempt(request, 0);
      if (answer.ack !== Ack.ok) return answer.ack;
      if ((answer.data & this.#settings.matchMask) >>> 0 === value) return Ack.ok;
      if (retry === 0 || this.#aborted()) return Ack.ok | MISMATCH;
    }
  }

  /** Fetches what is still posted, or learns whether the last write went well. */
  #finish(words: number[]): number {
    const waiting = this.#posted;
    if (!waiting && !this.#checkWrite) return Ack.ok;
    this.#posted = undefined;
    this.#checkWrite = false;
    const answer = this.#attempt(RDBUFF, 0);
    if (waiting && answer.ack === Ack.ok) this.#store(words, answer.data, waiting.timestamp);
    return answer.ack;
  }

  #posts(request: number): boolean {
    return this.#wire.postsDpReads || (request & AP) !== 0;
  }

  #attempt(request: number, value: number): HostAnswer {
    for (let retry = this.#settings.waitRetry; ; retry--) {
      const answer = this.#wire.transfer((request & AP) !== 0, (request & READ) !== 0, request & 0xc, value);
      if (answer.ack !== Ack.wait || retry === 0 || this.#aborted()) return answer;
      retry -= this.#wire.passWaits?.(retry - 1) ?? 0;
    }
  }

  #store(words: number[], value: number, timestamp: boolean): void {
    if (timestamp) words.push(Math.floor(this.#wire.now / 1000) >>> 0);
    words.push(value);
  }

  #emit(words: readonly number[], out: PacketWriter): void {
    for (const word of words) if (out.room >= 4) out.u32(word);
  }
}

const PROTOCOL = 8;

function posted(request: number) {
  return { port: request & AP, timestamp: (request & TIMESTAMP) !== 0 };
}

function takesData(request: number): boolean {
  return !(request & READ) || (request & MATCH_VALUE) !== 0;
}
