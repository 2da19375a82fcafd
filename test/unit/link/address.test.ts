import { describe, expect, it } from 'vitest';
import { parseGdbAddress } from '#main/link/address.ts';
import { toFailure } from '#shared/model/failure.ts';

describe('probe addresses of gdb servers', () => {
  it.each([
    ['gdb:tcp:127.0.0.1:3333', { kind: 'tcp', host: '127.0.0.1', port: 3333 }],
    ['gdb:tcp:line-3.plant:65535', { kind: 'tcp', host: 'line-3.plant', port: 65_535 }],
    ['gdb:tcp:[::1]:1234', { kind: 'tcp', host: '::1', port: 1234 }],
    ['gdb:unix:/run/a b:c', { kind: 'unix', path: '/run/a b:c' }],
    [
      'gdb:serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0',
      { kind: 'serial', path: '/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0' },
    ],
    ['gdb:serial:COM5', { kind: 'serial', path: 'COM5' }],
  ])('%s', (url, address) => {
    expect(parseGdbAddress(url)).toEqual(address);
  });

  it.each([
    'gdb:',
    'gdb:tcp:',
    'gdb:tcp:host',
    'gdb:tcp:host:0',
    'gdb:tcp:host:65536',
    'gdb:tcp:::1:80',
    'gdb:udp:a:1',
    'tcp:a:1',
    'gdb:unix:',
  ])('refuses %s and names what it expected', (url) => {
    const failure = attempt(() => parseGdbAddress(url));
    expect(failure).toMatchObject({ code: 'probe-address', blame: 'station', params: { url } });
    expect(failure?.params['expected']).toContain('gdb:unix:<path>');
  });
});

function attempt(work: () => unknown): ReturnType<typeof toFailure> | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}
