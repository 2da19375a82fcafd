import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import {
  connectPacket,
  decodeInfo,
  decodeInfoString,
  disconnectPacket,
  hostStatusPacket,
  INFO,
  infoPacket,
  type Order,
  type Packet,
  PIN,
  PORT,
  STATUS_OK,
  swjClockPacket,
  swjPinsPacket,
} from './packets.ts';
import { PacketQueue, type ProbeLimits } from './queue.ts';
import { type Quirks, quirksOf } from './quirks.ts';

/** The smallest packet of any CMSIS-DAP probe (full-speed HID); what we ask before we know better fits in it. */
const SMALLEST_PACKET = 64;
/** A larger answer is damage, not generosity: the longest USB bulk packet of any probe we know is 1024 bytes. */
const LARGEST_PACKET = 65_535;
/** More packets under way than this gain nothing, and operating systems keep only so many HID reports (hidapi: 30). */
const MOST_PACKETS = 16;

/** How long a reset line may take to follow: a reset circuit's capacitor, a supervisor. */
const RESET_LINE_MS = 50;

export interface ProbeDescription {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly firmware: string;
}

export type PinMode = keyof typeof PORT;

/** A CMSIS-DAP probe that has told its limits: its pins, clock and lights, whatever is clocked through them. */
export class Probe {
  readonly queue: PacketQueue;
  readonly limits: ProbeLimits;
  readonly description: ProbeDescription;
  readonly quirks: Quirks;
  readonly #link: Link;
  #mode: PinMode | undefined;
  /** Reset pins that are being pulled low. */
  readonly #asserted = new Set<number>();

  private constructor(link: Link, reported: ProbeLimits, description: ProbeDescription) {
    this.#link = link;
    this.description = description;
    this.quirks = quirksOf(description);
    const { packetSize, packetCount } = this.quirks;
    this.limits = {
      packetSize: Math.min(reported.packetSize, packetSize ?? Infinity),
      packetCount: Math.min(reported.packetCount, packetCount ?? Infinity, MOST_PACKETS),
    };
    this.queue = new PacketQueue(link, this.limits);
  }

  /** Asks the probe for its limits before anything else. Closes the link when it fails. */
  static async open(link: Link, io: IoContext): Promise<Probe> {
    try {
      const queue = new PacketQueue(link, { packetSize: SMALLEST_PACKET, packetCount: 1 }, true);
      const ask = (id: number) => askInfo(queue, id, link, io);
      const limits = limitsOf(await ask(INFO.packetSize), await ask(INFO.packetCount), link);
      link.expectPackets?.(limits.packetSize);
      const text = async (id: number) => decodeInfoString(await ask(id));
      return new Probe(link, limits, {
        vendor: await text(INFO.vendor),
        product: await text(INFO.product),
        serial: await text(INFO.serial),
        // The product's own version came with 2.1; older probes tell the protocol's.
        firmware: (await text(INFO.firmware)) || (await text(INFO.protocol)),
      });
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Makes the pins SWD's or JTAG's. Rejects with `probe-unsuited`. */
  async takePins(mode: PinMode, io: IoContext): Promise<void> {
    // DAP_Connect lets go of nRESET, so it is not repeated, and a reset that must last is driven again at once.
    if (this.#mode === mode) return;
    if (this.quirks.reconnects && this.#asserted.size === 0) await this.queue.call(disconnectPacket(), io);
    const reply = await this.queue.call(connectPacket(PORT[mode]), io);
    if (reply[1] !== PORT[mode]) throw this.unsuited(`it does not offer ${mode.toUpperCase()}`);
    this.#mode = mode;
    for (const pin of this.#asserted) await this.#pull(pin, io);
    // A light is a courtesy: a probe without one answers with an error status, which is fine.
    await this.queue.call(hostStatusPacket(0, true), io);
  }

  /** Resolves to the frequency in use, or to undefined where the probe refuses this one. */
  async setClock(hz: number, io: IoContext): Promise<number | undefined> {
    const used = Math.min(hz, this.quirks.maxClockHz ?? Infinity);
    return (await this.obeys(swjClockPacket(used), io)) ? used : undefined;
  }

  /** Pulls a pin low (`asserted`) or lets it go; resolves to whether it was seen to follow. */
  async drive(pin: keyof typeof PIN, asserted: boolean, io: IoContext): Promise<boolean> {
    const bit = PIN[pin];
    if (asserted) this.#asserted.add(bit);
    else this.#asserted.delete(bit);
    // Before DAP_Connect the probe drives nothing.
    if (this.#mode === undefined) await this.#takeAnyPins(io);
    const since = io.clock.monotonic();
    for (let pins = await this.#pull(bit, io); ; pins = await this.#readPins(io)) {
      if (((pins & bit) === 0) === asserted) return true;
      if (io.clock.monotonic() - since > RESET_LINE_MS) return false;
      await io.clock.sleep(1, io.signal);
    }
  }

  async #takeAnyPins(io: IoContext): Promise<void> {
    try {
      await this.takePins('swd', io);
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'probe-unsuited') throw error;
      await this.takePins('jtag', io);
    }
  }

  async #pull(bit: number, io: IoContext): Promise<number> {
    const reply = await this.queue.call(swjPinsPacket(this.#asserted.has(bit) ? 0 : bit, bit, 0), io);
    return reply[1] ?? 0;
  }

  async #readPins(io: IoContext): Promise<number> {
    const reply = await this.queue.call(swjPinsPacket(0, 0, 0), io);
    return reply[1] ?? 0;
  }

  /** Carries packets with a status out, pipelined. Rejects with `probe-protocol` where one is refused. */
  async order(packets: readonly Order[], io: IoContext): Promise<void> {
    await this.queue.run(packets, io, (packet, reply) => {
      if (reply[1] !== STATUS_OK) throw this.protocolError(`it refuses command ${packet.request[0]}`);
      return true;
    });
  }

  async obeys(packet: Order, io: IoContext): Promise<boolean> {
    const reply = await this.queue.call(packet, io);
    return reply[1] === STATUS_OK;
  }

  /** Lets go of the pins and of the link; of a probe that is gone or mute too. */
  async close(io: IoContext): Promise<void> {
    const quiet = tearDown(io);
    try {
      const goodbye: Packet[] = [hostStatusPacket(0, false), disconnectPacket()];
      for (const packet of goodbye) await this.queue.call(packet, quiet);
    } catch (error) {
      if (!(error instanceof FlashlineError) || !error.failure.code.startsWith('probe-')) throw error;
    } finally {
      await this.#link.close();
    }
  }

  protocolError(detail: string): FlashlineError {
    return protocolError(this.#link, detail);
  }

  unsuited(detail: string): FlashlineError {
    return new FlashlineError('probe-unsuited', { params: { url: this.#link.url, detail } });
  }
}

/** For what must still be done when the caller has given up. */
export function tearDown(io: IoContext): IoContext {
  return { clock: io.clock, signal: new AbortController().signal };
}

async function askInfo(queue: PacketQueue, id: number, link: Link, io: IoContext): Promise<Uint8Array> {
  const data = decodeInfo(await queue.call(infoPacket(id), io));
  if (data === undefined) throw protocolError(link, `its information ${id} is cut short`);
  return data;
}

function limitsOf(size: Uint8Array, count: Uint8Array, link: Link): ProbeLimits {
  const packetSize = (size[0] ?? 0) | ((size[1] ?? 0) << 8);
  const packetCount = count[0] ?? 0;
  if (size.length < 2 || packetSize < SMALLEST_PACKET || packetSize > LARGEST_PACKET || packetCount < 1) {
    throw protocolError(link, `it offers ${packetCount} packets of ${packetSize} bytes`);
  }
  return { packetSize, packetCount };
}

function protocolError(link: Link, detail: string): FlashlineError {
  return new FlashlineError('probe-protocol', { params: { url: link.url, detail } });
}
