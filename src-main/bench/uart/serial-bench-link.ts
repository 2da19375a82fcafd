import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialFormat, SerialLines, SerialLink } from '../../link/link.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Pace } from '../paced-clock.ts';
import { toNs, type VirtualClock } from '../virtual-clock.ts';
import type { UartDevice } from './uart-device.ts';
import { garbled, understands, UartWire } from './uart-wire.ts';

/** A USB serial adapter. */
export interface SerialAdapter {
  /** From the host's software to the first bit, and from the last bit to the host's software. */
  readonly latencyMs: number;
  /** What the port's driver holds of what is to be sent; writing more waits. */
  readonly bufferBytes: number;
}

/** A common adapter with its latency timer set to 1 ms (FT232R data sheet, 4.3: 1 to 255 ms; CDC adapters send each frame). */
export const ADAPTER: SerialAdapter = { latencyMs: 1, bufferBytes: 4096 };

export interface SerialBenchLinkParts {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly device: UartDevice;
  readonly adapter: SerialAdapter;
  /** Packets are what is written at once. */
  readonly faults: FaultPlan;
  readonly pace: Pace | undefined;
}

/** Somebody who waits until a time, or until something arrives. */
interface Awaited {
  readonly at: () => number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const FORMAT: SerialFormat = { baudRate: 115_200, parity: 'none' };
/** Calls between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const CALLS_PER_TURN = 64;

/**
 * A serial port with a simulated device on it. Virtual time moves on only while everybody waits for the port, and then to
 * whatever is heard of first.
 */
export class SerialBenchLink implements SerialLink {
  readonly kind = 'stream';
  readonly url: string;
  readonly #parts: SerialBenchLinkParts;
  readonly #toDevice = new UartWire();
  readonly #toHost = new UartWire();
  readonly #awaited: Awaited[] = [];
  #format = FORMAT;
  #lines: Required<SerialLines> = { dtr: false, rts: false };
  #lost = false;
  #silent = false;
  #turning = false;
  #calls = 0;

  constructor(parts: SerialBenchLinkParts) {
    this.#parts = parts;
    this.url = parts.url;
    parts.device.wire({
      send: (bytes, at, format) => void this.#toHost.send(bytes, at, format),
      silence: (at) => this.#toHost.silence(at),
    });
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    this.#begin(io);
    const { clock, faults, device, adapter } = this.#parts;
    const due = faults.nextPacket();
    if (due.unplugged) this.#pullOut();
    this.#mustBeThere();
    if (due.silent) this.#silent = true;
    if (due.powerCut) device.powerCut(clock.elapsedNs);
    const end = this.#toDevice.send(data, clock.elapsedNs + toNs(adapter.latencyMs), this.#format);
    for (const { byte, format, endsAt } of this.#toDevice.take(end)) device.receive(byte, endsAt, format);
    // The driver takes the rest at once; whoever writes more waits until there is room again.
    const room = adapter.bufferBytes * this.#nsPerByte();
    await this.#until(() => end - room);
    await this.#breathe(io.signal);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    this.#begin(io);
    const { clock } = this.#parts;
    const expiresAt = clock.elapsedNs + toNs(timeoutMs);
    await this.#until(() => Math.min(expiresAt, this.#firstArrival()));
    const bytes = this.#arrived();
    await this.#breathe(io.signal);
    if (bytes.length > 0) return bytes;
    this.#mustBeThere();
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  async setFormat(format: SerialFormat, io: IoContext): Promise<void> {
    this.#begin(io);
    await this.#until(() => this.#toDevice.freeAt);
    this.#format = format;
  }

  async setLines(lines: SerialLines, io: IoContext): Promise<void> {
    this.#begin(io);
    const { clock, device, adapter } = this.#parts;
    this.#lines = { ...this.#lines, ...lines };
    const at = clock.elapsedNs + toNs(adapter.latencyMs);
    device.lines(this.#lines, at);
    await this.#until(() => at);
    await this.#breathe(io.signal);
  }

  async discard(io: IoContext): Promise<void> {
    this.#begin(io);
    this.#arrived();
  }

  async close(): Promise<void> {
    this.#pullOut();
  }

  #begin(io: IoContext): void {
    io.signal.throwIfAborted();
    this.#mustBeThere();
  }

  /** When the software hears of the next byte; Infinity while none is on its way. */
  #firstArrival(): number {
    const [first] = this.#silent ? [] : this.#toHost.pending;
    return first ? first.endsAt + toNs(this.#parts.adapter.latencyMs) : Infinity;
  }

  #arrived(): Uint8Array {
    const { clock, adapter } = this.#parts;
    const found = this.#toHost.take(clock.elapsedNs - toNs(adapter.latencyMs));
    if (this.#silent) return new Uint8Array();
    return Uint8Array.from(found, ({ byte, format }) =>
      understands(this.#format, format) ? byte : garbled(byte, this.#format, format),
    );
  }

  #nsPerByte(): number {
    return 1e10 / this.#format.baudRate;
  }

  #until(at: () => number): Promise<void> {
    return new Promise((done, failed) => {
      this.#awaited.push({ at, done, failed });
      this.#turn();
    });
  }

  /** Once all who can go on have done so: a tick comes after the promises that are settled by then. */
  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    process.nextTick(() => {
      this.#turning = false;
      this.#moveOn();
    });
  }

  #moveOn(): void {
    const [first] = this.#awaited.toSorted((a, b) => a.at() - b.at());
    if (!first) return;
    const at = first.at();
    // Whole nanoseconds; a wait that is over already moves nothing.
    if (Number.isFinite(at)) this.#parts.clock.advanceTo(Math.ceil(Math.max(at, 0)));
    this.#awaited.splice(this.#awaited.indexOf(first), 1);
    first.done();
    if (this.#awaited.length > 0) this.#turn();
  }

  #mustBeThere(): void {
    if (this.#lost) throw this.#gone();
  }

  #gone(): FlashlineError {
    return new FlashlineError('probe-lost', { params: { url: this.url } });
  }

  #pullOut(): void {
    this.#lost = true;
    for (const awaited of this.#awaited.splice(0)) awaited.failed(this.#gone());
  }

  async #breathe(signal: AbortSignal): Promise<void> {
    this.#calls++;
    if (this.#calls % CALLS_PER_TURN === 0) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await this.#parts.pace?.(signal);
    signal.throwIfAborted();
  }
}
