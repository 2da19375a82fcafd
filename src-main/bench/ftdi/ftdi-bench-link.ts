import type { IoContext } from '#shared/base/clock.ts';
import { concat } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Pace } from '../paced-clock.ts';
import { completion, HIGH_SPEED_BULK, UsbEndpoint } from '../usb-time.ts';
import { toNs, type VirtualClock } from '../virtual-clock.ts';
import { FTDI_PACKET, type FtdiChip } from './ftdi-chip.ts';

export interface FtdiBenchLinkParts {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly chip: FtdiChip;
  /** Packets are what is written at once. */
  readonly faults: FaultPlan;
  /** The board's supply fails. */
  readonly cutPower: (at: number) => void;
  readonly pace?: Pace | undefined;
}

/**
 * A simulated FTDI chip on high-speed USB in this process. A read that finds nothing gets, as from the real one, an empty
 * packet once the latency timer is over. What the chip's own FIFOs hold back is not modelled: they are as long as it takes.
 */
export class FtdiBenchLink {
  readonly url: string;
  readonly #parts: FtdiBenchLinkParts;
  readonly #in = new UsbEndpoint(HIGH_SPEED_BULK);
  readonly #out = new UsbEndpoint(HIGH_SPEED_BULK);
  #lost = false;
  #silent = false;
  /** USB packets that went over the bus each way, empty ones left out. */
  packets = { out: 0, in: 0 };

  constructor(parts: FtdiBenchLinkParts) {
    this.#parts = parts;
    this.url = parts.url;
  }

  async claim(_interface: number, io: IoContext): Promise<void> {
    this.#begin(io);
  }

  async controlOut(
    { request, value }: { readonly request: number; readonly value: number },
    _data: Uint8Array,
    _timeoutMs: number,
    io: IoContext,
  ): Promise<void> {
    this.#begin(io);
    const { clock, chip } = this.#parts;
    chip.mpsse.at = Math.max(chip.mpsse.at, clock.elapsedNs);
    if (!chip.control(request, value)) {
      throw new FlashlineError('probe-protocol', { params: { url: this.url, detail: `it refuses ${request}` } });
    }
    clock.advanceTo(completion(HIGH_SPEED_BULK, clock.elapsedNs));
  }

  async transferOut(_endpoint: number, data: Uint8Array, _timeoutMs: number, io: IoContext): Promise<void> {
    this.#begin(io);
    const { clock, chip, faults, cutPower } = this.#parts;
    const due = faults.nextPacket();
    if (due.unplugged) this.#lost = true;
    this.#begin(io);
    if (due.silent) this.#silent = true;
    if (due.powerCut) cutPower(clock.elapsedNs);
    this.packets.out += Math.ceil(data.length / FTDI_PACKET);
    const arrived = this.#out.transferEnd(data.length, clock.elapsedNs);
    chip.write(data, arrived);
    clock.advanceTo(completion(HIGH_SPEED_BULK, arrived));
    await this.#parts.pace?.(io.signal);
  }

  async transferIn(_endpoint: number, length: number, _timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    this.#begin(io);
    const { clock, chip } = this.#parts;
    // Whoever is about to write does so first.
    if (chip.pending === 0 || this.#silent) await turn();
    this.#begin(io);
    if (chip.pending === 0 || this.#silent) {
      clock.advance(toNs(chip.latency));
      return this.#silent ? new Uint8Array() : chip.packet();
    }
    const packets: Uint8Array[] = [];
    let left = length;
    do {
      const packet = chip.packet();
      packets.push(packet);
      left -= FTDI_PACKET;
    } while (chip.pending > 0 && left >= FTDI_PACKET);
    this.packets.in += packets.length;
    const bytes = concat(packets);
    const end = this.#in.transferEnd(bytes.length, Math.max(clock.elapsedNs, chip.readyAt));
    clock.advanceTo(completion(HIGH_SPEED_BULK, end));
    await this.#parts.pace?.(io.signal);
    return bytes;
  }

  async close(): Promise<void> {
    this.#lost = true;
  }

  #begin(io: IoContext): void {
    io.signal.throwIfAborted();
    if (this.#lost) throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
