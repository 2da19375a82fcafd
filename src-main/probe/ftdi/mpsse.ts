import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Batch, Command } from './mpsse-commands.ts';

/** What the engine uses of an opened USB device. */
export interface FtdiUsb {
  readonly url: string;
  claim(interfaceNumber: number, io: IoContext): Promise<void>;
  controlOut(setup: VendorSetup, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void>;
  transferIn(endpoint: number, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array>;
  transferOut(endpoint: number, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void>;
  close(): Promise<void>;
}

interface VendorSetup {
  readonly type: 'vendor';
  readonly recipient: 'device';
  readonly request: number;
  readonly value: number;
  readonly index: number;
}

/** What of the device is this channel's; endpoints without their direction bits. */
export interface FtdiChannel {
  readonly interfaceNumber: number;
  readonly in: number;
  readonly out: number;
  /** Bytes of a USB packet: 512 at high speed. */
  readonly packetSize: number;
}

/** Vendor requests, as FTDI's drivers and libftdi make them. */
const Request = { reset: 0x00, latency: 0x09, bitMode: 0x0b } as const;
const RESET_ALL = 0;
const PURGE_IN = 1;
const PURGE_OUT = 2;
const MPSSE_MODE = 0x0200;
const RESET_MODE = 0x0000;
/** Milliseconds until what is not a full packet is sent; replies that we wait for are asked for at once. */
const LATENCY_MS = 2;
const CONTROL_MS = 1000;
const WRITE_MS = 5000;
const READ_MS = 1000;
/** Every USB packet begins with two bytes of modem status (AN_232B-03). */
const STATUS_BYTES = 2;
/** Of one transfer each way: several packets each, so that the bus is never idle between them. */
const OUT_BYTES = 16_384;
const IN_BYTES = 16_384;
/** Two that no MPSSE knows (AN_135, 5.3.1), one after the other so that an echo of old data is not taken for the answer. */
const UNKNOWN = [0xaa, 0xab] as const;
const SYNC_MS = 500;
const SYNC_BYTES = 70_000;

/** A channel of an H chip in MPSSE mode: commands out and their answers in, both at once. */
export class Mpsse {
  readonly #usb: FtdiUsb;
  readonly #channel: FtdiChannel;
  /** Answers that were not asked for yet. */
  #pending: Uint8Array = new Uint8Array();
  /** What is on the wire beyond USB: exchanges go one after another. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(usb: FtdiUsb, channel: FtdiChannel) {
    this.#usb = usb;
    this.#channel = channel;
  }

  get url(): string {
    return this.#usb.url;
  }

  /** Takes the channel and sees that its MPSSE answers. Closes the device where it does not. */
  static async open(usb: FtdiUsb, channel: FtdiChannel, io: IoContext): Promise<Mpsse> {
    const mpsse = new Mpsse(usb, channel);
    try {
      await mpsse.#setUp(io);
      for (const code of UNKNOWN) await mpsse.#synchronize(code, io);
      return mpsse;
    } catch (error) {
      await usb.close();
      throw error;
    }
  }

  /** Sends the commands and resolves to their answers; `wireMs` is what the pins take for it. */
  exchange(batch: Batch, wireMs: number, io: IoContext): Promise<Uint8Array> {
    const before = this.#last;
    const done = before.then(() => this.#carry(batch, wireMs, io));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Pins become inputs. Never rejects because the device is gone. */
  async close(io: IoContext): Promise<void> {
    await this.#last;
    try {
      await this.#control(Request.bitMode, RESET_MODE, io);
    } catch (error) {
      if (!(error instanceof FlashlineError)) throw error;
    } finally {
      await this.#usb.close();
    }
  }

  async #setUp(io: IoContext): Promise<void> {
    await this.#usb.claim(this.#channel.interfaceNumber, io);
    for (const [request, value] of [
      [Request.reset, RESET_ALL],
      [Request.latency, LATENCY_MS],
      [Request.bitMode, RESET_MODE],
      [Request.bitMode, MPSSE_MODE],
      [Request.reset, PURGE_IN],
      [Request.reset, PURGE_OUT],
    ] as const) {
      await this.#control(request, value, io);
    }
  }

  /** The answer to a command that there is not: `bad`, and the command. What came before it is old. */
  async #synchronize(code: number, io: IoContext): Promise<void> {
    await this.#write(Uint8Array.of(code, Command.sendNow), io);
    const deadline = io.clock.monotonic() + SYNC_MS;
    let heard: Uint8Array = new Uint8Array();
    do {
      heard = concat([heard, await this.#packets(io)]);
      const at = heard.findIndex((byte, index) => byte === Command.bad && heard[index + 1] === code);
      if (at >= 0) {
        this.#pending = heard.slice(at + 2);
        return;
      }
    } while (io.clock.monotonic() < deadline && heard.length < SYNC_BYTES);
    const detail = 'its MPSSE does not answer: is the channel one that has one?';
    throw new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
  }

  async #carry({ commands, replies }: Batch, wireMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    const all = replies > 0 ? concat([commands, Uint8Array.of(Command.sendNow)]) : commands;
    const reading = this.#read(replies, wireMs, io);
    // Whichever of the two fails first is told; the other must not be left over as nobody's.
    reading.catch(() => undefined);
    await this.#write(all, io, wireMs);
    return reading;
  }

  async #write(bytes: Uint8Array, io: IoContext, wireMs = 0): Promise<void> {
    for (let at = 0; at < bytes.length; at += OUT_BYTES) {
      await this.#usb.transferOut(this.#channel.out, bytes.subarray(at, at + OUT_BYTES), WRITE_MS + wireMs, io);
    }
  }

  async #read(count: number, wireMs: number, io: IoContext): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [this.#pending];
    let length = this.#pending.length;
    this.#pending = new Uint8Array();
    const waitMs = WRITE_MS + wireMs;
    let deadline = io.clock.monotonic() + waitMs;
    while (length < count) {
      const piece = await this.#packets(io);
      if (piece.length === 0 && io.clock.monotonic() > deadline) {
        throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: Math.ceil(waitMs / 1000) } });
      }
      if (piece.length > 0) deadline = io.clock.monotonic() + waitMs;
      pieces.push(piece);
      length += piece.length;
    }
    const found = concat(pieces);
    if (length > count) {
      const detail = `it answered with ${length} bytes where ${count} were asked for`;
      throw new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
    }
    return found;
  }

  /** What one transfer brings, without the status that stands in every packet; nothing, after the latency timer. */
  async #packets(io: IoContext): Promise<Uint8Array> {
    const { packetSize } = this.#channel;
    const transfer = await this.#usb.transferIn(this.#channel.in, IN_BYTES, READ_MS, io).catch((error: unknown) => {
      // Some hosts' transfers end late where nothing comes: the caller's own deadline counts.
      if (error instanceof FlashlineError && error.failure.code === 'probe-silent') return new Uint8Array();
      throw error;
    });
    return withoutStatus(transfer, packetSize);
  }

  #control(request: number, value: number, io: IoContext): Promise<void> {
    // Channels are counted from 1 here.
    const index = this.#channel.interfaceNumber + 1;
    const setup = { type: 'vendor', recipient: 'device', request, value, index } as const;
    return this.#usb.controlOut(setup, new Uint8Array(), CONTROL_MS, io);
  }
}

/** A transfer of several packets without the two bytes that each begins with. */
export function withoutStatus(transfer: Uint8Array, packetSize: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < transfer.length; at += packetSize) {
    pieces.push(transfer.subarray(at + STATUS_BYTES, at + packetSize));
  }
  return concat(pieces);
}
