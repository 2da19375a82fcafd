import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { realClock } from '#main/app/real-clock.ts';
import { openDriveAtPath, openDriveAtPort } from '#main/link/mounted-drive.ts';
import { parseUnitPlace } from '#main/link/usb-place.ts';
import { driveMountedAt, isHf2, listHidRaw, listUsbDrives } from '#main/link/usb-drives.ts';

describe('drives and HID devices in /sys', () => {
  let root: string;
  const io = () => ({ clock: new VirtualClock(0), signal: new AbortController().signal });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'flashline-sysfs-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  function link(at: string, to: string): void {
    mkdirSync(dirname(join(root, at)), { recursive: true });
    symlinkSync(join(root, to), join(root, at));
  }

  function plugDrive(port: string, disk: string, mounts: readonly string[] = []): void {
    const usb = `sys/devices/pci0000:00/usb1/1-1/${port}`;
    write(`${usb}/serial`, `SERIAL-${port}\n`);
    write(`${usb}/devnum`, '9\n');
    const block = `${usb}/${port}:1.0/host0/target0:0:0/0:0:0:0/block/${disk}`;
    write(`${block}/size`, '15998\n');
    link(`sys/class/block/${disk}`, block);
    write('proc/mounts', mounts.map((folder) => `/dev/${disk} ${folder} vfat rw 0 0\n`).join(''));
  }

  it('finds a drive by its port, and by where it is mounted', async () => {
    plugDrive('1-1.3', 'sdb', ['/media/o\\040p/FL']);
    const drive = {
      portPath: '1-1.3',
      device: '/dev/sdb',
      usbDevice: '9',
      serial: 'SERIAL-1-1.3',
      mounts: ['/media/o p/FL'],
    };
    expect(await listUsbDrives(root)).toEqual([drive]);
    expect(await driveMountedAt('/media/o p/FL', root)).toEqual(drive);
    expect(await driveMountedAt('/media/other', root)).toBeUndefined();
  });

  it('takes no other disk for a drive on USB', async () => {
    write('sys/devices/pci0000:00/ata1/host1/block/sda/size', '1\n');
    link('sys/class/block/sda', 'sys/devices/pci0000:00/ata1/host1/block/sda');
    expect(await listUsbDrives(root)).toEqual([]);
    expect(await listUsbDrives(join(root, 'nothing'))).toEqual([]);
  });

  it('says what is not there, and what nobody mounted, after the time that a desktop takes', async () => {
    plugDrive('1-1.3', 'sdb');
    const context = io();
    const opening = openDriveAtPort('1-1.3', 'uf2:1-1.3', { root, mayMount: false }, context);
    await expect(opening).rejects.toMatchObject({
      failure: { code: 'drive-unmounted', params: { url: 'uf2:1-1.3', device: '/dev/sdb' } },
    });
    expect(context.clock.monotonic()).toBeGreaterThanOrEqual(8000);
    const other = openDriveAtPort('1-1.4', 'uf2:1-1.4', { root, mayMount: false }, io());
    await expect(other).rejects.toMatchObject({ failure: { code: 'probe-not-found' } });
    await expect(openDriveAtPath('/mnt', 'uf2:/mnt', root)).rejects.toMatchObject({
      failure: { code: 'probe-not-found' },
    });
  });

  it('reads and writes a mounted drive’s files, and says when they are gone', async () => {
    // A folder of this machine stands for the mount: its file system may refuse to be read past its cache.
    const folder = mkdtempSync(join(process.cwd(), 'node_modules', '.drive-'));
    try {
      plugDrive('1-1.3', 'sdb', [folder]);
      const real = { clock: realClock, signal: new AbortController().signal };
      const drive = await openDriveAtPort('1-1.3', 'uf2:1-1.3', { root, mayMount: false }, real);
      const bytes = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
      await drive.write('FLASH.UF2', bytes, real);
      expect(await drive.size('flash.uf2', real)).toBe(4096);
      expect(await drive.size('OTHER.UF2', real)).toBeUndefined();
      expect(await drive.read('FLASH.UF2', 512, 1024, real)).toEqual(bytes.subarray(512, 1536));
      expect(await drive.left(100, io())).toBe(false);
      unlinkSync(join(root, 'sys/class/block/sdb'));
      expect(await drive.left(100, io())).toBe(true);
      expect(await drive.isBack(io())).toBe(false);
      rmSync(folder, { recursive: true });
      await expect(drive.read('FLASH.UF2', 0, 512, real)).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('finds a boot loader’s HID interface by its usage page', async () => {
    const usb = 'sys/devices/pci0000:00/usb1/1-2';
    write(`${usb}/serial`, '0123456789ABCDEF\n');
    for (const [name, face, page] of [
      ['hidraw0', '1-2:1.1', 0x97],
      ['hidraw1', '1-2:1.2', 0x00],
    ] as const) {
      const device = `${usb}/${face}/0003:1209:0002.000${page}`;
      write(`${device}/report_descriptor`, Uint8Array.of(0x06, page, 0xff, 0x09, 0x01));
      link(`sys/class/hidraw/${name}/device`, device);
    }
    const found = await listHidRaw(root);
    expect(found.filter(isHf2)).toMatchObject([{ portPath: '1-2', node: '/dev/hidraw0', serial: '0123456789ABCDEF' }]);
  });

  it.each([
    ['1-2.3', { by: 'port', portPath: '1-2.3' }],
    ['@1-2.3', { by: 'port', portPath: '1-2.3' }],
    ['0123ABCD', { by: 'serial', serial: '0123ABCD' }],
    ['a%3Ab', { by: 'serial', serial: 'a:b' }],
    ['%zz', undefined],
    ['', undefined],
    ['a b', undefined],
  ])('hf2:%s', (text, address) => {
    expect(parseUnitPlace(text)).toEqual(address);
  });
});
