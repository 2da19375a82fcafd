import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Pace } from '../paced-clock.ts';
import { toNs, type VirtualClock } from '../virtual-clock.ts';
import type { SerprogDevice } from './serprog-device.ts';

/** What carries the bytes between station and adapter, the same in both directions. */
export interface SerprogWire {
  readonly bytesPerSecond: number;
  /** One way. */
  readonly latencyMs: number;
  /** What arrives is handed over in steps of this: a USB frame, a serial chip's latency timer. */
  readonly stepMs: number;
  /** What the driver takes ahead of the wire; writing more waits. */
  readonly bufferBytes: number;
}

export interface SerprogLinkParts {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly device: SerprogDevice;
  readonly wire: SerprogWire;
  /** Packets are what is written at once. */
  readonly faults: FaultPlan;
  readonly powerCut: (at: number) => void;
  readonly pace: Pace | undefined;
}

/** Calls between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const CALLS_PER_TURN = 32;

/** The wire to a simulated serprog adapter, in whole writes and answers. Virtual time moves while its user waits for it. */
export class SerprogLink implements Link {
  readonly kind = 'stream';
  readonly url: string;
  readonly #parts: SerprogLinkParts;
  readonly #answers: { readonly bytes: Uint8Array; readonly heardAt: number }[] = [];
  #toDeviceFreeAt = 0;
  #toHostFreeAt = 0;
  #lost = false;
  #silent = false;
  #calls = 0;
  /** Times that something was sent after all that had been asked was answered and heard. */
  turns = 0;

  constructor(parts: SerprogLinkParts) {
    this.#parts = parts;
    this.url = parts.url;
  }

  /** From the adapter: these bytes leave it from that moment on. */
  answer(bytes: Uint8Array, at: number): void {
    const { wire } = this.#parts;
    this.#toHostFreeAt = Math.max(this.#toHostFreeAt, at) + this.#onWire(bytes.length);
    const step = toNs(wire.stepMs);
    const heardAt = Math.ceil((this.#toHostFreeAt + toNs(wire.latencyMs)) / step) * step;
    this.#answers.push({ bytes, heardAt });
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const { clock, faults, device, wire, powerCut } = this.#parts;
    const due = faults.nextPacket();
    if (due.unplugged) this.#lost = true;
    this.#mustBeThere();
    if (due.silent) this.#silent = true;
    if (due.powerCut) powerCut(clock.elapsedNs);
    if (this.#answers.length === 0 && device.freeAt <= clock.elapsedNs) this.turns++;
    const begins = Math.max(this.#toDeviceFreeAt, clock.elapsedNs + toNs(wire.latencyMs));
    data.forEach((byte, index) => device.receive(byte, begins + this.#onWire(index + 1)));
    this.#toDeviceFreeAt = begins + this.#onWire(data.length);
    clock.advanceTo(this.#toDeviceFreeAt - this.#onWire(wire.bufferBytes));
    await this.#breathe(io.signal);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const { clock } = this.#parts;
    const [first] = this.#silent ? [] : this.#answers;
    const expiresAt = clock.elapsedNs + toNs(timeoutMs);
    clock.advanceTo(Math.min(first?.heardAt ?? Infinity, expiresAt));
    await this.#breathe(io.signal);
    this.#mustBeThere();
    const heard = this.#answers.findIndex(({ heardAt }) => heardAt > clock.elapsedNs);
    const arrived = this.#answers.splice(0, heard < 0 ? this.#answers.length : heard);
    if (arrived.length > 0 && !this.#silent) return concat(arrived.map(({ bytes }) => bytes));
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  close(): Promise<void> {
    this.#lost = true;
    return Promise.resolve();
  }

  #onWire(bytes: number): number {
    return Math.round((bytes * 1e9) / this.#parts.wire.bytesPerSecond);
  }

  #mustBeThere(): void {
    if (this.#lost) throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }

  async #breathe(signal: AbortSignal): Promise<void> {
    if (++this.#calls % CALLS_PER_TURN === 0) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await this.#parts.pace?.(signal);
    signal.throwIfAborted();
  }
}
