import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { type BulkDevice, openUsbBulk } from '#main/link/usb-bulk.ts';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { realIo } from '#test/support/nrf51.ts';

const ENDPOINTS = { interfaceNumber: 3, in: 2, out: 1, packetSize: 64 };
const URL = 'cmsis-dap:@1-2';

/**
 * A device whose firmware answers each packet with itself. As npm `usb` does it: one transfer at a time per endpoint,
 * and what ran out of time is called Cancelled.
 */
class EchoDevice implements BulkDevice {
  readonly calls: string[] = [];
  readonly lengths: number[] = [];
  readonly #answers: Uint8Array[] = [];
  #waiting: ((packet: Uint8Array | Error) => void) | undefined;
  #sending = false;
  #listening = false;
  openError: string | undefined;
  claimError: string | undefined;
  writeError: string | undefined;
  silent = false;
  gone: string | undefined;

  async open(): Promise<void> {
    this.calls.push('open');
    if (this.openError) throw new Error(this.openError);
  }
  async claimInterface(number: number): Promise<void> {
    this.calls.push(`claim ${number}`);
    if (this.claimError) throw new Error(this.claimError);
  }
  async releaseInterface(number: number): Promise<void> {
    this.calls.push(`release ${number}`);
    if (this.gone) throw new Error('releaseInterface error: invalid state');
  }
  async close(): Promise<void> {
    this.calls.push('close');
  }

  async nativeTransferIn(endpoint: number, timeout: number, length: number): Promise<Uint8Array> {
    if (this.#listening || endpoint !== ENDPOINTS.in) throw new Error('transferIn error: endpoint not found');
    this.#listening = true;
    try {
      return await this.#transferIn(timeout, length);
    } finally {
      this.#listening = false;
    }
  }

  async #transferIn(timeout: number, length: number): Promise<Uint8Array> {
    this.lengths.push(length);
    await new Promise((resolve) => setImmediate(resolve));
    const ready = this.#answers.shift();
    if (ready) return ready;
    if (this.gone) throw new Error(this.gone);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error('transferIn error: Cancelled')), timeout);
      const settle = (result: Uint8Array | Error) => {
        this.#waiting = undefined;
        clearTimeout(timer);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      this.#waiting = settle;
    });
  }

  async nativeTransferOut(endpoint: number, _timeout: number, data: Uint8Array): Promise<number> {
    if (this.#sending || endpoint !== ENDPOINTS.out) throw new Error('transferOut error: endpoint not found');
    this.#sending = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#sending = false;
    if (this.writeError) throw new Error(this.writeError);
    if (!this.silent) this.say(data.slice());
    return data.length;
  }

  say(packet: Uint8Array): void {
    if (this.#waiting) this.#waiting(packet);
    else this.#answers.push(packet);
  }

  /** Pulled out: what is posted ends with this, and all that comes. */
  unplug(how: string): void {
    this.gone = how;
    this.writeError = how;
    this.#waiting?.(new Error(how));
  }
}

const open = (device: EchoDevice) => openUsbBulk(device, ENDPOINTS, URL);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (thrown) => toFailure(thrown).code,
  );
const packet = (...bytes: number[]) => Uint8Array.from(bytes);

describe('a USB bulk link', () => {
  it('claims its interface, and lets it go once', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    expect([link.kind, link.url]).toEqual(['packet', URL]);
    await Promise.all([link.close(), link.close()]);
    expect(device.calls).toEqual(['open', 'claim 3', 'release 3', 'close']);
    expect(await codeOf(link.write(packet(1), realIo()))).toBe('probe-lost');
    expect(await codeOf(link.read(10, realIo()))).toBe('probe-lost');
  });

  it('keeps many packets in order, one for one, when writes do not wait for replies', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    const buffer = packet(0, 0);
    const writes = Array.from({ length: 200 }, (_, index) => {
      buffer.set([index & 0xff, index >> 8]);
      // The caller's buffer is used again at once.
      return link.write(buffer, realIo());
    });
    for (let index = 0; index < 200; index++) {
      expect(await link.read(1000, realIo())).toEqual(packet(index & 0xff, index >> 8));
    }
    await Promise.all(writes);
    await link.close();
  });

  it('has nothing posted once every reply is here, so that closing waits for nothing', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    for (let index = 0; index < 5; index++) {
      await link.write(packet(index), realIo());
      await link.read(1000, realIo());
    }
    expect(device.lengths).toHaveLength(5);
    await link.close();
  });

  it('asks for the longest packet once that is known, in whole USB packets', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    const exchange = async () => {
      await link.write(packet(1), realIo());
      await link.read(1000, realIo());
    };
    await exchange();
    link.expectPackets?.(500);
    await exchange();
    expect([device.lengths[0], device.lengths.at(-1)]).toEqual([64, 512]);
    await link.close();
  });

  it('finds what was left over from before when somebody listens for it', async () => {
    const device = new EchoDevice();
    device.say(packet(9, 9));
    const link = await open(device);
    expect(await link.read(200, realIo())).toEqual(packet(9, 9));
    expect(await codeOf(link.read(20, realIo()))).toBe('probe-silent');
    await link.close();
  });

  it('is silent when the probe is, by the clock it is given', async () => {
    const device = new EchoDevice();
    device.silent = true;
    const link = await open(device);
    await link.write(packet(1), realIo());
    const clock = new VirtualClock(0);
    expect(await codeOf(link.read(3000, { clock, signal: new AbortController().signal }))).toBe('probe-silent');
    expect(clock.monotonic()).toBe(3000);
    await link.close();
  });

  it('does not lose a reply that comes after its reader gave up', async () => {
    const device = new EchoDevice();
    device.silent = true;
    const link = await open(device);
    await link.write(packet(1), realIo());
    expect(await codeOf(link.read(5, realIo()))).toBe('probe-silent');
    device.say(packet(7));
    expect(await link.read(500, realIo())).toEqual(packet(7));
    await link.close();
  });

  it.each(['transferIn error: Disconnected', 'transferIn error: Fault', 'transferIn error: Unknown(19)'])(
    'tells readers and writers that the probe is lost: %s',
    async (how) => {
      const device = new EchoDevice();
      device.silent = true;
      const link = await open(device);
      await link.write(packet(1), realIo());
      const reading = codeOf(link.read(60_000, realIo()));
      device.unplug(how);
      expect(await reading).toBe('probe-lost');
      expect(await codeOf(link.write(packet(2), realIo()))).toBe('probe-lost');
      await link.close();
      expect(device.calls.at(-1)).toBe('close');
    },
  );

  it('ends a reader whose packet could not be sent', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    device.writeError = 'transferOut error: Disconnected';
    const reading = codeOf(link.read(60_000, realIo()));
    expect(await codeOf(link.write(packet(1), realIo()))).toBe('probe-lost');
    expect(await reading).toBe('probe-lost');
    await link.close();
  });

  it('calls a stall what it is', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    device.writeError = 'transferOut error: Stall';
    expect(await codeOf(link.write(packet(1), realIo()))).toBe('probe-protocol');
    await link.close();
  });

  it('stops a reader when it is aborted, and stays usable', async () => {
    const device = new EchoDevice();
    const link = await open(device);
    const aborting = new AbortController();
    const reading = codeOf(link.read(60_000, realIo(aborting.signal)));
    aborting.abort(new FlashlineError('aborted'));
    expect(await reading).toBe('aborted');
    expect(await codeOf(link.write(packet(1), realIo(aborting.signal)))).toBe('aborted');
    await link.write(packet(2), realIo());
    expect(await link.read(1000, realIo())).toEqual(packet(2));
    await link.close();
  });

  it.each([
    ['open error: permission denied (Permission denied (os error 13))', undefined, 'probe-permission'],
    ['open error: failed to open device (Access is denied. (os error 5))', undefined, 'probe-permission'],
    ['open error: device disconnected (No such device (os error 19))', undefined, 'probe-not-found'],
    [undefined, 'claimInterface error: interface is busy (Device or resource busy (os error 16))', 'probe-busy'],
  ])('explains why it does not open: %s %s', async (openError, claimError, code) => {
    const device = Object.assign(new EchoDevice(), { openError, claimError });
    expect(await codeOf(open(device))).toBe(code);
    expect(device.calls.at(-1)).toBe('close');
  });
});
