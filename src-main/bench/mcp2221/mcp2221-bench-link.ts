import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { I2cFixture } from '../i2c/i2c-bench.ts';
import { completion, FULL_SPEED_HID, UsbEndpoint } from '../usb-time.ts';
import { toNs } from '../virtual-clock.ts';
import { Mcp2221Device } from './mcp2221-device.ts';

/** A simulated MCP2221A on full-speed USB in this process: a report out and one in take two frames. */
export class Mcp2221BenchLink implements Link {
  readonly kind = 'packet';
  readonly url: string;
  readonly #fixture: I2cFixture;
  readonly #device: Mcp2221Device;
  readonly #in = new UsbEndpoint(FULL_SPEED_HID);
  readonly #out = new UsbEndpoint(FULL_SPEED_HID);
  readonly #answers: { readonly response: Uint8Array; readonly doneAt: number }[] = [];
  #lost = false;
  #silent = false;

  constructor(fixture: I2cFixture, url: string) {
    this.#fixture = fixture;
    this.url = url;
    this.#device = new Mcp2221Device(fixture.wire);
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    this.#begin(io);
    const { clock, faults, cutPower } = this.#fixture;
    const due = faults.nextPacket();
    if (due.unplugged) this.#lost = true;
    this.#begin(io);
    if (due.silent) this.#silent = true;
    if (due.powerCut) cutPower(clock.elapsedNs);
    const arrived = this.#out.transferEnd(data.length, clock.elapsedNs);
    if (!this.#silent) this.#answers.push(this.#device.handle(data, arrived));
    clock.advanceTo(completion(FULL_SPEED_HID, arrived));
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    this.#begin(io);
    const { clock } = this.#fixture;
    const answer = this.#answers.shift();
    if (!answer) {
      clock.advance(toNs(timeoutMs));
      throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
    }
    const end = this.#in.transferEnd(answer.response.length, Math.max(clock.elapsedNs, answer.doneAt));
    clock.advanceTo(completion(FULL_SPEED_HID, end));
    return answer.response;
  }

  async close(): Promise<void> {
    this.#lost = true;
  }

  #begin(io: IoContext): void {
    io.signal.throwIfAborted();
    if (this.#lost) throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }
}
