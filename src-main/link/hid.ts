import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, within } from './deadline.ts';
import type { Link } from './link.ts';
import { PacketBox } from './packet-box.ts';
import { PacketLink, type PacketPipe } from './packet-link.ts';

/** What we use of an opened HID device; node-hid's HIDAsync has all of it. */
export interface HidDevice {
  on(event: 'data', listener: (report: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  write(report: number[] | Buffer): Promise<number>;
  close(): Promise<void>;
}

/** Linux gives a report that nobody takes 5 s before it gives up; nobody here waits that long. */
const WRITE_MS = 3000;
/** No probe owes that many; one that sends more does not wait to be asked. */
const BOX_PACKETS = 256;

/**
 * CMSIS-DAP v1 over HID reports. `reportBytes` is the length of its output report, 64 on a full-speed probe.
 * `open` opens the device; its failure becomes `probe-permission`, `probe-busy` or `probe-not-found`.
 */
export async function openHid(open: () => Promise<HidDevice>, reportBytes: number, url: string): Promise<Link> {
  const device = await open().catch((cause: unknown) => {
    throw openFailure(cause, url);
  });
  const box = new PacketBox(url);
  // From now on the reports that arrive are kept: the system's own queue drops the oldest when it is full.
  device.on('data', (report) => {
    if (box.size < BOX_PACKETS) box.push(Uint8Array.from(report));
    else box.end(new FlashlineError('probe-protocol', { params: { url, detail: 'it does not stop talking' } }));
  });
  device.on('error', (cause) => box.end(cause));
  return new PacketLink(url, new HidPipe(device, reportBytes, url), box);
}

class HidPipe implements PacketPipe {
  readonly #device: HidDevice;
  readonly #reportBytes: number;
  readonly #url: string;

  constructor(device: HidDevice, reportBytes: number, url: string) {
    this.#device = device;
    this.#reportBytes = reportBytes;
    this.#url = url;
  }

  async send(packet: Uint8Array, io: IoContext): Promise<void> {
    const url = this.#url;
    if (packet.length > this.#reportBytes) {
      const detail = `it asks for packets of ${packet.length} bytes and takes reports of ${this.#reportBytes}`;
      throw new FlashlineError('probe-protocol', { params: { url, detail } });
    }
    // Report id 0 (there is only one report, without a number), then the packet, filled up with zeros: HID 1.11, 8.1.
    const report = Buffer.alloc(1 + this.#reportBytes);
    report.set(packet, 1);
    const writing = this.#device.write(report).catch((cause: unknown) => {
      throw new FlashlineError('probe-lost', { params: { url }, cause });
    });
    if (await within(writing, WRITE_MS, io)) return;
    throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(WRITE_MS) } });
  }

  listen(): void {
    // A thread of node-hid's listens all the time.
  }

  async close(): Promise<void> {
    // A device that is gone may say so; that is what was wanted.
    await this.#device.close().catch(() => undefined);
  }
}

/** hidapi tells errno only in words (strerror). */
function openFailure(cause: unknown, url: string): FlashlineError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/permission denied|operation not permitted|access is denied|not permitted/iu.test(text))
    return new FlashlineError('probe-permission', { params: { url }, cause });
  if (/busy|exclusive|sharing violation|used by another process/iu.test(text))
    return new FlashlineError('probe-busy', { params: { url }, cause });
  return new FlashlineError('probe-not-found', { params: { url }, cause });
}
