import { describe, expect, it } from 'vitest';
import { UsbStall } from '#main/link/usb-control.ts';
import { type NativeUsbDevice, openUsbHandle } from '#main/link/usb-handle.ts';
import { toFailure } from '#shared/model/failure.ts';
import { realIo } from '#test/support/nrf51.ts';

const URL = 'dfu:@1-2';
const SETUP = { type: 'class', recipient: 'interface', request: 3, value: 0, index: 2 } as const;

/** Says what was done to it, in order; a transfer takes a turn of the event loop. */
class FakeDevice implements NativeUsbDevice {
  readonly calls: string[] = [];
  /** What the next transfers fail with, as npm `usb` words it. */
  readonly errors: string[] = [];
  openError: string | undefined;
  claimError: string | undefined;
  driver: string | undefined;
  hangs = false;
  #underWay = 0;

  readonly driverOf = async () => this.driver;

  async open(): Promise<void> {
    this.calls.push('open');
    if (this.openError) throw new Error(this.openError);
  }
  async close(): Promise<void> {
    this.calls.push('close');
  }
  async claimInterface(number: number): Promise<void> {
    this.calls.push(`claim ${number}`);
    if (this.claimError) throw new Error(this.claimError);
  }
  async releaseInterface(number: number): Promise<void> {
    this.calls.push(`release ${number}`);
  }
  async selectAlternateInterface(number: number, setting: number): Promise<void> {
    await this.#transfer(`setting ${number}.${setting}`);
  }
  async reset(): Promise<void> {
    await this.#transfer('reset');
  }
  async detachKernelDriver(number: number): Promise<void> {
    if (this.driver === undefined) throw new Error('detachKernelDriver error: entity not found');
    this.calls.push(`detach ${number}`);
  }
  async attachKernelDriver(number: number): Promise<void> {
    this.calls.push(`attach ${number}`);
  }
  async nativeControlTransferIn(setup: { readonly request: number }, _ms: number, length: number): Promise<Uint8Array> {
    await this.#transfer(`in ${setup.request}`);
    return new Uint8Array(length - 1);
  }
  async nativeControlTransferOut(setup: { readonly request: number }, _ms: number, data: Uint8Array): Promise<number> {
    await this.#transfer(`out ${setup.request} ${[...data].join(' ')}`);
    return data.length;
  }
  async nativeTransferIn(endpoint: number): Promise<Uint8Array> {
    await this.#transfer(`from ${endpoint}`);
    return Uint8Array.of(endpoint);
  }
  async nativeTransferOut(endpoint: number, _ms: number, data: Uint8Array): Promise<number> {
    await this.#transfer(`to ${endpoint}`);
    return data.length;
  }

  async #transfer(name: string): Promise<void> {
    if (this.#underWay > 0) throw new Error('endpoint not found');
    this.#underWay++;
    if (this.hangs) await new Promise(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    this.#underWay--;
    const error = this.errors.shift();
    if (error) throw new Error(error);
    this.calls.push(name);
  }
}

const failureOf = (work: Promise<unknown>) => work.then(() => null, toFailure);

describe('an opened USB device', () => {
  it('takes requests one at a time, in the order of the calls, and lets everything go once', async () => {
    const device = new FakeDevice();
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    await usb.claim(2, realIo());
    const data = Uint8Array.of(7);
    const works = [
      usb.controlOut(SETUP, data, 100, realIo()),
      usb.selectAlternate(2, 1, realIo()),
      usb.reset(realIo()),
      usb.controlIn({ ...SETUP, request: 2 }, 6, 100, realIo()),
    ];
    // The caller's buffer is used again at once.
    data[0] = 9;
    expect((await Promise.all(works)).at(-1)).toEqual(new Uint8Array(5));
    await Promise.all([usb.close(), usb.close()]);
    expect(device.calls).toEqual(['open', 'claim 2', 'out 3 7', 'setting 2.1', 'reset', 'in 2', 'release 2', 'close']);
    expect(await failureOf(usb.controlIn(SETUP, 6, 100, realIo()))).toMatchObject({ code: 'probe-lost' });
  });

  it('takes an interface from the system’s driver, and gives it back', async () => {
    const device = new FakeDevice();
    device.driver = 'ftdi_sio';
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    await usb.claim(1, realIo());
    expect(await usb.transferIn(3, 64, 100, realIo())).toEqual(Uint8Array.of(3));
    await usb.close();
    expect(device.calls).toEqual(['open', 'detach 1', 'claim 1', 'from 3', 'release 1', 'attach 1', 'close']);
  });

  it('gives the driver back its interface where claiming fails all the same', async () => {
    const device = new FakeDevice();
    device.driver = 'ftdi_sio';
    device.claimError = 'claimInterface error: interface is busy';
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    expect(await failureOf(usb.claim(1, realIo()))).toMatchObject({ code: 'probe-busy' });
    await usb.close();
    expect(device.calls).toEqual(['open', 'detach 1', 'claim 1', 'attach 1', 'close']);
  });

  it('leaves an interface to the program that has it', async () => {
    const device = new FakeDevice();
    device.driver = 'usbfs';
    device.claimError = 'claimInterface error: interface is busy';
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    expect(await failureOf(usb.claim(1, realIo()))).toMatchObject({ code: 'probe-busy' });
    await usb.close();
    expect(device.calls).toEqual(['open', 'claim 1', 'close']);
  });

  it.each([
    ['open error: Permission denied (os error 13)', 'probe-permission'],
    ['open error: No such device (os error 19)', 'probe-not-found'],
    ['open error: device or resource busy', 'probe-busy'],
  ])('that does not open (%s) ends with %s', async (error, code) => {
    const device = new FakeDevice();
    device.openError = error;
    expect(await failureOf(openUsbHandle(device, device.driverOf, URL, realIo()))).toMatchObject({
      code,
      params: { url: URL },
    });
  });

  it('tells what went wrong with a transfer, and takes the next', async () => {
    const device = new FakeDevice();
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    const out = () => usb.controlOut(SETUP, Uint8Array.of(1), 100, realIo());
    device.errors.push(
      'controlTransferOut error: endpoint stalled',
      'controlTransferOut error: transfer was cancelled',
      'controlTransferOut error: device disconnected',
    );
    const stall: unknown = await out().catch((thrown: unknown) => thrown);
    expect(stall).toBeInstanceOf(UsbStall);
    expect(toFailure(stall)).toMatchObject({ code: 'probe-protocol', params: { url: URL } });
    expect(await failureOf(out())).toMatchObject({ code: 'probe-silent', params: { seconds: '0.1' } });
    expect(await failureOf(out())).toMatchObject({ code: 'probe-lost' });
    await out();
    await usb.close();
  });

  it('lets nobody wait for a binding that hangs, nor past an abort', async () => {
    const device = new FakeDevice();
    device.hangs = true;
    const usb = await openUsbHandle(device, device.driverOf, URL, realIo());
    const abort = new AbortController();
    const io = { ...realIo(), signal: abort.signal };
    const work = failureOf(usb.controlIn(SETUP, 6, 60_000, io));
    abort.abort(new Error('enough'));
    expect(await work).toMatchObject({ cause: 'enough' });
    expect(await failureOf(usb.controlIn(SETUP, 6, 60_000, io))).toMatchObject({ cause: 'enough' });
  });
});
