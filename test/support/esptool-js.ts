import { ESPLoader, type IEspLoaderTerminal, Transport } from 'esptool-js';
import type { IoContext } from '#shared/base/clock.ts';
import { concat } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { VirtualClock } from '#main/bench/virtual-clock.ts';
import { toNs } from '#main/bench/virtual-clock.ts';
import type { SerialLink } from '#main/link/link.ts';

/** Espressif's own JavaScript flasher on a simulated port: bytes and lines are the link's, waiting passes virtual time. */
class BenchTransport extends Transport {
  readonly #link: SerialLink;
  readonly #io: IoContext;
  #kept: Uint8Array = new Uint8Array();

  constructor(link: SerialLink, io: IoContext) {
    super({ getInfo: () => ({}) }, false);
    this.#link = link;
    this.#io = io;
  }

  override connect(baud = 115_200): Promise<void> {
    return this.#link.setFormat({ baudRate: baud, parity: 'none' }, this.#io);
  }

  override async readLoop(): Promise<void> {}

  override async disconnect(): Promise<void> {}

  override async changeBaudrate(baud: number): Promise<boolean> {
    await this.#link.setFormat({ baudRate: baud, parity: 'none' }, this.#io);
    return false;
  }

  override async write(data: Uint8Array): Promise<void> {
    await this.#link.write(this.slipWriter(data), this.#io);
  }

  /** The next frame; what stands before it (a boot log) is passed over, as its own reader does from try to try. */
  override async read(timeout: number): Promise<Uint8Array> {
    const until = this.#io.clock.monotonic() + timeout;
    for (;;) {
      const start = this.#kept.indexOf(0xc0);
      const end = start < 0 ? -1 : this.#kept.indexOf(0xc0, start + 1);
      if (end > start + 1) {
        const frame = unescape(this.#kept.subarray(start + 1, end));
        this.#kept = this.#kept.subarray(end + 1);
        return frame;
      }
      if (end === start + 1) {
        this.#kept = this.#kept.subarray(end);
        continue;
      }
      const left = until - this.#io.clock.monotonic();
      if (left <= 0) throw new Error('timeout');
      try {
        this.#kept = concat([this.#kept, await this.#link.read(left, this.#io)]);
      } catch (error) {
        if (error instanceof FlashlineError && error.failure.code === 'probe-silent')
          throw new Error('timeout', { cause: error });
        throw error;
      }
    }
  }

  override flushInput(): void {
    this.#kept = new Uint8Array();
  }

  override peek(): Uint8Array {
    return this.#kept;
  }

  override async drainInput(): Promise<void> {
    await this.#link.discard(this.#io);
    this.#kept = new Uint8Array();
  }

  override setRTS(rts: boolean): Promise<void> {
    return this.#link.setLines({ rts }, this.#io);
  }

  override setDTR(dtr: boolean): Promise<void> {
    return this.#link.setLines({ dtr }, this.#io);
  }

  override setSignals(dtr?: boolean, rts?: boolean): Promise<void> {
    return this.#link.setLines(
      { ...(dtr === undefined ? {} : { dtr }), ...(rts === undefined ? {} : { rts }) },
      this.#io,
    );
  }
}

function unescape(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0xdb) out.push(bytes[++at] === 0xdc ? 0xc0 : 0xdb);
    else out.push(bytes[at] ?? 0);
  }
  return Uint8Array.from(out);
}

const quiet: IEspLoaderTerminal = { clean: () => undefined, write: () => undefined, writeLine: () => undefined };

/** Its sleeps are timers of the computer's: while it works they cost virtual time instead. */
export async function withEsptoolJs<T>(
  link: SerialLink,
  clock: VirtualClock,
  baud: number,
  work: (loader: ESPLoader) => Promise<T>,
): Promise<T> {
  const { setTimeout: real } = globalThis;
  const io = { clock, signal: new AbortController().signal };
  globalThis.setTimeout = ((done: () => void, ms = 0) => {
    clock.advance(toNs(ms));
    setImmediate(done);
  }) as never;
  try {
    const transport = new BenchTransport(link, io);
    return await work(new ESPLoader({ transport, baudrate: baud, romBaudrate: 115_200, terminal: quiet }));
  } finally {
    globalThis.setTimeout = real;
  }
}
