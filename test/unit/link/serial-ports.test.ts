import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStream } from '#main/link/address.ts';
import { listSerialPorts } from '#main/link/serial-ports.ts';
import { toFailure } from '#shared/model/failure.ts';
import { asNobody } from '#test/support/as-nobody.ts';
import { realIo } from '#test/support/nrf51.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'flashline-sys-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A tty below `device` in a /sys of our own, laid out as Linux does. */
function plug(tty: string, device: string, usb?: Record<string, string>): void {
  const folder = join(root, 'sys/devices', device);
  mkdirSync(join(folder, 'tty', tty), { recursive: true });
  symlinkSync(folder, join(folder, 'tty', tty, 'device'));
  mkdirSync(join(root, 'sys/class/tty'), { recursive: true });
  symlinkSync(join(folder, 'tty', tty), join(root, 'sys/class/tty', tty));
  for (const [name, value] of Object.entries(usb ?? {})) writeFileSync(join(folder, '..', name), `${value}\n`);
}

describe('serial ports on Linux', () => {
  it('are found without udevadm, named by where they are plugged in', async () => {
    plug('ttyACM0', 'pci0000:00/usb1/1-4/1-4.2/1-4.2:1.0', {
      idVendor: '1d50',
      idProduct: '6018',
      manufacturer: 'Black Magic Debug',
      product: 'Black Magic Probe',
      serial: 'C0FFEE',
    });
    plug('ttyACM1', 'pci0000:00/usb1/1-3/1-3:1.0', { idVendor: '0403', idProduct: '6001' });
    plug('ttyS0', 'pnp0/00:00');
    plug('ttyS1', 'platform/serial8250/serial8250:0/serial8250:0.1');
    mkdirSync(join(root, 'sys/class/tty/tty1'), { recursive: true });
    mkdirSync(join(root, 'dev/serial/by-path'), { recursive: true });
    symlinkSync('../../ttyACM0', join(root, 'dev/serial/by-path/pci-0000:00:14.0-usb-0:4.2:1.0'));
    expect(await listSerialPorts({ platform: 'linux', root })).toEqual(
      [
        { path: '/dev/ttyACM1', device: '/dev/ttyACM1', port: '1-3:1.0', vendorId: '0403', productId: '6001' },
        { path: '/dev/ttyS0', device: '/dev/ttyS0', port: '00:00' },
        {
          path: '/dev/serial/by-path/pci-0000:00:14.0-usb-0:4.2:1.0',
          device: '/dev/ttyACM0',
          port: '1-4.2:1.0',
          vendorId: '1d50',
          productId: '6018',
          manufacturer: 'Black Magic Debug',
          product: 'Black Magic Probe',
          serial: 'C0FFEE',
        },
      ].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    );
  });

  it('are none where there is no /sys', async () => {
    expect(await listSerialPorts({ platform: 'linux', root: join(root, 'nothing') })).toEqual([]);
  });

  it('need permission', async () => {
    const folder = join(root, 'locked');
    mkdirSync(folder);
    writeFileSync(join(folder, 'tty'), '');
    chmodSync(folder, 0);
    const open = (): Promise<unknown> =>
      openStream({ kind: 'serial', path: join(folder, 'tty') }, 'gdb:serial:x', realIo()).catch(toFailure);
    expect(await asNobody(open)).toMatchObject({ code: 'probe-permission', blame: 'station' });
    chmodSync(folder, 0o700);
  });

  it('that are not there are not found', async () => {
    const open = openStream({ kind: 'serial', path: join(root, 'ttyNONE') }, 'gdb:serial:x', realIo());
    expect(await open.catch(toFailure)).toMatchObject({ code: 'probe-not-found', blame: 'station' });
  });
});
