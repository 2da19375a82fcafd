import type { Socket } from 'node:net';
import type { Clock } from '#shared/base/clock.ts';
import { serveTcp, type TcpServer } from '../tcp-server.ts';
import { toNs } from '../virtual-clock.ts';
import type { PluggedUart } from './uart-bench.ts';
import { UartWire } from './uart-wire.ts';

export interface ServeUartOptions {
  /** On 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Called for each connection: a unit whose power has just come up. */
  readonly plugIn: () => PluggedUart;
  readonly real: Clock;
  /** So many times faster than real time passes what somebody waits for the unit. */
  readonly haste: number;
}

/** Bytes that leave within this much real time leave together: timers are no finer. */
const TOGETHER_MS = 2;

/** Power came up so long before its user did: whoever opens a port expects a unit that listens. */
const ON_BEFORE_MS = 200;

/** Offers a unit's serial port as a raw TCP stream, in real time. Like a real port it has one user at a time. */
export async function serveUart({ port, plugIn, real, haste }: ServeUartOptions): Promise<TcpServer> {
  let taken = false;
  return serveTcp({ port }, (socket) => {
    if (taken) {
      socket.destroy();
      return;
    }
    taken = true;
    const session = new UartSession(socket, plugIn(), real, haste);
    socket.on('data', (bytes) => session.receive(bytes));
    socket.on('close', () => {
      taken = false;
      session.end();
    });
  });
}

/** One user of the port. Virtual time passes as real time does, and faster while the unit has something to say later. */
class UartSession {
  readonly #socket: Socket;
  readonly #unit: PluggedUart;
  readonly #real: Clock;
  readonly #haste: number;
  readonly #toUnit = new UartWire();
  readonly #toUser = new UartWire();
  readonly #over = new AbortController();
  #realMark: number;
  #sending = false;

  constructor(socket: Socket, unit: PluggedUart, real: Clock, haste: number) {
    this.#socket = socket;
    this.#unit = unit;
    this.#real = real;
    this.#haste = haste;
    this.#realMark = real.monotonic();
    unit.clock.advance(toNs(ON_BEFORE_MS));
    unit.device.wire({
      send: (bytes, at, format) => {
        this.#toUser.send(bytes, at, format);
        void this.#send();
      },
      silence: (at) => this.#toUser.silence(at),
    });
  }

  receive(bytes: Uint8Array): void {
    const now = this.#catchUp();
    const end = this.#toUnit.send(bytes, now, this.#unit.listens());
    for (const { byte, format, endsAt } of this.#toUnit.take(end)) this.#unit.device.receive(byte, endsAt, format);
  }

  end(): void {
    this.#over.abort();
    this.#unit.device.powerCycle(this.#catchUp());
  }

  /** Virtual nanoseconds, after real time has passed in them too. */
  #catchUp(): number {
    const { clock } = this.#unit;
    const real = this.#real.monotonic();
    clock.advance(toNs(real - this.#realMark));
    this.#realMark = real;
    return clock.elapsedNs;
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#toUser.pending.length > 0) await this.#sendNext();
    } catch (error) {
      if (!this.#over.signal.aborted) this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#sending = false;
    }
  }

  async #sendNext(): Promise<void> {
    const [first] = this.#toUser.pending;
    const owedNs = (first?.endsAt ?? 0) - this.#catchUp();
    const until = this.#unit.clock.elapsedNs + Math.max(0, owedNs) + toNs(TOGETHER_MS) * this.#haste;
    await this.#real.sleep(Math.max(0, owedNs) / 1e6 / this.#haste, this.#over.signal);
    const due = this.#toUser.take(until);
    // Whatever is sent has taken its time on the wire.
    const last = due.at(-1);
    if (last) this.#unit.clock.advanceTo(last.endsAt);
    this.#realMark = this.#real.monotonic();
    this.#socket.write(Uint8Array.from(due, ({ byte }) => byte));
  }
}
