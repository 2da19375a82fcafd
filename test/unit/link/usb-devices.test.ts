import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, integer, property, uint8Array } from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { describeAny } from '#main/link/usb-bindings.ts';
import { usbSettings } from '#main/link/usb-descriptors.ts';
import { listUsbDevices, waitForUsbDevice } from '#main/link/usb-devices.ts';
import { toFailure } from '#shared/model/failure.ts';
import { descriptorsOf, plugDevice, unplugDevice } from './fake-sysfs.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'flashline-usb-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const list = () => listUsbDevices({ platform: 'linux', root });
const DFU = { class: 'fe', name: 'Internal flash' };

describe('USB devices in sysfs', () => {
  it('are listed by port with their interfaces, whatever they are', async () => {
    plugDevice(root, { port: '1-10', address: 9, product: 'Mouse', interfaces: [{ class: '03', driver: 'usbhid' }] });
    plugDevice(root, {
      port: '1-2.3',
      serial: 'S1',
      product: 'Board',
      interfaces: [DFU, { class: 'ff', endpoints: [0x02, 0x81] }],
    });
    const found = await list();
    expect(found.map(({ portPath }) => portPath)).toEqual(['1-2.3', '1-10']);
    expect(found[0]).toMatchObject({
      vendorId: '0d28',
      productId: '0204',
      serial: 'S1',
      product: 'Board',
      device: '1:7',
      access: 'ok',
    });
    expect(found[0]?.settings).toMatchObject([
      { number: 0, alternate: 0, class: 0xfe, name: 'Internal flash', driver: null, endpoints: [] },
      {
        number: 1,
        class: 0xff,
        endpoints: [
          { number: 2, direction: 'out', transfer: 'bulk', packetSize: 512 },
          { number: 1, direction: 'in', transfer: 'bulk', packetSize: 512 },
        ],
      },
    ]);
    expect(found[1]?.settings).toMatchObject([{ driver: 'usbhid' }]);
  });

  it('are denied where this user may not open them, busy where a program has an interface', async () => {
    plugDevice(root, { port: '1-1', address: 4, interfaces: [DFU] });
    plugDevice(root, { port: '1-2', address: 5, interfaces: [{ ...DFU, driver: 'usbfs' }] });
    const mayOpen = async () => false;
    expect(await listUsbDevices({ platform: 'linux', root, mayOpen })).toMatchObject([
      { access: 'denied' },
      { access: 'busy' },
    ]);
  });
});

describe('a device that is to come back at its port', () => {
  const clock = new VirtualClock(0);
  const io = { clock, signal: new AbortController().signal };
  const wait = (looks: () => void, not?: string) =>
    waitForUsbDevice(
      { portPath: '1-2', is: ({ product }) => product === 'Loader', timeoutMs: 1000, ...(not ? { not } : {}) },
      async () => {
        looks();
        return list();
      },
      'dfu:@1-2',
      io,
    );

  it('is not the one that has not left yet, nor another, nor at another port', async () => {
    plugDevice(root, { port: '1-2', address: 4, product: 'Loader', interfaces: [DFU] });
    plugDevice(root, { port: '1-3', address: 5, product: 'Loader', interfaces: [DFU] });
    let looks = 0;
    const found = await wait(() => {
      looks++;
      if (looks === 2) unplugDevice(root, '1-2');
      if (looks === 3) plugDevice(root, { port: '1-2', address: 6, product: 'Board', interfaces: [DFU] });
      if (looks === 4) {
        unplugDevice(root, '1-2');
        plugDevice(root, { port: '1-2', address: 7, product: 'Loader', interfaces: [DFU] });
      }
    }, '1:4');
    expect([found.device, looks]).toEqual(['1:7', 4]);
  });

  it('is waited for only so long', async () => {
    const before = clock.monotonic();
    expect(await wait(() => undefined).catch(toFailure)).toMatchObject({
      code: 'probe-silent',
      params: { seconds: '1' },
    });
    expect(clock.monotonic() - before).toBeLessThan(1100);
  });
});

describe('devices where only the bindings know the bus', () => {
  const DEVICE = {
    vendorId: 0x483,
    productId: 0xdf11,
    deviceVersionMajor: 0x22,
    deviceVersionMinor: 0,
    deviceVersionSubminor: 0,
    bus: '1',
    address: 6,
    ports: [2, 3],
    manufacturerName: null,
    productName: 'STM32 BOOTLOADER',
    serialNumber: '3266',
  };

  it('have all their settings, with names', () => {
    const setting = (alternateSetting: number, interfaceName: string) => ({
      alternateSetting,
      interfaceClass: 0xfe,
      interfaceSubclass: 1,
      interfaceProtocol: 2,
      interfaceName,
      endpoints: [],
    });
    const interfaces = [{ interfaceNumber: 0, alternates: [setting(0, '@Flash'), setting(1, '@Option Bytes')] }];
    expect(describeAny({ ...DEVICE, configuration: { configurationValue: 1, interfaces } })).toMatchObject({
      release: '2200',
      portPath: '1-2.3',
      device: '1:6',
      access: 'ok',
      settings: [
        { class: 0xfe, subclass: 1, protocol: 2, name: '@Flash' },
        { alternate: 1, name: '@Option Bytes' },
      ],
    });
  });

  it('are denied where they do not open', () => {
    const shut = Object.defineProperty({ ...DEVICE }, 'configuration', {
      get: () => {
        throw new Error('open error');
      },
    });
    expect(describeAny(shut)).toMatchObject({ serial: '3266', access: 'denied', settings: [] });
  });
});

describe('settings', () => {
  it('are those of the active configuration', () => {
    const bytes = descriptorsOf([{ class: 'fe' }, { class: 'ff', endpoints: [0x01] }]);
    expect(usbSettings(bytes, 1).map((one) => one.class)).toEqual([0xfe, 0xff]);
    expect(usbSettings(bytes, 2)).toEqual([]);
  });

  it('may be damaged in any way', () => {
    const bytes = descriptorsOf([{ class: 'fe' }, { class: 'ff', endpoints: [0x01] }]);
    assert(
      property(uint8Array({ maxLength: 60 }), integer({ min: 0, max: bytes.length }), (noise, at) => {
        const damaged = bytes.slice();
        damaged.set(noise.subarray(0, bytes.length - at), at);
        for (const { extra, endpoints } of usbSettings(damaged, 1)) {
          expect(extra.every((item) => item[0] === item.length)).toBe(true);
          expect(endpoints.every(({ number }) => number <= 15)).toBe(true);
        }
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });
});
