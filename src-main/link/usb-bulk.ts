import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds } from './deadline.ts';
import type { Link } from './link.ts';
import { PacketBox } from './packet-box.ts';
import { PacketLink, type PacketPipe } from './packet-link.ts';
import { isStall, isTimeout, openFailure } from './usb-errors.ts';

/** Where CMSIS-DAP v2 talks: interface number, endpoint numbers (without direction bit), wMaxPacketSize in bytes. */
export interface BulkEndpoints {
  readonly interfaceNumber: number;
  readonly in: number;
  readonly out: number;
  readonly packetSize: number;
}

/** What we use of an opened USB device; npm `usb`'s UsbDevice has all of it. Timeouts in milliseconds. */
export interface BulkDevice {
  open(): Promise<void>;
  claimInterface(number: number): Promise<void>;
  releaseInterface(number: number): Promise<void>;
  close(): Promise<void>;
  nativeTransferIn(endpoint: number, timeout: number, length: number): Promise<Uint8Array | null>;
  nativeTransferOut(endpoint: number, timeout: number, data: Uint8Array): Promise<number>;
}

/** A probe whose buffers are full takes the next packet when it has worked one off. */
const WRITE_MS = 3000;
/**
 * How long an IN transfer stays posted for a reply: longer than anybody waits for one (3 s). A reply that arrives while
 * its transfer is being cancelled is lost, as Linux then reports the cancelling alone. Closing waits for it at worst.
 */
const POSTED_MS = 4000;
/** The same for what was left over in the probe, while no reply is owed. */
const LEFTOVER_MS = 30;
/** Replies that nobody fetches are left in the probe, which then stops by itself. */
const BOX_PACKETS = 256;

/**
 * Opens the device and claims its CMSIS-DAP v2 interface. Rejects with `probe-permission`, `probe-busy` or
 * `probe-not-found`; the device is closed again by then.
 */
export async function openUsbBulk(device: BulkDevice, endpoints: BulkEndpoints, url: string): Promise<Link> {
  try {
    await device.open();
    await device.claimInterface(endpoints.interfaceNumber);
  } catch (cause) {
    await device.close().catch(() => undefined);
    throw openFailure(cause, url);
  }
  const box = new PacketBox(url);
  return new PacketLink(url, new BulkPipe(device, endpoints, url, box), box);
}

/**
 * Bulk transfers both ways at once. npm `usb` takes one transfer at a time per endpoint: the next IN is posted the
 * moment one ends, for as long as replies are owed, and the probe's own buffers bridge the gap.
 */
class BulkPipe implements PacketPipe {
  readonly #device: BulkDevice;
  readonly #endpoints: BulkEndpoints;
  readonly #url: string;
  readonly #box: PacketBox;
  /** Packets that were sent and not answered yet. */
  #owed = 0;
  #aboutToSend = false;
  #longest: number;
  #listening: Promise<void> = Promise.resolve();
  #isListening = false;
  #closed = false;

  constructor(device: BulkDevice, endpoints: BulkEndpoints, url: string, box: PacketBox) {
    this.#device = device;
    this.#endpoints = endpoints;
    this.#url = url;
    this.#box = box;
    this.#longest = endpoints.packetSize;
  }

  /** An IN transfer ends with its buffer full or with a short packet, so its length must be exactly the longest reply's. */
  expectPackets(longest: number): void {
    const { packetSize } = this.#endpoints;
    this.#longest = packetSize * Math.max(1, Math.ceil(longest / packetSize));
  }

  async send(packet: Uint8Array): Promise<void> {
    this.#aboutToSend = true;
    // The reply must not come while a transfer that is posted for leftovers is being cancelled.
    if (this.#owed === 0) await this.#listening;
    this.#aboutToSend = false;
    this.#owed++;
    this.listen();
    try {
      await this.#device.nativeTransferOut(this.#endpoints.out, WRITE_MS, packet);
    } catch (cause) {
      this.#owed--;
      throw this.#failure(cause);
    }
  }

  listen(): void {
    if (!this.#isListening) this.#listening = this.#listen();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#listening;
    // A device that is gone refuses both; there is nothing left to let go then.
    await this.#device.releaseInterface(this.#endpoints.interfaceNumber).catch(() => undefined);
    await this.#device.close().catch(() => undefined);
  }

  get #wanted(): boolean {
    if (this.#closed || this.#box.ended) return false;
    return (this.#box.awaited && !this.#aboutToSend) || (this.#owed > 0 && this.#box.size < BOX_PACKETS);
  }

  async #listen(): Promise<void> {
    this.#isListening = true;
    while (this.#wanted) {
      try {
        const ms = this.#owed > 0 ? POSTED_MS : LEFTOVER_MS;
        const packet = await this.#device.nativeTransferIn(this.#endpoints.in, ms, this.#longest);
        // A transfer of length zero only ends the one before it.
        if (!packet || packet.length === 0) continue;
        if (this.#owed > 0) this.#owed--;
        this.#box.push(packet);
      } catch (cause) {
        if (isTimeout(cause)) continue;
        this.#box.end(this.#failure(cause));
      }
    }
    this.#isListening = false;
  }

  #failure(cause: unknown): FlashlineError {
    const url = this.#url;
    if (isTimeout(cause))
      return new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(WRITE_MS) }, cause });
    // A pulled plug looks like this too, on some host controllers, until the hub notices: what was seen stands in the cause.
    if (!isStall(cause)) return new FlashlineError('probe-lost', { params: { url }, cause });
    return new FlashlineError('probe-protocol', { params: { url, detail: 'it stalled the transfer' }, cause });
  }
}
