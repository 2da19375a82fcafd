import { hexAddress, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { SerialFormat, SerialLink } from '../../link/link.ts';
import { ByteReader } from './byte-reader.ts';
import {
  ACK,
  addressFrame,
  BUSY,
  COMMAND,
  type CommandName,
  commandFrame,
  dataFrame,
  eraseAllFrame,
  eraseFrame,
  extendedEraseFrame,
  INIT,
  lengthFrame,
  massEraseFrame,
  MOST_DATA,
  NACK,
  sectorsFrame,
} from './frames.ts';

/** What the boot loader answers at once: a byte, over an adapter that may keep it for 16 ms, on a busy computer. */
const ANSWER_MS = 1000;
const SYNC_MS = 250;
/** Its longest frame of which it may still expect bytes when it is found: an address and its sum. */
const MOST_INITS = 6;
/** A READ changes nothing, and may be asked for again. */
const READ_ATTEMPTS = 3;
/** What a protection command does before its second answer, beside an erase: the option bytes. */
const OPTIONS_MS = 5000;

/** Start, eight, parity, stop. */
const BITS_PER_BYTE = 11;

const NOISE: ReadonlySet<FailureCode> = new Set<FailureCode>(['probe-protocol', 'probe-silent', 'target-fault']);

type Answer = 'ack' | 'nack' | 'silence';

export interface BootLoaderVersion {
  /** As the protocol has it: 0x31 is 3.1. */
  readonly version: number;
  readonly commands: readonly number[];
}

/**
 * ST's boot loader at the other end of a serial port (AN3155). One command at a time, and one step of it: the ROM has no
 * buffer to send ahead into. Rejects with the link's failures, `probe-protocol` for what is no answer, `flash-refused`
 * where it says no.
 */
export class BootLoader {
  readonly #link: SerialLink;
  readonly #reader: ByteReader;

  readonly #byteMs: number;

  constructor(link: SerialLink, { baudRate }: SerialFormat) {
    this.#link = link;
    this.#reader = new ByteReader(link);
    this.#byteMs = (BITS_PER_BYTE * 1000) / baudRate;
  }

  get url(): string {
    return this.#link.url;
  }

  /**
   * Has the boot loader measure the rate; one that did so before takes the byte for half a command, and refuses the next.
   * Null when both understand each other, else what was heard ('' for nothing).
   */
  async sync(io: IoContext): Promise<string | null> {
    await this.#reader.discard(io);
    for (let sent = 0; sent < MOST_INITS; sent++) {
      await this.#link.write(Uint8Array.of(INIT), io);
      const [byte] = await this.#reader.upTo(1, SYNC_MS, io);
      if (byte === ACK || byte === NACK) return this.#confirm(io);
      if (byte !== undefined) return `${toHex(Uint8Array.of(byte))}${this.#reader.rest}`;
    }
    return '';
  }

  /** A boot log may hold that byte by chance; it does not answer a command. */
  async #confirm(io: IoContext): Promise<string | null> {
    try {
      await this.getVersion(io);
      return null;
    } catch (error) {
      if (!isNoise(error)) throw error;
      return error.failure.params['detail'] ?? '';
    }
  }

  async get(io: IoContext): Promise<BootLoaderVersion> {
    await this.#begin('get', io);
    const [last = 0] = await this.#bytes(1, io);
    const [version = 0, ...commands] = await this.#bytes(last + 1, io);
    await this.#require('the end of GET', io);
    return { version, commands };
  }

  /** Protocol version, and two option bytes that mean nothing any more. */
  async getVersion(io: IoContext): Promise<number> {
    await this.#begin('getVersion', io);
    const [version = 0] = await this.#bytes(3, io);
    await this.#require('the end of GET VERSION', io);
    return version;
  }

  /** The product's id; 12 bits in the parts that we know. */
  async getId(io: IoContext): Promise<number> {
    await this.#begin('getId', io);
    const [last = 0] = await this.#bytes(1, io);
    const id = await this.#bytes(last + 1, io);
    await this.#require('the end of GET ID', io);
    return id.reduce((value, byte) => value * 256 + byte, 0);
  }

  /** Whether READ is taken at all: read-out protection refuses the command itself. */
  async mayRead(address: number, io: IoContext): Promise<boolean> {
    if ((await this.#command('read', io)) === 'nack') return false;
    await this.#readRest(address, 1, io);
    return true;
  }

  /** Up to 256 bytes. Rejects with `target-fault` where it refuses the address, `flash-refused` where it is protected. */
  async read(address: number, length: number, io: IoContext): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#begin('read', io, address);
        return await this.#readRest(address, length, io);
      } catch (error) {
        if (attempt === READ_ATTEMPTS || !isNoise(error) || !(await this.#resync(io))) throw error;
      }
    }
  }

  /** Up to 256 bytes; `typicalMs` of the flash's own time. Rejects with `flash-refused`, `flash-timeout`. */
  async write(address: number, data: Uint8Array, typicalMs: number, io: IoContext): Promise<void> {
    if (data.length < 1 || data.length > MOST_DATA) throw new RangeError(`WRITE of ${data.length} bytes`);
    await this.#begin('write', io, address);
    await this.#step(addressFrame(address), address, io);
    await this.#link.write(dataFrame(data), io);
    await this.#done(address, typicalMs, io);
  }

  /** Pages by their numbers. The boot loader says nothing of pages that are write protected. */
  async erase(pages: readonly number[], address: number, typicalMs: number, io: IoContext): Promise<void> {
    const extended = await this.#beginErase(address, io);
    await this.#link.write(extended ? extendedEraseFrame(pages) : eraseFrame(pages), io);
    await this.#done(address, typicalMs, io);
  }

  async eraseAll(
    address: number,
    typicalMs: number,
    io: IoContext,
    what: 'all' | 'bank-1' | 'bank-2' = 'all',
  ): Promise<void> {
    const extended = await this.#beginErase(address, io);
    await this.#link.write(extended ? massEraseFrame(what) : eraseAllFrame(), io);
    await this.#done(address, typicalMs, io);
  }

  /** Starts what stands at `address`: stack pointer, then where to begin. Nothing answers after it. */
  async go(address: number, io: IoContext): Promise<void> {
    await this.#begin('go', io, address);
    await this.#step(addressFrame(address), address, io);
  }

  /** Sectors by their numbers. The chip resets, and its boot loader has to be synchronised with anew. */
  async writeProtect(sectors: readonly number[], io: IoContext): Promise<void> {
    await this.#begin('writeProtect', io);
    await this.#link.write(sectorsFrame(sectors), io);
    await this.#done(0, OPTIONS_MS, io);
  }

  /** These three reset the chip too. */
  writeUnprotect(io: IoContext): Promise<void> {
    return this.#twice('writeUnprotect', 0, io);
  }

  readoutProtect(io: IoContext): Promise<void> {
    return this.#twice('readoutProtect', 0, io);
  }

  /** Everything in the flash is erased first, typically in `eraseMs`. */
  readoutUnprotect(eraseMs: number, io: IoContext): Promise<void> {
    return this.#twice('readoutUnprotect', eraseMs, io);
  }

  async #twice(name: CommandName, typicalMs: number, io: IoContext): Promise<void> {
    await this.#begin(name, io);
    await this.#done(0, typicalMs + OPTIONS_MS, io);
  }

  async #beginErase(address: number, io: IoContext): Promise<boolean> {
    if ((await this.#command('extendedErase', io)) === 'ack') return true;
    await this.#begin('erase', io, address);
    return false;
  }

  async #readRest(address: number, length: number, io: IoContext): Promise<Uint8Array> {
    await this.#step(addressFrame(address), address, io, 'target-fault');
    await this.#step(lengthFrame(length), address, io, 'target-fault');
    return this.#bytes(length, io);
  }

  /** A command that must be taken. A boot loader that refuses one has its reasons: read-out protection, or it has none such. */
  async #begin(name: CommandName, io: IoContext, address?: number): Promise<void> {
    if ((await this.#command(name, io)) === 'ack') return;
    if (address === undefined) throw this.#nonsense(`the boot loader refuses the command ${name}`);
    throw new FlashlineError('flash-refused', {
      where: { address },
      params: { address: hexAddress(address) },
      cause: `the boot loader refuses the command ${name}: the chip may be protected`,
    });
  }

  async #command(name: CommandName, io: IoContext): Promise<'ack' | 'nack'> {
    await this.#link.write(commandFrame(COMMAND[name]), io);
    return this.#answered(name, ANSWER_MS, io);
  }

  async #step(
    frame: Uint8Array,
    address: number,
    io: IoContext,
    refusal: 'flash-refused' | 'target-fault' = 'flash-refused',
  ): Promise<void> {
    await this.#link.write(frame, io);
    if ((await this.#answered(hexAddress(address), ANSWER_MS, io)) === 'ack') return;
    throw new FlashlineError(refusal, { where: { address }, params: { address: hexAddress(address) } });
  }

  async #require(what: string, io: IoContext): Promise<void> {
    if ((await this.#answered(what, ANSWER_MS, io)) === 'nack') throw this.#nonsense(`NACK at ${what}`);
  }

  /** The flash has done what was asked for; it gets ten times its typical time. */
  async #done(address: number, typicalMs: number, io: IoContext): Promise<void> {
    const patience = ANSWER_MS + MOST_DATA * this.#byteMs + 10 * typicalMs;
    const answer = await this.#answer(patience, io);
    if (answer === 'ack') return;
    const params = { address: hexAddress(address) };
    if (answer === 'nack') throw new FlashlineError('flash-refused', { where: { address }, params });
    const seconds = (patience / 1000).toFixed(1);
    throw new FlashlineError('flash-timeout', { where: { address }, params: { ...params, seconds } });
  }

  async #answered(what: string, timeoutMs: number, io: IoContext): Promise<'ack' | 'nack'> {
    const answer = await this.#answer(timeoutMs, io);
    if (answer !== 'silence') return answer;
    const seconds = (timeoutMs / 1000).toFixed(1);
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds }, cause: `no answer to ${what}` });
  }

  /** While it says that it is busy it is waited for. */
  async #answer(timeoutMs: number, io: IoContext): Promise<Answer> {
    const until = io.clock.monotonic() + timeoutMs;
    for (;;) {
      const [byte] = await this.#reader.upTo(1, until - io.clock.monotonic(), io);
      if (byte === ACK) return 'ack';
      if (byte === NACK) return 'nack';
      if (byte === undefined) return 'silence';
      if (byte !== BUSY) throw this.#nonsense(`${toHex(Uint8Array.of(byte))}${this.#reader.rest} is no answer`);
    }
  }

  async #bytes(count: number, io: IoContext): Promise<Uint8Array> {
    const bytes = await this.#reader.upTo(count, ANSWER_MS + count * this.#byteMs, io);
    if (bytes.length === count) return bytes;
    throw this.#nonsense(`${bytes.length} of ${count} bytes came`);
  }

  /** After a byte was lost nobody knows what the boot loader waits for: a refusal brings both back to the start. */
  async #resync(io: IoContext): Promise<boolean> {
    await this.#reader.discard(io);
    for (let sent = 0; sent < MOST_INITS; sent++) {
      await this.#link.write(Uint8Array.of(INIT), io);
      const [byte] = await this.#reader.upTo(1, SYNC_MS, io);
      if (byte === NACK) return true;
    }
    return false;
  }

  #nonsense(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
  }
}

/** What may be a byte that was lost or changed on the wire. */
function isNoise(error: unknown): error is FlashlineError {
  return error instanceof FlashlineError && NOISE.has(error.failure.code);
}
