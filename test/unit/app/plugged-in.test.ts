import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listPluggedIn } from '#main/app/plugged-in.ts';
import { type FakeInterface, plugDevice } from '../link/fake-sysfs.ts';

const ANY: FakeInterface = { class: 'ff' };

describe('what is plugged in', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'flashline-sys-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const listed = async (mayOpen: (node: string) => boolean = () => true) =>
    (await listPluggedIn({ platform: 'linux', root, mayOpen: async (node) => mayOpen(node) })).map(
      ({ url, portPath, can, access }) => [url, portPath, can.join(), access],
    );

  function write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  /** As Linux shows a boot loader with a drive and HF2 beside it. */
  function plugBootLoader(port: string, { hf2, mount }: { readonly hf2?: boolean; readonly mount?: string }): void {
    plugDevice(root, { port, serial: 'U', interfaces: [{ class: '08' }, { class: '03' }] });
    const usb = `sys/devices/pci0000:00/usb1/${port}`;
    const block = `${usb}/${port}:1.0/host0/target0:0:0/0:0:0:0/block/sdb`;
    write(`${block}/size`, '1\n');
    mkdirSync(join(root, 'sys/class/block'), { recursive: true });
    symlinkSync(join(root, block), join(root, 'sys/class/block/sdb'));
    if (mount !== undefined) write('proc/mounts', `/dev/sdb ${mount} vfat rw 0 0\n`);
    if (!hf2) return;
    const hid = `${usb}/${port}:1.1/0003:239A:0013.0001`;
    write(`${hid}/report_descriptor`, Uint8Array.of(0x06, 0x97, 0xff));
    mkdirSync(join(root, 'sys/class/hidraw/hidraw0'), { recursive: true });
    symlinkSync(join(root, hid), join(root, 'sys/class/hidraw/hidraw0/device'));
  }

  it('is every kind of adapter, each by the addresses that reach it', async () => {
    plugDevice(root, {
      port: '1-10',
      serial: 'D',
      interfaces: [{ class: 'ff', name: 'CMSIS-DAP v2', endpoints: [1, 0x82] }],
    });
    plugDevice(root, {
      port: '1-2',
      vendor: '0403',
      product: 'x',
      productId: '6014',
      serial: 'F 1',
      interfaces: [ANY],
    });
    plugDevice(root, { port: '1-3', vendor: '04d8', productId: '00dd', serial: 'M', interfaces: [ANY] });
    plugDevice(root, { port: '1-4', vendor: '04d8', productId: '00dd', serial: 'M', interfaces: [ANY] });
    // FTDI's own, but without MPSSE.
    plugDevice(root, { port: '1-5', vendor: '0403', productId: '6001', serial: 'R', interfaces: [ANY] });
    expect(await listed()).toEqual([
      ['ftdi:F%201', '1-2', 'jtag', 'ok'],
      ['spi:ftdi:F%201', '1-2', 'spi', 'ok'],
      ['i2c:ftdi:F%201', '1-2', 'i2c', 'ok'],
      ['i2c:mcp2221:@1-3', '1-3', 'i2c', 'ok'],
      ['i2c:mcp2221:@1-4', '1-4', 'i2c', 'ok'],
      ['cmsis-dap:D', '1-10', 'swd,jtag', 'ok'],
    ]);
    expect((await listed(() => false)).map(([, , , access]) => access)).toEqual(Array(6).fill('denied'));
  });

  it('is a boot loader by its drive and by HF2, mounted or not', async () => {
    plugBootLoader('1-1', { hf2: true });
    expect(await listed((node) => !node.includes('hidraw'))).toEqual([
      ['uf2:1-1', '1-1', 'uf2', 'ok'],
      ['hf2:1-1', '1-1', 'hf2', 'denied'],
    ]);
    const all = await listPluggedIn({ platform: 'linux', root });
    expect(all.map(({ unmounted = false }) => unmounted)).toEqual([true, false]);
  });

  it('is a drive that says so in INFO_UF2.TXT, and no other', async () => {
    plugBootLoader('1-1', { mount: root });
    expect(await listed()).toEqual([]);
    write('INFO_UF2.TXT', 'UF2 Bootloader v1\n');
    expect(await listed()).toEqual([['uf2:1-1', '1-1', 'uf2', 'ok']]);
  });
});
