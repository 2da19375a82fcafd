import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, integer, property, uint8Array } from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCmsisDapAddress } from '#main/link/cmsis-dap-address.ts';
import { outputReportBytes } from '#main/link/hid-report.ts';
import { bulkEndpoints } from '#main/link/usb-descriptors.ts';
import { findUsbProbe, type UsbProbe } from '#main/link/usb-probe.ts';
import { listUsbProbes } from '#main/link/usb-probes.ts';
import { toFailure } from '#shared/model/failure.ts';
import { descriptorsOf, type FakeInterface, plugDevice, REPORT_64 } from './fake-sysfs.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'flashline-sys-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const list = () => listUsbProbes({ platform: 'linux', root });

const V2: FakeInterface = { class: 'ff', name: 'CMSIS-DAP v2', endpoints: [0x02, 0x83, 0x81] };
const V1: FakeInterface = { class: '03', name: 'CMSIS-DAP v1', driver: 'usbhid', hidraw: 'hidraw3' };
const STORAGE: FakeInterface = { class: '08', name: 'USB_MSC', driver: 'usb-storage' };

describe('CMSIS-DAP probes in sysfs', () => {
  it('are one entry a device, v2 before v1, named by serial and place', async () => {
    plugDevice(root, { port: '1-2.3', serial: 'C0FFEE', product: 'DAPLink', interfaces: [STORAGE, V1, V2] });
    plugDevice(root, { port: '1-10', address: 9, product: 'Mouse', interfaces: [{ ...V1, name: 'Mouse' }] });
    expect(await list()).toEqual([
      {
        url: 'cmsis-dap:C0FFEE',
        vendorId: '0d28',
        productId: '0204',
        serial: 'C0FFEE',
        product: 'DAPLink',
        manufacturer: 'Maker',
        portPath: '1-2.3',
        device: '1:7',
        interface: 'bulk',
        access: 'ok',
        // The first IN of the descriptors, though another has the lower number.
        bulk: { interfaceNumber: 2, in: 3, out: 2, packetSize: 512, access: 'ok' },
        hid: { path: '/dev/hidraw3', reportBytes: 64, access: 'ok' },
      },
    ]);
  });

  it('are found as v1 by the name of the product alone', async () => {
    plugDevice(root, { port: '1-1', product: 'KitProg2 CMSIS-DAP', interfaces: [{ class: '03', hidraw: 'hidraw0' }] });
    expect(await list()).toMatchObject([
      { url: 'cmsis-dap:@1-1', interface: 'hid', hid: { path: '/dev/hidraw0' }, access: 'ok' },
    ]);
  });

  it('are none where there is no USB', async () => {
    expect(await listUsbProbes({ platform: 'linux', root: join(root, 'nothing') })).toEqual([]);
  });

  it('are busy while another program has claimed one of their interfaces', async () => {
    plugDevice(root, { port: '1-1', product: 'a', interfaces: [{ ...V2, driver: 'usbfs' }, V1] });
    // Taken from the kernel's driver, v1 has no hidraw any more.
    plugDevice(root, { port: '1-2', product: 'b', interfaces: [{ class: '03', name: 'CMSIS-DAP', driver: 'usbfs' }] });
    expect(await list()).toMatchObject([
      { portPath: '1-1', interface: 'bulk', access: 'busy' },
      { portPath: '1-2', interface: 'hid', access: 'busy', hid: { path: null } },
    ]);
  });

  it('are denied where this user may not open them, and fall back to an interface that he may', async () => {
    plugDevice(root, { port: '1-1', address: 4, interfaces: [V2] });
    plugDevice(root, { port: '1-2', address: 5, interfaces: [V2, V1] });
    const mayOpen = async (node: string) => !node.startsWith(join(root, 'dev/bus/usb/001'));
    const seen = await listUsbProbes({ platform: 'linux', root, mayOpen });
    expect(seen).toMatchObject([
      { portPath: '1-1', interface: 'bulk', access: 'denied' },
      { portPath: '1-2', interface: 'hid', access: 'ok' },
    ]);
  });

  it('are denied where their nodes are missing, as in a container that got none', async () => {
    plugDevice(root, { port: '1-1', interfaces: [V2] });
    rmSync(join(root, 'dev/bus'), { recursive: true });
    expect(await list()).toMatchObject([{ access: 'denied' }]);
  });

  it('are left out when they vanish in between or say too little', async () => {
    plugDevice(root, { port: '1-1', interfaces: [{ class: 'ff', name: 'CMSIS-DAP', endpoints: [0x01] }] });
    const gone = plugDevice(root, { port: '1-2', address: 8, interfaces: [V2] });
    rmSync(gone, { recursive: true });
    expect(await list()).toEqual([]);
  });
});

describe('the probe that an address means', () => {
  const meant = async (url: string): Promise<UsbProbe> => findUsbProbe(parseCmsisDapAddress(url), url, await list());
  const failureOf = async (url: string) => meant(url).then(() => null, toFailure);

  it('is told from its twin by the port', async () => {
    plugDevice(root, { port: '1-1', address: 4, serial: 'TWIN', interfaces: [V2] });
    plugDevice(root, { port: '1-2', address: 5, serial: 'TWIN', interfaces: [V2] });
    expect((await list()).map(({ url }) => url)).toEqual(['cmsis-dap:@1-1', 'cmsis-dap:@1-2']);
    expect((await meant('cmsis-dap:@1-2')).device).toBe('1:5');
    expect(await failureOf('cmsis-dap:TWIN')).toMatchObject({
      code: 'probe-ambiguous',
      params: { url: 'cmsis-dap:TWIN', candidates: 'cmsis-dap:@1-1, cmsis-dap:@1-2' },
    });
  });

  it('is looked for at its place, whatever is in it by now', async () => {
    expect(await failureOf('cmsis-dap:@1-1')).toMatchObject({ code: 'probe-not-found' });
    plugDevice(root, { port: '1-1', serial: 'NEW', interfaces: [V2] });
    expect((await meant('cmsis-dap:@1-1')).serial).toBe('NEW');
    expect(await failureOf('cmsis-dap:OLD')).toMatchObject({ code: 'probe-not-found' });
  });

  it('is used by the interface that was asked for, if it has that', async () => {
    plugDevice(root, { port: '1-1', serial: 'BOTH', interfaces: [V2, V1] });
    plugDevice(root, { port: '1-2', address: 8, serial: 'ONE', interfaces: [V2] });
    expect(await meant('cmsis-dap:BOTH')).toMatchObject({ interface: 'bulk' });
    expect(await meant('cmsis-dap:BOTH?interface=hid')).toMatchObject({ interface: 'hid' });
    expect(await failureOf('cmsis-dap:ONE?interface=hid')).toMatchObject({ code: 'probe-unsuited' });
  });
});

describe('descriptors', () => {
  it('tell the command endpoints of the active configuration only', () => {
    const bytes = descriptorsOf([STORAGE, V2]);
    expect(bulkEndpoints(bytes, 1, 1)).toEqual({ interfaceNumber: 1, in: 3, out: 2, packetSize: 512 });
    expect(bulkEndpoints(bytes, 2, 1)).toBeUndefined();
    expect(bulkEndpoints(bytes, 1, 0)).toBeUndefined();
  });

  it('may be damaged in any way', () => {
    assert(
      property(uint8Array({ maxLength: 80 }), integer({ min: 0, max: 80 }), (noise, at) => {
        const bytes = descriptorsOf([V2]);
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
        const found = bulkEndpoints(bytes, 1, 0);
        expect(found?.packetSize ?? 1).toBeGreaterThan(0);
        expect(outputReportBytes(noise)).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('tell the length of the output report', () => {
    expect(outputReportBytes(Uint8Array.from(REPORT_64))).toBe(64);
    // 1024 bytes take a two-byte count: the high-speed HID of an LPC-Link2.
    const long = REPORT_64.flatMap((byte, index) => (index === 20 ? [0x96, 0x00, 0x04] : index === 21 ? [] : [byte]));
    expect(outputReportBytes(Uint8Array.from(long))).toBe(1024);
    expect(outputReportBytes(undefined)).toBe(64);
  });
});
