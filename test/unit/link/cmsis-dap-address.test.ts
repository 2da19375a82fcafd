import { assert, property, string, stringMatching } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { parseCmsisDapAddress, portUrl, serialUrl } from '#main/link/cmsis-dap-address.ts';
import { type Failure, toFailure } from '#shared/model/failure.ts';

function failureOf(url: string): Failure {
  try {
    throw new Error(JSON.stringify(parseCmsisDapAddress(url)));
  } catch (thrown) {
    return toFailure(thrown);
  }
}

describe('cmsis-dap addresses', () => {
  it.each([
    ['cmsis-dap:0240000034544e45', { by: 'serial', serial: '0240000034544e45' }],
    ['cmsis-dap:@1-2.3', { by: 'port', portPath: '1-2.3' }],
    ['cmsis-dap:@3-1?interface=hid', { by: 'port', portPath: '3-1', interface: 'hid' }],
    ['cmsis-dap:E6:61?interface=bulk', { by: 'serial', serial: 'E6:61', interface: 'bulk' }],
  ])('%s', (url, address) => {
    expect(parseCmsisDapAddress(url)).toEqual(address);
  });

  it.each([
    'cmsis-dap:',
    'cmsis-dap:@',
    'cmsis-dap:@2.3',
    'cmsis-dap:@1-',
    'cmsis-dap:@1-2.',
    'cmsis-dap:a b',
    'cmsis-dap:%zz',
    'cmsis-dap:x?interface=usb',
    'cmsis-dap:x?interface=hid&interface=bulk',
    'cmsis-dap:x?speed=1',
    'bench:nrf52840',
  ])('refuses %s with the forms there are', (url) => {
    const { code, params } = failureOf(url);
    expect([code, params['url']]).toEqual(['probe-address', url]);
    expect(params['expected']).toContain('cmsis-dap:@1-2.3');
  });

  it('come back from whatever serial a maker has burnt in, also in a list with commas', () => {
    assert(
      property(string({ unit: 'grapheme', minLength: 1 }), (serial) => {
        const url = serialUrl(serial);
        expect(url).not.toMatch(/[\s,?#]/u);
        expect(parseCmsisDapAddress(url)).toEqual({ by: 'serial', serial });
      }),
    );
  });

  it('come back from any port', () => {
    assert(
      property(stringMatching(/^[1-9]\d?-[1-9](\.[1-9]\d?){0,5}$/), (portPath) => {
        expect(parseCmsisDapAddress(portUrl(portPath))).toEqual({ by: 'port', portPath });
      }),
    );
  });
});
