import type { IoContext } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { I2cOutcome, I2cPort } from '../../probe/i2c-port.ts';
import {
  type Answer,
  type Command,
  commandBytes,
  readAnswer,
  STATUS,
  STATUS_BYTES,
  statusText,
  WORD_ADDRESS,
} from './packets.ts';

/** SDA must be low for 60 us: the address byte 0 at 100 kHz holds it for 80 (DS40001977, 3.2: tWLO, tWHI). */
export const WAKE_HZ = 100_000;
const WAKE_MS = 1.5;
/** The chip sleeps 0.7 s after its wake at the soonest, whatever it is doing (DS20005927A, table 8-2: tWATCHDOG). */
const AWAKE_MS = 700;
/** Attempts at what noise may have spoiled. */
const ATTEMPTS = 4;
/** A chip that is still busy after this many times its longest time does not come back. */
const PATIENCE = 2;

/**
 * One ATECC on its bus: wakes it, hands it commands one at a time and puts it to sleep. Its wake ends by itself, so work is
 * done in stretches: before a command might not fit in any more, the chip is put into idle, which keeps its TempKey, and
 * woken again.
 */
export class AteccSession {
  readonly #port: I2cPort;
  readonly #address: number;
  /** Monotonic milliseconds of the last wake; null while the chip sleeps or idles. */
  #wokenAt: number | null = null;

  constructor(port: I2cPort, address: number) {
    this.#port = port;
    this.#address = address;
  }

  /** Rejects with `no-target` where nothing wakes up. A chip that somebody left awake is put to sleep first. */
  async open(io: IoContext): Promise<void> {
    await this.sleep(io);
    await this.#wake(io);
  }

  /**
   * The answer of a command that worked. Rejects with `element-refused` for any status that says no, `target-stuck`,
   * `wire-noise` or `no-target`.
   */
  async data(command: Command, io: IoContext): Promise<Uint8Array> {
    const answer = await this.ask(command, io);
    if (answer.kind === 'data') return answer.data;
    throw refused(command, answer.status);
  }

  /** A command that answers with a status, which must say that it worked. Rejects as `data` does. */
  async done(command: Command, io: IoContext): Promise<void> {
    const answer = await this.ask(command, io);
    if (answer.kind === 'data' || answer.status !== STATUS.ok) {
      throw refused(command, answer.kind === 'data' ? STATUS.ok : answer.status);
    }
  }

  /** Whatever the chip answers, once. A command that it did not take in is sent again. */
  async ask(command: Command, io: IoContext): Promise<Exclude<Answer, { kind: 'spoiled' }>> {
    for (let attempt = 1; ; attempt++) {
      io.signal.throwIfAborted();
      await this.#stayAwake(command, io);
      const sent = await this.#send(commandBytes(command), io);
      const answer = sent ? await this.#answerOf(command, io) : undefined;
      const again = answer === undefined || isUntaken(answer);
      if (!again) return answer;
      if (attempt === ATTEMPTS) {
        if (answer?.kind !== 'status') throw new FlashlineError('no-target');
        throw new FlashlineError('wire-noise', { params: { detail: `${command.name}: ${statusText(answer.status)}` } });
      }
      // It may have gone to sleep, or be about to.
      if (answer?.kind !== 'status' || answer.status === STATUS.watchdog) await this.#rewake(io);
    }
  }

  /** Forgets TempKey and saves power. Never rejects because nobody answers: a chip that sleeps does not. */
  async sleep(io: IoContext): Promise<void> {
    this.#wokenAt = null;
    await this.#port.transfer(this.#address, [{ write: Uint8Array.of(WORD_ADDRESS.sleep) }], io);
  }

  async #stayAwake({ maxMs }: Command, io: IoContext): Promise<void> {
    const now = io.clock.monotonic();
    if (this.#wokenAt !== null && now - this.#wokenAt + maxMs < AWAKE_MS) return;
    await this.#rewake(io);
  }

  async #rewake(io: IoContext): Promise<void> {
    await this.#port.transfer(this.#address, [{ write: Uint8Array.of(WORD_ADDRESS.idle) }], io);
    await this.#wake(io);
  }

  async #wake(io: IoContext): Promise<void> {
    let detail = '';
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      io.signal.throwIfAborted();
      // Nobody acknowledges address 0: the low level is all that it is for.
      await this.#port.transfer(0, [{ write: new Uint8Array() }], io);
      const since = io.clock.monotonic();
      await io.clock.sleep(WAKE_MS, io.signal);
      const bytes = await this.#read(STATUS_BYTES, io);
      const answer = bytes && readAnswer(bytes, 1);
      if (answer?.kind === 'status' && answer.status === STATUS.afterWake) {
        this.#wokenAt = since;
        return;
      }
      if (bytes && answer) detail = answer.kind === 'status' ? statusText(answer.status) : toHex(bytes);
      await this.sleep(io);
    }
    if (detail === '') throw new FlashlineError('no-target');
    throw new FlashlineError('wire-noise', { params: { detail: `the answer to waking up: ${detail}` } });
  }

  async #send(bytes: Uint8Array, io: IoContext): Promise<boolean> {
    const { limits, url } = this.#port;
    if (bytes.length > limits.write) {
      const detail = `it sends at most ${limits.write} bytes at once on I2C, a command has ${bytes.length}`;
      throw new FlashlineError('probe-unsuited', { params: { url, detail } });
    }
    return (await this.#port.transfer(this.#address, [{ write: bytes }], io)).acknowledged;
  }

  /**
   * Asks until the chip acknowledges its address. An answer that arrives spoiled is read again from its start: the command
   * is not carried out twice. Undefined where the chip went to sleep meanwhile.
   */
  async #answerOf(command: Command, io: IoContext): Promise<Exclude<Answer, { kind: 'spoiled' }>> {
    const size = command.answer + 3;
    const since = io.clock.monotonic();
    const deadline = since + command.maxMs * PATIENCE;
    const pause = Math.max(1, command.maxMs / 10);
    let spoiled = 0;
    for (;;) {
      await io.clock.sleep(spoiled === 0 ? pause : 0, io.signal);
      const bytes = await this.#read(size, io);
      if (bytes) {
        const answer = readAnswer(bytes, command.answer);
        if (answer.kind !== 'spoiled') return answer;
        spoiled++;
        if (spoiled === ATTEMPTS) {
          throw new FlashlineError('wire-noise', { params: { detail: `${command.name}: ${answer.detail}` } });
        }
        await this.#send(Uint8Array.of(WORD_ADDRESS.reset), io);
      } else if (io.clock.monotonic() >= deadline) {
        throw new FlashlineError('target-stuck', {
          params: { seconds: ((command.maxMs * PATIENCE) / 1000).toFixed(2) },
        });
      }
    }
  }

  /** The next bytes of the output buffer; undefined while the chip does not acknowledge. */
  async #read(size: number, io: IoContext): Promise<Uint8Array | undefined> {
    const out = new Uint8Array(size);
    // The chip goes on where the read before ended.
    for (let at = 0; at < size;) {
      const part = Math.min(size - at, this.#port.limits.read);
      const outcome: I2cOutcome = await this.#port.transfer(this.#address, [{ read: part }], io);
      if (!outcome.acknowledged) return undefined;
      out.set(outcome.data[0]?.subarray(0, part) ?? [], at);
      at += part;
    }
    return out;
  }
}

/** The chip did nothing of it. */
function isUntaken(answer: Answer): boolean {
  return answer.kind === 'status' && (answer.status === STATUS.communication || answer.status === STATUS.watchdog);
}

export function refused({ name }: Command, status: number): FlashlineError<'element-refused'> {
  return new FlashlineError('element-refused', { params: { command: name, status: statusText(status) } });
}
