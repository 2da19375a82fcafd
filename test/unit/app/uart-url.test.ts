import { describe, expect, it } from 'vitest';
import { parseUartUrl } from '#main/app/uart-url.ts';
import { checkProbeUrl } from '#main/app/connect/ways.ts';

describe('uart: addresses', () => {
  it.each([
    ['uart:COM5', { path: 'COM5', options: {} }],
    [
      'uart:/dev/serial/by-path/pci-0000:00:14.0-usb-0:4.2:1.0-port0?baud=230400&entry=none',
      {
        path: '/dev/serial/by-path/pci-0000:00:14.0-usb-0:4.2:1.0-port0',
        options: { baud: 230_400, entry: 'none' },
      },
    ],
    ['uart:/tmp/what?/pty?parity=none', { path: '/tmp/what?/pty', options: { parity: 'none' } }],
  ])('%s says which port, and how', (url, meant) => {
    expect(parseUartUrl(url)).toEqual(meant);
  });

  it.each([
    'uart:',
    'uart:COM5?baud=fast',
    'uart:COM5?baud=0',
    'uart:COM5?baud=99999999',
    'uart:COM5?parity=mark',
    'uart:COM5?entry=',
    'uart:COM5?reset=held',
  ])('%s is refused, with the forms that there are', (url) => {
    expect(() => checkProbeUrl(url)).toThrow(/probe-address.*uart:<port path>/su);
  });
});
