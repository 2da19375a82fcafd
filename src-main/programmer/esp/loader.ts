import { concat, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialLink } from '../../link/link.ts';
import { blockRequest, OP, type Op, parseResponse, request, type Response, statusOf, syncRequest } from './commands.ts';
import { SlipReader, slipFrame } from './slip.ts';
import type { Stub } from './stub.ts';

/** The ROM's rate after a reset, whatever its crystal. */
export const ROM_BAUD = 115_200;
/** Of what takes no time. */
export const ANSWER_MS = 1000;
/** From the last bit of a request to the answer's first: a ROM that heard it answers at once. */
const SYNC_MS = 100;
/** The ROM answers SYNC eight times; what comes late must not be taken for an answer to something else. */
const SYNC_ANSWERS = 8;
/** What a ROM takes in one MEM_DATA. */
const RAM_BLOCK = 0x1800;
const HEARD = 512;
/**
 * Between two frames for a stub that may be idle: behind one it hears nothing until its interrupt, at the next 32 bytes or ten bytes of
 * silence, has handed that over (esp-flasher-stub, transport.c); and an adapter may well send both as one, or bring both answers as
 * one. Outside of a frame SLIP skips zeros.
 */
const GAP = new Uint8Array(64);
const NOTHING = new Uint8Array();

/** What went wrong between the two UARTs: another try may well do, a lower rate even more so. */
export class LineTrouble extends Error {
  override readonly name = 'LineTrouble';
  readonly kind: 'silent' | 'spoiled';

  constructor(kind: LineTrouble['kind'], detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** A command that the loader will not carry out, with its reason. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly kind: 'flash' | 'unsupported' | 'other';

  constructor(kind: Refused['kind'], detail: string) {
    super(detail);
    this.kind = kind;
  }
}

export interface Ask {
  /** Bytes of data before the status; left out where the answer is its value. */
  readonly data?: number;
  readonly timeoutMs?: number;
}

/** The dialogue with whichever loader runs, ROM or stub: one question, one answer. Knows nothing of flash. */
export class EspLoader {
  readonly link: SerialLink;
  readonly #slip = new SlipReader();
  #frames: Uint8Array[] = [];
  #baud = ROM_BAUD;
  /** The first that was heard since, for what a boot log says. */
  #heard = '';

  constructor(link: SerialLink) {
    this.link = link;
  }

  get baud(): number {
    return this.#baud;
  }

  /** What the ROM said of its start, where it was heard: `boot:0x13 (SPI_FAST_FLASH_BOOT)`. */
  bootLog(): string | undefined {
    return /boot:0x[0-9a-f]+(?: \([A-Z0-9_/()]+)?/iu.exec(this.#heard)?.[0];
  }

  /** At the rate of a ROM that was just reset. */
  async restart(io: IoContext): Promise<void> {
    await this.#format(ROM_BAUD, io);
    await this.forget(io);
    this.#heard = '';
  }

  /** What has arrived by now answers nothing that will be asked. */
  async forget(io: IoContext): Promise<void> {
    await this.link.discard(io);
    this.#slip.reset();
    this.#frames = [];
  }

  /** Rejects with `LineTrouble` or `Refused`. */
  async ask(
    op: Op,
    frame: Uint8Array,
    io: IoContext,
    { data = 0, timeoutMs = ANSWER_MS }: Ask = {},
  ): Promise<Response> {
    await this.link.write(slipFrame(frame), io);
    return this.answer(op, io, { data, timeoutMs });
  }

  /**
   * Questions to the stub that need not know each other's answers: while it works on one it takes the next. Answers have no number: they
   * count only together, once there are as many as questions. Rejects as `ask`, with some still on their way after `Refused`.
   */
  async askAll(op: Op, frames: readonly Uint8Array[], io: IoContext, ask: Ask = {}): Promise<Response[]> {
    const send = async (index: number) => {
      const frame = frames[index];
      if (frame) await this.link.write(concat([index === 0 ? NOTHING : GAP, slipFrame(frame)]), io);
    };
    await send(0);
    await send(1);
    const responses: Response[] = [];
    while (responses.length < frames.length) {
      responses.push(await this.answer(op, io, ask));
      await send(responses.length + 1);
    }
    return responses;
  }

  /** The answer to what was sent before. */
  async answer(op: Op, io: IoContext, { data = 0, timeoutMs = ANSWER_MS }: Ask = {}): Promise<Response> {
    const until = io.clock.monotonic() + timeoutMs;
    for (;;) {
      const response = parseResponse(await this.frame(until, io));
      if (response?.op !== op) continue;
      const status = statusOf(response.body, data);
      if (!status) return response;
      if (status.refusal === 'line') throw new LineTrouble('spoiled', status.reason);
      throw new Refused(status.refusal, status.reason);
    }
  }

  /** The next whole frame, by the clock's `until`. */
  async frame(until: number, io: IoContext): Promise<Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame) return frame;
      const spoiled = this.#slip.spoiled;
      this.#frames.push(...this.#slip.take(await this.#bytes(until, io)));
      if (this.#slip.spoiled > spoiled) throw new LineTrouble('spoiled', 'a frame with a wrong escape');
    }
  }

  async send(payload: Uint8Array, io: IoContext): Promise<void> {
    await this.link.write(slipFrame(payload), io);
  }

  async readRegister(address: number, io: IoContext): Promise<number> {
    return (await this.ask(OP.READ_REG, request(OP.READ_REG, wordsToBytes([address])), io)).value;
  }

  /** Whether a ROM answers within a few tries. */
  async sync(tries: number, io: IoContext): Promise<boolean> {
    for (let left = tries; left > 0; left--) {
      try {
        await this.ask(OP.SYNC, syncRequest(), io, { timeoutMs: SYNC_MS });
        for (let more = 1; more < SYNC_ANSWERS; more++) await this.answer(OP.SYNC, io, { timeoutMs: SYNC_MS });
        return true;
      } catch (error) {
        if (!(error instanceof LineTrouble) && !(error instanceof Refused)) throw error;
        await this.forget(io);
      }
    }
    return false;
  }

  /** Both sides go to another rate; nothing says yet that they understand each other there. */
  async changeBaud(baud: number, isStub: boolean, io: IoContext): Promise<void> {
    // The stub is told the old rate too, from which it learns its clock.
    const words = wordsToBytes([baud, isStub ? this.#baud : 0]);
    await this.ask(OP.CHANGE_BAUDRATE, request(OP.CHANGE_BAUDRATE, words), io);
    await this.#format(baud, io);
    // Its UART is set up anew, and may send half a byte doing so.
    await io.clock.sleep(5, io.signal);
    await this.forget(io);
  }

  /** Puts the stub into RAM and starts it; it says OHAI. */
  async startStub(stub: Stub, io: IoContext): Promise<void> {
    for (const { address, bytes } of stub.parts) {
      const blocks = Math.ceil(bytes.length / RAM_BLOCK);
      const begin = wordsToBytes([bytes.length, blocks, RAM_BLOCK, address]);
      await this.ask(OP.MEM_BEGIN, request(OP.MEM_BEGIN, begin), io);
      for (let index = 0; index < blocks; index++) {
        const block = bytes.subarray(index * RAM_BLOCK, (index + 1) * RAM_BLOCK);
        await this.ask(OP.MEM_DATA, blockRequest(OP.MEM_DATA, index, block), io);
      }
    }
    await this.ask(OP.MEM_END, request(OP.MEM_END, wordsToBytes([0, stub.entry])), io);
    const hello = await this.frame(io.clock.monotonic() + ANSWER_MS, io);
    if (String.fromCharCode(...hello) !== 'OHAI') throw new LineTrouble('spoiled', 'the stub did not say OHAI');
  }

  async #bytes(until: number, io: IoContext): Promise<Uint8Array> {
    const left = until - io.clock.monotonic();
    if (left <= 0) throw new LineTrouble('silent', 'no answer');
    try {
      const bytes = await this.link.read(left, io);
      if (this.#heard.length < HEARD) this.#heard += String.fromCharCode(...bytes.subarray(0, HEARD));
      return bytes;
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'probe-silent') {
        throw new LineTrouble('silent', 'no answer');
      }
      throw error;
    }
  }

  async #format(baud: number, io: IoContext): Promise<void> {
    await this.link.setFormat({ baudRate: baud, parity: 'none' }, io);
    this.#baud = baud;
  }
}
