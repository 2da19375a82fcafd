import { FlashlineError } from '#shared/model/failure.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { Link } from '../../link/link.ts';
import { attach, type AttachOptions } from './attach.ts';
import { Exchange, REPLY_MS } from './exchange.ts';
import { INTERRUPT } from './packets.ts';
import { recogniseStub, type Stub, type StubName, stubNamed } from './stubs.ts';
import { readRegisterLayout, type RegisterLayout } from './target-description.ts';
import { ascii, hexOfText, takeHex, text } from './text.ts';

/** What a server that tells no PacketSize takes: gdb's own smallest buffer. */
const DEFAULT_PACKET_SIZE = 400;

/** Stops told before the first answer: one is QEMU's, more are a server that tells nothing else. */
const MAX_STOPS = 3;

/** Requests after which a core is not as it was found: `M`, `X`, `G`, `P`, `vFlash...`. */
const CHANGING = new Set(ascii('MXGPv'));

export interface ConnectionOptions {
  /** Which server it is, where the user knows better than our recognition. */
  readonly server?: StubName;
  readonly attach?: Partial<AttachOptions>;
}

/**
 * A conversation with a gdb server (GDB manual, appendix E "Remote Serial Protocol"), after negotiation. Methods take
 * turns: each waits until the one before it has ended.
 */
export class GdbConnection {
  readonly #exchange: Exchange;
  #turn: Promise<unknown> = Promise.resolve();
  #running = false;
  #stub: Stub = stubNamed('generic');
  #features: readonly string[] = [];
  #version = '';
  #binary = false;
  #packetSize = DEFAULT_PACKET_SIZE;
  #layout: RegisterLayout | undefined;
  #touched = false;

  private constructor(link: Link) {
    this.#exchange = new Exchange(link);
  }

  /** Negotiates; the core is halted afterwards. A failure closes the link. */
  static async open(link: Link, io: IoContext, options: ConnectionOptions = {}): Promise<GdbConnection> {
    const connection = new GdbConnection(link);
    try {
      await connection.#negotiate(options, io);
    } catch (error) {
      await link.close();
      throw error;
    }
    return connection;
  }

  get url(): string {
    return this.#exchange.url;
  }

  get stub(): Stub {
    return this.#stub;
  }

  get layout(): RegisterLayout | undefined {
    return this.#layout;
  }

  /** What it offers, of its answer to qSupported. */
  get features(): readonly string[] {
    return this.#features;
  }

  /** Console output of `monitor version`; empty where it has none. */
  get version(): string {
    return this.#version;
  }

  /** It takes memory as it is (`X`), not only as hexadecimal digits (`M`). */
  get binary(): boolean {
    return this.#binary;
  }

  get packetSize(): number {
    return this.#packetSize;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Memory or registers were written, or the core was let run: it is not as it was found. */
  get touched(): boolean {
    return this.#touched;
  }

  /** One request, one reply, both ASCII. */
  async ask(request: string, io: IoContext): Promise<string> {
    let answer = '';
    await this.askAll([ascii(request)], (payload) => (answer = text(payload)), io);
    return answer;
  }

  /** One request whose answer takes the server's work: it comes within `timeoutMs`. */
  askSlowly(request: Uint8Array, timeoutMs: number, io: IoContext): Promise<string> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      this.#touched = true;
      await this.#exchange.send(request, io);
      return text(await this.#exchange.reply(io, timeoutMs));
    });
  }

  /** A request that starts the program anew; the core is halted before its first instruction when this resolves. */
  restart(io: IoContext): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      this.#touched = true;
      await this.#exchange.send(ascii('vRun;'), io);
      const reply = text(await this.#exchange.reply(io));
      if (!/^[TS][0-9a-f]{2}/iu.test(reply)) throw this.unexpected('vRun', reply);
    });
  }

  /** Many requests; `onReply` gets the replies in order, between packets. */
  askAll(
    requests: readonly Uint8Array[],
    onReply: (payload: Uint8Array, index: number) => void,
    io: IoContext,
  ): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      this.#touched ||= requests.some(([verb]) => verb !== undefined && CHANGING.has(verb));
      if (this.#stub.pipeline) await this.#exchange.ahead(requests, onReply, io);
      else await this.#exchange.inTurn(requests, onReply, io);
    });
  }

  /**
   * Sends the requests and then a resume, in one go where the stub allows it. Their replies go to `onReply`; the core
   * runs when this resolves, also when a reply was not what `onReply` wanted: it is halted again then.
   */
  resume(
    requests: readonly Uint8Array[],
    onReply: (payload: Uint8Array, index: number) => void,
    resume: string,
    io: IoContext,
  ): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      this.#touched = true;
      const exchange = this.#exchange;
      if (!this.#stub.pipeline) {
        await exchange.inTurn(requests, onReply, io);
        await exchange.send(ascii(resume), io);
        exchange.oweNothingFor(1);
        this.#running = true;
        return;
      }
      await exchange.dropOwed(io);
      io.signal.throwIfAborted();
      this.#running = true;
      await exchange.writeAhead([...requests, ascii(resume)], false, io);
      exchange.oweNothingFor(1);
      await this.#collect(requests.length, onReply, io);
    });
  }

  /** Every reply is taken before the first fault is told: what follows on the stream must stay in step. */
  async #collect(count: number, onReply: (payload: Uint8Array, index: number) => void, io: IoContext): Promise<void> {
    let fault: { readonly error: unknown } | undefined;
    for (let index = 0; index < count; index++) {
      const payload = await this.#exchange.nextAhead(io);
      try {
        onReply(payload, index);
      } catch (error) {
        fault ??= { error };
      }
    }
    if (!fault) return;
    await this.#interrupt(io);
    throw fault.error;
  }

  /** The stop reply of a running core (`T05...`); rejects with `target-stuck`, having halted the core. */
  waitForStop(timeoutMs: number, io: IoContext): Promise<string> {
    return this.#inTurn(async () => {
      if (!this.#running) return '';
      try {
        return await this.#stop(timeoutMs, true, io);
      } catch (error) {
        if (!(error instanceof FlashlineError) || error.failure.code !== 'probe-silent') throw error;
        // Is it the core or the server? A server that is there answers the interrupt; else this tells `probe-silent`.
        await this.#interrupt(io);
        const seconds = String(Math.round(timeoutMs / 100) / 10);
        throw new FlashlineError('target-stuck', { params: { seconds }, cause: error });
      }
    });
  }

  /** Stops the core; the server must say so within its reply time. */
  halt(io: IoContext): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running) await this.#interrupt(io);
    });
  }

  /** Lets the core run and the debugger go (`D`). The link stays open. */
  detach(io: IoContext): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      this.#touched = true;
      await this.#exchange.send(ascii('D'), io);
      const reply = text(await this.#exchange.reply(io));
      if (reply !== 'OK') throw this.unexpected('D', reply);
    });
  }

  /** `monitor COMMAND`: the console output, or undefined where the server has no monitor. */
  monitor(command: string, io: IoContext): Promise<string | undefined> {
    return this.#inTurn(async () => {
      this.#assertHalted();
      await this.#exchange.send(ascii(`qRcmd,${hexOfText(command)}`), io);
      let output = '';
      for (;;) {
        const reply = text(await this.#exchange.reply(io));
        if (reply === '' || reply.startsWith('E')) return undefined;
        const printed = reply.startsWith('OK') ? '' : reply.startsWith('O') ? reply.slice(1) : reply;
        output += textOfHex(printed);
        if (!isConsole(reply)) return output;
        // Console output is not the answer yet.
        this.#exchange.oweNothingFor(-1);
        if (output.length > 1 << 16) throw this.unexpected('qRcmd', 'console output without an end');
      }
    });
  }

  /** A reply that the protocol does not allow there. */
  unexpected(request: string, reply: string): FlashlineError {
    const detail = `"${printable(reply)}" in answer to ${request}`;
    return new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
  }

  async close(): Promise<void> {
    await this.#exchange.close();
  }

  async #negotiate(options: ConnectionOptions, io: IoContext): Promise<void> {
    this.#features = (await this.#greet(io)).split(';');
    const size = Number.parseInt(this.#features.find((one) => one.startsWith('PacketSize='))?.slice(11) ?? '', 16);
    if (size >= 64) this.#packetSize = Math.min(size, 1 << 16);
    if (this.#features.includes('QStartNoAckMode+') && (await this.ask('QStartNoAckMode', io)) === 'OK')
      this.#exchange.stopAcknowledging();
    const sstepbits = await this.ask('qqemu.sstepbits', io);
    this.#version = sstepbits === '' ? ((await this.monitor('version', io)) ?? '') : '';
    const answers = { features: this.#features, sstepbits, version: this.#version };
    this.#stub = options.server === undefined ? recogniseStub(answers) : stubNamed(options.server);
    const wanted = { protocol: 'swd', target: 1, power: false, underReset: false, ...options.attach } as const;
    if (this.#stub.scans) await attach(this, wanted, io);
    await this.#assertStopped(io);
    // gdb's own way to find out: a write of no bytes.
    this.#binary = (await this.#untouched(() => this.ask('X0,0:', io))) === 'OK';
    if (this.#features.includes('qXfer:features:read+'))
      this.#layout = await readRegisterLayout((request) => this.ask(request, io), this.#packetSize);
  }

  async #untouched<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#touched;
    const result = await work();
    this.#touched = before;
    return result;
  }

  /** The first request. A core that ran is stopped by our coming, and a server may tell so before it answers. */
  async #greet(io: IoContext): Promise<string> {
    await this.#exchange.send(ascii('qSupported:swbreak+;hwbreak+'), io);
    for (let stops = 0; ; stops++) {
      const reply = text(await this.#exchange.reply(io));
      if (!/^[TS][0-9a-f]{2}/iu.test(reply)) return reply;
      if (stops === MAX_STOPS) throw this.unexpected('qSupported', reply);
      this.#exchange.oweNothingFor(-1);
    }
  }

  async #assertStopped(io: IoContext): Promise<void> {
    const reply = await this.ask('?', io);
    if (/^[TS][0-9a-f]{2}/iu.test(reply)) return;
    if (/^[WX]/u.test(reply))
      throw new FlashlineError('no-target', { cause: new Error(`the gdb server says ${reply}`) });
    throw this.unexpected('?', reply);
  }

  async #interrupt(io: IoContext): Promise<void> {
    await this.#exchange.sendRaw(INTERRUPT, io);
    await this.#stop(REPLY_MS, false, io);
  }

  /** Waits for a stop; console output in between does not extend the wait. */
  async #stop(timeoutMs: number, patient: boolean, io: IoContext): Promise<string> {
    const deadline = io.clock.monotonic() + timeoutMs;
    await this.#exchange.dropOwed(io);
    for (;;) {
      const left = Math.max(0, deadline - io.clock.monotonic());
      const reply = text(await this.#exchange.announcement(left, patient, io));
      if (isConsole(reply)) continue;
      this.#running = false;
      if (/^[TS][0-9a-f]{2}/iu.test(reply)) return reply;
      if (/^[WX]/u.test(reply)) throw this.#exchange.breakWith(this.#exited(reply));
      throw this.unexpected('resume', reply);
    }
  }

  #exited(reply: string): FlashlineError {
    return new FlashlineError('probe-lost', {
      params: { url: this.url },
      cause: new Error(`the gdb server says ${printable(reply)}`),
    });
  }

  #assertHalted(): void {
    this.#exchange.assertWhole();
    if (this.#running) throw new Error('the core runs: a gdb server answers only while it is halted');
  }

  /** One at a time; a failure of the one before is its caller's. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Console output, which comes before an answer and may be empty. */
function isConsole(reply: string): boolean {
  return /^O(?:[0-9a-f]|$)/iu.test(reply);
}

function textOfHex(digits: string): string {
  const out = new Uint8Array(digits.length >> 1);
  return takeHex(ascii(digits), out, 0) === undefined ? '' : text(out);
}

/** For messages: short, and nothing that a terminal would obey. */
function printable(reply: string): string {
  const clean = reply.replaceAll(/[^\x20-\x7e]/gu, '.');
  return clean.length > 40 ? `${clean.slice(0, 40)}...` : clean;
}
