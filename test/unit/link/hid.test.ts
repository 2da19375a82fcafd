import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type HidDevice, openHid } from '#main/link/hid.ts';
import { toFailure } from '#shared/model/failure.ts';
import { realIo } from '#test/support/nrf51.ts';

const URL = 'cmsis-dap:V1';

/** Answers each report with itself, without its id, as hidapi hands reports over. */
class EchoHid extends EventEmitter implements HidDevice {
  readonly reports: Buffer[] = [];
  writes: 'echoed' | 'refused' | 'hanging' = 'echoed';
  closed = 0;

  async write(report: number[] | Buffer): Promise<number> {
    if (this.writes === 'refused') throw new Error('Cannot write to hid device: No such device');
    if (this.writes === 'hanging') return new Promise(() => undefined);
    const bytes = Buffer.from(report);
    this.reports.push(bytes);
    setImmediate(() => this.emit('data', bytes.subarray(1)));
    return bytes.length;
  }

  async close(): Promise<void> {
    this.closed++;
    throw new Error('device has been closed');
  }
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (thrown) => toFailure(thrown).code,
  );

async function opened(reportBytes = 64) {
  const device = new EchoHid();
  return { device, link: await openHid(async () => device, reportBytes, URL) };
}

describe('a HID link', () => {
  it('sends whole reports, the id first and zeros behind', async () => {
    const { device, link } = await opened();
    await link.write(Uint8Array.of(0x00, 0xfe), realIo());
    expect([...(device.reports[0] ?? [])]).toEqual([0, 0x00, 0xfe, ...Array.from({ length: 62 }, () => 0)]);
    const reply = await link.read(1000, realIo());
    expect([reply.length, reply[0], reply[1]]).toEqual([64, 0x00, 0xfe]);
    await link.close();
  });

  it('has reports as long as the probe wants them, and no longer', async () => {
    const { device, link } = await opened(1024);
    await link.write(new Uint8Array(1024).fill(5), realIo());
    expect(device.reports[0]).toHaveLength(1025);
    expect(await codeOf(link.write(new Uint8Array(1025), realIo()))).toBe('probe-protocol');
    await link.close();
  });

  it('keeps replies in order', async () => {
    const { link } = await opened();
    const writes = [1, 2, 3, 4].map((byte) => link.write(Uint8Array.of(byte), realIo()));
    for (const byte of [1, 2, 3, 4]) expect((await link.read(1000, realIo()))[0]).toBe(byte);
    await Promise.all(writes);
    await link.close();
  });

  it('is lost when reading fails, and when writing does', async () => {
    const first = await opened();
    const reading = codeOf(first.link.read(60_000, realIo()));
    first.device.emit('error', new Error('could not read from HID device: No such device'));
    expect(await reading).toBe('probe-lost');

    const second = await opened();
    second.device.writes = 'refused';
    expect(await codeOf(second.link.write(Uint8Array.of(1), realIo()))).toBe('probe-lost');
    expect(await codeOf(second.link.read(60_000, realIo()))).toBe('probe-lost');
  });

  it('is silent when nothing comes', async () => {
    const { link } = await opened();
    expect(await codeOf(link.read(10, realIo()))).toBe('probe-silent');
    await link.close();
  });

  it('ends with a probe that talks without being asked', async () => {
    const { device, link } = await opened();
    for (let i = 0; i < 300; i++) device.emit('data', Buffer.alloc(64));
    for (let i = 0; i < 256; i++) await link.read(10, realIo());
    expect(await codeOf(link.read(10, realIo()))).toBe('probe-protocol');
  });

  it('closes once, whatever the device says to that', async () => {
    const { device, link } = await opened();
    await Promise.all([link.close(), link.close()]);
    expect(device.closed).toBe(1);
  });

  it.each([
    ['cannot open device with path /dev/hidraw0: Permission denied', 'probe-permission'],
    ['cannot open device with path /dev/hidraw0: Device or resource busy', 'probe-busy'],
    ['cannot open device with path /dev/hidraw0: No such file or directory', 'probe-not-found'],
  ])('explains why it does not open: %s', async (message, code) => {
    expect(await codeOf(openHid(() => Promise.reject(new Error(message)), 64, URL))).toBe(code);
  });
});
