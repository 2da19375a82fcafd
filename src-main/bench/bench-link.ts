import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../link/link.ts';
import { Command, type CmsisDapDevice } from './cmsis-dap-device.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Pace } from './paced-clock.ts';
import type { ProbeProfile } from './probe-profile.ts';
import type { SwdHost } from './swd-host.ts';
import { completion, transferEnd } from './usb-time.ts';
import { toNs, type VirtualClock } from './virtual-clock.ts';

export interface BenchLinkParts {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly profile: ProbeProfile;
  readonly device: CmsisDapDevice;
  readonly host: SwdHost;
  readonly faults: FaultPlan;
  readonly pace: Pace | undefined;
}

interface Answer {
  readonly response: Uint8Array;
  readonly doneAt: number;
}

interface Received {
  readonly packet: Uint8Array;
  readonly arrivedAt: number;
  /** Set once it has been worked off, which is before it is asked for only when the board's supply fails. */
  answer?: Answer;
}

/** Packets between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const PACKETS_PER_TURN = 32;

/**
 * USB to the simulated probe. Packets are worked off when somebody asks for a response: by then all that was
 * written before is known (also an abort), and each is taken up at max(its arrival, the one before it done).
 */
export class BenchLink implements Link {
  readonly kind = 'packet';
  readonly url: string;
  readonly #parts: BenchLinkParts;
  readonly #inbox: Received[] = [];
  #outFreeAt = 0;
  #deviceFreeAt = 0;
  #packets = 0;
  #unplugged = false;
  #silent = false;
  #closed = false;
  /** Packets that came when all buffers were full. */
  dropped = 0;

  constructor(parts: BenchLinkParts) {
    this.#parts = parts;
    this.url = parts.url;
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const { clock, profile, faults, host, device } = this.#parts;
    const due = faults.nextPacket();
    if (due.unplugged) this.#unplugged = true;
    this.#mustBeThere();
    if (due.silent) this.#silent = true;
    const arrivedAt = transferEnd(profile.usb, data.length, Math.max(clock.elapsedNs, this.#outFreeAt));
    this.#outFreeAt = arrivedAt;
    if (due.powerCut) {
      this.#workOff();
      // The probe lives on: it still answers what it did before.
      host.cutPower(arrivedAt);
    }
    if (data[0] === Command.transferAbort) device.abort(arrivedAt);
    else if (data.length > profile.packetSize || this.#inbox.length >= profile.packetCount) this.dropped++;
    else this.#inbox.push({ packet: data.slice(), arrivedAt });
    clock.advanceTo(completion(profile.usb, arrivedAt));
    await this.#breathe(io.signal);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const { clock, profile } = this.#parts;
    const from = clock.elapsedNs;
    // A read may be asked for just before the write that it answers.
    if (this.#inbox.length === 0) await nextTurn();
    const received = this.#silent ? undefined : this.#inbox.shift();
    if (!received) return this.#nothingCame(from, timeoutMs, io);
    const { response, doneAt } = received.answer ?? this.#handle(received);
    const end = transferEnd(profile.usb, response.length, Math.max(doneAt, clock.elapsedNs));
    clock.advanceTo(completion(profile.usb, end));
    await this.#breathe(io.signal);
    this.#mustBeThere();
    return response;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // What the probe holds it still does; nobody reads the answers.
    if (!this.#unplugged) this.#workOff();
    this.#closed = true;
  }

  async #nothingCame(from: number, timeoutMs: number, io: IoContext): Promise<never> {
    this.#parts.clock.advanceTo(from + toNs(timeoutMs));
    await this.#breathe(io.signal);
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  #handle(received: Received): Answer {
    const result = this.#parts.device.handle(received.packet, Math.max(received.arrivedAt, this.#deviceFreeAt));
    this.#deviceFreeAt = result.doneAt;
    return result;
  }

  #workOff(): void {
    for (const received of this.#inbox) received.answer ??= this.#handle(received);
  }

  #mustBeThere(): void {
    if (this.#unplugged || this.#closed) throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }

  async #breathe(signal: AbortSignal): Promise<void> {
    this.#packets++;
    if (this.#packets % PACKETS_PER_TURN === 0) await nextTurn();
    await this.#parts.pace?.(signal);
    signal.throwIfAborted();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
