import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { I2cMessage, I2cOutcome, I2cPort } from '../i2c-port.ts';
import {
  Code,
  dividerFor,
  type EngineStatus,
  getDataReport,
  readDataOf,
  readStatus,
  REPORT_DATA,
  statusReport,
  transferReport,
} from './mcp2221-reports.ts';

const ANSWER_MS = 1000;
/** A transfer is 16 bits long at most; its engine needs no longer for what we ask of it. */
const MOST = 4096;
const ENGINE_MS = 500;
/** Each cancel lets the bus go with a stop: a clock more for a chip that was left in the middle of a byte. */
const CANCELS = 10;

type Progress = { readonly at: 'address' | 'data' } | undefined;

/** An MCP2221A's I2C engine, a report and its answer at a time (DS20005565, 3.1). */
export class Mcp2221 implements I2cPort {
  readonly limits = { write: MOST, read: MOST };
  readonly #link: Link;
  readonly #serial: string;
  #firmware = '';

  constructor(link: Link, serial: string) {
    this.#link = link;
    this.#serial = serial;
  }

  get url(): string {
    return this.#link.url;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    const { divider, hz } = dividerFor(clockHz);
    let status = await this.#status(io, { cancel: true });
    for (let tries = 1; tries < CANCELS && !(status.scl && status.sda); tries++) {
      status = await this.#status(io, { cancel: true });
    }
    // Lines are told as they were before the cancel.
    status = await this.#status(io, { divider });
    if (!status.scl || !status.sda) {
      throw new FlashlineError('bus-stuck', { params: { line: status.scl ? 'SDA' : 'SCL' } });
    }
    if (!status.speedTaken) throw this.#protocol('it does not take its speed');
    this.#firmware = status.firmware;
    return hz;
  }

  async transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<I2cOutcome> {
    const data: Uint8Array[] = [];
    for (const [index, message] of messages.entries()) {
      const repeated = index > 0;
      const last = index === messages.length - 1;
      if ('read' in message) {
        if (!last) throw this.#unsuited('it ends every read with a stop');
        const found = await this.#read(repeated ? Code.readRepeated : Code.read, address, message.read, io);
        if (!(found instanceof Uint8Array)) return this.#refused(found.at, io);
        data.push(found);
      } else {
        if (repeated && !last) throw this.#unsuited('it ends a second write with a stop');
        const code = !last ? Code.writeNoStop : repeated ? Code.writeRepeated : Code.write;
        const stopped = await this.#write(code, address, message.write, io);
        if (stopped) return this.#refused(stopped.at, io);
      }
    }
    return { acknowledged: true, data };
  }

  describe(): ReturnType<I2cPort['describe']> {
    return { vendor: 'Microchip', product: 'MCP2221A', serial: this.#serial, firmware: this.#firmware };
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  async #write(code: number, address: number, bytes: Uint8Array, io: IoContext): Promise<Progress> {
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + REPORT_DATA);
      await this.#whenFree(transferReport(code, address, bytes.length, piece), io);
      at += REPORT_DATA;
    } while (at < bytes.length);
    const outcome = await this.#outcome(io);
    return outcome === 'done' ? undefined : { at: outcome };
  }

  async #read(code: number, address: number, length: number, io: IoContext) {
    await this.#whenFree(transferReport(code, address, length, new Uint8Array()), io);
    const pieces: Uint8Array[] = [];
    let have = 0;
    let deadline = io.clock.monotonic() + ENGINE_MS;
    while (have < length) {
      const answer = readDataOf(await this.#ask(getDataReport(), io));
      if (answer === undefined) throw this.#protocol('an answer to a read that is none');
      if (answer === 'refused') return { at: 'address' } as const;
      if (answer === 'busy') {
        if (io.clock.monotonic() > deadline) throw this.#silent();
        continue;
      }
      deadline = io.clock.monotonic() + ENGINE_MS;
      pieces.push(answer.data);
      have += answer.data.length;
    }
    if (have > length) throw this.#protocol(`it read ${have} bytes where ${length} were asked for`);
    return concat(pieces);
  }

  /** A report that the engine refuses while it is at work. */
  async #whenFree(report: Uint8Array, io: IoContext): Promise<void> {
    const deadline = io.clock.monotonic() + ENGINE_MS;
    for (;;) {
      const answer = await this.#ask(report, io);
      if (answer[1] === 0) return;
      if (io.clock.monotonic() > deadline) throw this.#silent();
    }
  }

  async #outcome(io: IoContext): Promise<Exclude<EngineStatus['outcome'], 'working'>> {
    const deadline = io.clock.monotonic() + ENGINE_MS;
    for (;;) {
      const { outcome } = await this.#status(io);
      if (outcome !== 'working') return outcome;
      if (io.clock.monotonic() > deadline) throw this.#silent();
    }
  }

  /** The engine stays where it is until it is told to let the bus go. */
  async #refused(at: 'address' | 'data', io: IoContext): Promise<I2cOutcome> {
    await this.#status(io, { cancel: true });
    return { acknowledged: false, at };
  }

  async #status(io: IoContext, options: Parameters<typeof statusReport>[0] = {}): Promise<EngineStatus> {
    const status = readStatus(await this.#ask(statusReport(options), io));
    if (status) return status;
    throw this.#protocol('an answer to a status request that is none');
  }

  async #ask(report: Uint8Array, io: IoContext): Promise<Uint8Array> {
    await this.#link.write(report, io);
    const answer = await this.#link.read(ANSWER_MS, io);
    if (answer[0] !== report[0]) throw this.#protocol(`it answers ${answer[0]} to ${report[0]}`);
    return answer;
  }

  #protocol(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
  }

  #unsuited(detail: string): FlashlineError {
    return new FlashlineError('probe-unsuited', { params: { url: this.url, detail } });
  }

  #silent(): FlashlineError {
    return new FlashlineError('probe-silent', { params: { url: this.url, seconds: ENGINE_MS / 1000 } });
  }
}
