import type { FaultPlan } from '../fault-plan.ts';
import { Command, type CmsisDapDevice } from '../cmsis-dap-device.ts';
import type { VirtualClock } from '../virtual-clock.ts';

export interface PacketCounts {
  /** Requests that reached the firmware, aborts among them. */
  readonly requests: number;
  /** Responses that the host fetched. */
  readonly responses: number;
  /** Requests that came when every buffer was taken, and are lost. */
  readonly dropped: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface PacketBuffersParts {
  readonly device: Pick<CmsisDapDevice, 'handle' | 'abort'>;
  readonly clock: VirtualClock;
  /** Buffers, each for a request and then for its response. */
  readonly count: number;
  readonly faults: Pick<FaultPlan, 'nextPacket'>;
  readonly cutPower: (at: number) => void;
  /** Monotonic milliseconds of the computer: a chip's work goes on while the host thinks. */
  readonly realMs: () => number;
  /** The probe is pulled out. */
  readonly unplug: () => void;
}

/**
 * How much of the real time between two packets passes for the board too, in nanoseconds: a flash operation ends while
 * the host looks away, and a core that runs has no more to catch up with than this.
 */
const MOST_IDLE_NS = 100_000_000;

/**
 * A probe's firmware behind its endpoints: as many requests as it has buffers for, each kept with its response until
 * that is fetched. Requests are worked off as they come; what that takes passes on the board's clock.
 */
export class PacketBuffers {
  readonly #parts: PacketBuffersParts;
  readonly #responses: Uint8Array[] = [];
  readonly #counts = { requests: 0, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 };
  #silent = false;
  #lastMs: number;

  constructor(parts: PacketBuffersParts) {
    this.#parts = parts;
    this.#lastMs = parts.realMs();
  }

  get full(): boolean {
    return this.#responses.length >= this.#parts.count;
  }

  get counts(): PacketCounts {
    return { ...this.#counts };
  }

  /** Takes a request up and works it off; one that finds no buffer is lost. */
  put(request: Uint8Array): void {
    if (this.full) {
      this.#counts.dropped++;
      return;
    }
    const { device, clock } = this.#parts;
    if (!this.#happen()) return;
    this.#counts.requests++;
    this.#counts.requestBytes += request.length;
    this.#passRealTime();
    // An abort has no response; what it would end is done by now.
    if (request[0] === Command.transferAbort) device.abort(clock.elapsedNs);
    else {
      const { response, doneAt } = device.handle(request, clock.elapsedNs);
      clock.advanceTo(doneAt);
      if (!this.#silent) this.#responses.push(response);
    }
    // What the simulation itself took is no time that the board had.
    this.#lastMs = this.#parts.realMs();
  }

  /** The oldest response that was not fetched yet. */
  take(): Uint8Array | undefined {
    const response = this.#responses.shift();
    if (!response) return undefined;
    this.#counts.responses++;
    this.#counts.responseBytes += response.length;
    return response;
  }

  clear(): void {
    this.#responses.length = 0;
  }

  /** False when the probe is not there any more. */
  #happen(): boolean {
    const due = this.#parts.faults.nextPacket();
    if (due.silent) this.#silent = true;
    if (due.powerCut) this.#parts.cutPower(this.#parts.clock.elapsedNs);
    if (due.unplugged) this.#parts.unplug();
    return !due.unplugged;
  }

  #passRealTime(): void {
    const idleNs = Math.round((this.#parts.realMs() - this.#lastMs) * 1_000_000);
    this.#parts.clock.advance(Math.max(0, Math.min(idleNs, MOST_IDLE_NS)));
  }
}
