import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../link/link.ts';
import { Command, type CmsisDapDevice } from './cmsis-dap-device.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Pace } from './paced-clock.ts';
import type { ProbeProfile } from './probe-profile.ts';
import type { SwdHost } from './swd-host.ts';
import { completion, UsbEndpoint } from './usb-time.ts';
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
  /** Set once it has been worked off. */
  answer?: Answer;
}

/** A transfer that the host's software waits for: told of `at` that time, unless something takes the probe away. */
interface Awaited {
  /** Undefined for a read as long as no answer to it is known. */
  at?: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

interface Reader extends Awaited {
  readonly expiresAt: number;
  response?: Uint8Array;
}

/** Packets between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const PACKETS_PER_TURN = 32;

/**
 * USB to the simulated probe. What is handed over at one moment is queued on the bus together, each direction by itself;
 * virtual time moves on only when nobody has anything left to do but wait for the link, and then to whatever the host's
 * software hears of first. The probe works packets off in order, each from max(its arrival, the one before it done).
 */
export class BenchLink implements Link {
  readonly kind = 'packet';
  readonly url: string;
  readonly #parts: BenchLinkParts;
  readonly #inbox: Received[] = [];
  readonly #writes: Awaited[] = [];
  readonly #readers: Reader[] = [];
  readonly #out: UsbEndpoint;
  readonly #in: UsbEndpoint;
  #deviceFreeAt = 0;
  #packets = 0;
  #turning = false;
  #unplugged = false;
  #silent = false;
  #closed = false;
  /** Packets that came when all buffers were full. */
  dropped = 0;

  constructor(parts: BenchLinkParts) {
    this.#parts = parts;
    this.url = parts.url;
    this.#out = new UsbEndpoint(parts.profile.usb);
    this.#in = new UsbEndpoint(parts.profile.usb);
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const { clock, profile, faults, host, device } = this.#parts;
    const due = faults.nextPacket();
    if (due.unplugged) this.#pullOut();
    this.#mustBeThere();
    if (due.silent) this.#silent = true;
    const arrivedAt = this.#out.transferEnd(data.length, clock.elapsedNs);
    if (due.powerCut) {
      this.#workOff();
      // The probe lives on: it still answers what it did before.
      host.cutPower(arrivedAt);
    }
    if (data[0] === Command.transferAbort) device.abort(arrivedAt);
    else if (data.length > profile.packetSize || this.#inbox.length >= profile.packetCount) this.dropped++;
    else this.#inbox.push({ packet: data.slice(), arrivedAt });
    await this.#wait((awaited) => this.#writes.push({ at: completion(profile.usb, arrivedAt), ...awaited }));
    await this.#breathe(io.signal);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    const expiresAt = this.#parts.clock.elapsedNs + toNs(timeoutMs);
    let reader: Reader | undefined;
    await this.#wait((awaited) => {
      reader = { expiresAt, ...awaited };
      this.#readers.push(reader);
    });
    await this.#breathe(io.signal);
    this.#mustBeThere();
    if (reader?.response) return reader.response;
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  #wait(enlist: (awaited: Awaited) => void): Promise<void> {
    return new Promise((done, failed) => {
      enlist({ done, failed });
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

  /** To the next thing that the host's software hears of. */
  #moveOn(): void {
    const { clock } = this.#parts;
    const [write] = this.#writes;
    const [reader] = this.#readers;
    const until = write?.at ?? Infinity;
    const told = reader && this.#toldAt(reader, until);
    if (write && until <= (told ?? Infinity)) {
      clock.advanceTo(until);
      this.#writes.shift();
      write.done();
    } else if (reader && told !== undefined) {
      clock.advanceTo(told);
      this.#readers.shift();
      reader.done();
    }
    if (this.#writes.length > 0 || this.#readers.length > 0) this.#turn();
  }

  /** When a reader hears something, be it that its time is up. What happens `until` then comes first, and may matter. */
  #toldAt(reader: Reader, until: number): number {
    if (reader.at !== undefined) return reader.at;
    const [received] = this.#inbox;
    if (!received || this.#silent) return reader.expiresAt;
    const { clock, profile } = this.#parts;
    const soonest = Math.max(received.arrivedAt, this.#deviceFreeAt, clock.elapsedNs);
    if (!received.answer && soonest >= until) return soonest;
    const { response, doneAt } = (received.answer ??= this.#handle(received));
    if (doneAt > reader.expiresAt) return reader.expiresAt;
    this.#inbox.shift();
    reader.response = response;
    reader.at = completion(profile.usb, this.#in.transferEnd(response.length, Math.max(doneAt, clock.elapsedNs)));
    return reader.at;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // What the probe holds it still does; nobody reads the answers.
    if (!this.#unplugged) this.#workOff();
    this.#closed = true;
    this.#letGo();
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
    if (this.#unplugged || this.#closed) throw this.#lost();
  }

  #lost(): FlashlineError {
    return new FlashlineError('probe-lost', { params: { url: this.url } });
  }

  #pullOut(): void {
    this.#unplugged = true;
    this.#letGo();
  }

  #letGo(): void {
    for (const awaited of [...this.#writes.splice(0), ...this.#readers.splice(0)]) awaited.failed(this.#lost());
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
