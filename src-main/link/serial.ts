import { SerialPort } from 'serialport';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, withDeadline } from './deadline.ts';
import type { SerialFormat, SerialLines, SerialLink } from './link.ts';
import { StreamLink } from './stream-link.ts';

/** Bits per second where nobody asks for others; a USB CDC port carries bytes at its own pace whatever is set. */
const BAUD_RATE = 115_200;
const OPEN_MS = 3000;
/** A driver that takes longer over one setting has stopped. */
const SET_MS = 3000;
/** What a port holds back at the slowest rate that anybody uses has left by then. */
const DRAIN_MS = 10_000;

export interface SerialAddress {
  readonly path: string;
  readonly baudRate?: number;
  readonly parity?: SerialFormat['parity'];
}

/** Opens a serial port (8N1 unless told otherwise). Rejects with `probe-not-found`, `probe-permission`, `probe-silent`. */
export async function openSerial(address: SerialAddress, url: string, io: IoContext): Promise<SerialLink> {
  const format: SerialFormat = { baudRate: address.baudRate ?? BAUD_RATE, parity: address.parity ?? 'none' };
  return new SerialPortLink(await openPort(address.path, format, url, io), address.path, url, format);
}

/**
 * A serial port of the system. Its driver can be told another rate while it is open, and both lines at once; for another
 * parity the port has to be opened anew, on which the system lets go of DTR and RTS and asserts both: they are put back.
 */
class SerialPortLink implements SerialLink {
  readonly kind = 'stream';
  readonly url: string;
  readonly #path: string;
  #port: SerialPort;
  #stream: StreamLink;
  #format: SerialFormat;
  /** As every system has them right after opening. */
  #lines: Required<SerialLines> = { dtr: true, rts: true };
  #linesWereSet = false;

  constructor(port: SerialPort, path: string, url: string, format: SerialFormat) {
    this.url = url;
    this.#path = path;
    this.#port = port;
    this.#format = format;
    this.#stream = new StreamLink(port, url, () => letGo(port));
  }

  write(data: Uint8Array, io: IoContext): Promise<void> {
    return this.#stream.write(data, io);
  }

  read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    return this.#stream.read(timeoutMs, io);
  }

  async setFormat(format: SerialFormat, io: IoContext): Promise<void> {
    await this.#drain(io);
    if (format.parity !== this.#format.parity) await this.#openAnew(format, io);
    else if (format.baudRate !== this.#format.baudRate) {
      const { baudRate } = format;
      await this.#ask(`${baudRate} baud`, SET_MS, io, (done) => this.#port.update({ baudRate }, done));
    }
    this.#format = format;
  }

  async setLines(lines: SerialLines, io: IoContext): Promise<void> {
    const all = { ...this.#lines, ...lines };
    await this.#putLines(all, io);
    this.#lines = all;
    this.#linesWereSet = true;
  }

  async discard(io: IoContext): Promise<void> {
    // Flushing a port throws away both directions.
    await this.#drain(io);
    await this.#ask('flushing', SET_MS, io, (done) => this.#port.flush(done));
    this.#stream.discard();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  #drain(io: IoContext): Promise<void> {
    return this.#ask('sending', DRAIN_MS, io, (done) => this.#port.drain(done));
  }

  /** One call of the driver for both: some adapters send a packet for each, and boards see the state in between. */
  #putLines(lines: Required<SerialLines>, io: IoContext): Promise<void> {
    return this.#ask('DTR and RTS', SET_MS, io, (done) => this.#port.set(lines, done));
  }

  async #openAnew(format: SerialFormat, io: IoContext): Promise<void> {
    await this.#stream.close();
    const port = await openPort(this.#path, format, this.url, io);
    this.#port = port;
    this.#stream = new StreamLink(port, this.url, () => letGo(port));
    if (this.#linesWereSet) await this.#putLines(this.#lines, io);
  }

  /** Rejects with `probe-lost` where the port is gone, `probe-unsuited` where its driver has not got it. */
  async #ask(
    what: string,
    timeoutMs: number,
    io: IoContext,
    start: (done: (error: Error | null | undefined) => void) => void,
  ): Promise<void> {
    if (!this.#port.isOpen) throw new FlashlineError('probe-lost', { params: { url: this.url } });
    const failure = await called(start, timeoutMs, this.url, io);
    if (!failure) return;
    if (!this.#port.isOpen) throw new FlashlineError('probe-lost', { params: { url: this.url }, cause: failure });
    const detail = `it refuses: ${what}`;
    throw new FlashlineError('probe-unsuited', { params: { url: this.url, detail }, cause: failure });
  }
}

async function openPort(path: string, format: SerialFormat, url: string, io: IoContext): Promise<SerialPort> {
  io.signal.throwIfAborted();
  const port = new SerialPort({ path, ...format, autoOpen: false });
  try {
    const failure = await called((done) => port.open(done), OPEN_MS, url, io);
    if (failure) throw openFailure(failure, format, url);
    return port;
  } catch (error) {
    closeWhenOpen(port);
    throw error;
  }
}

/** What the callback was called with; rejects with `probe-silent` when it was not called in time. */
async function called(
  start: (done: (error: Error | null | undefined) => void) => void,
  timeoutMs: number,
  url: string,
  io: IoContext,
): Promise<Error | undefined> {
  let failure: Error | undefined;
  const answered = await withDeadline(
    (done) => {
      start((error) => {
        failure = error ?? undefined;
        done();
      });
      return () => undefined;
    },
    timeoutMs,
    io,
  );
  if (!answered) throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(timeoutMs) } });
  return failure;
}

/** The binding tells errno only in words (strerror); those words are all there is to go by. */
function openFailure(cause: Error, { parity }: SerialFormat, url: string): FlashlineError {
  const text = cause.message;
  if (/permission denied|operation not permitted|access (?:is )?denied/iu.test(text))
    return new FlashlineError('probe-permission', { params: { url }, cause });
  if (/cannot lock port|resource (?:temporarily unavailable|busy)|device or resource busy/iu.test(text))
    return new FlashlineError('probe-busy', { params: { url }, cause });
  // A pseudo terminal has no parity, and the C library says so.
  if (parity !== 'none' && /invalid argument/iu.test(text))
    return new FlashlineError('probe-unsuited', { params: { url, detail: `it has no ${parity} parity` }, cause });
  return new FlashlineError('probe-not-found', { params: { url }, cause });
}

/** An abandoned open may still succeed later; the port must not stay locked then. */
function closeWhenOpen(port: SerialPort): void {
  port.on('error', () => undefined);
  if (port.isOpen) port.close(() => undefined);
  else port.once('open', () => port.close(() => undefined));
}

/** close() waits for no output; the callback's error says that the port is gone already, which is what was wanted. */
async function letGo(port: SerialPort): Promise<void> {
  if (!port.isOpen) return;
  await new Promise<void>((resolve) => port.close(() => resolve()));
}
