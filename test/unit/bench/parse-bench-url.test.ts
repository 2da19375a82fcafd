import { describe, expect, it } from 'vitest';
import { parseBenchUrl } from '#main/bench/parse-bench-url.ts';

describe('bench addresses', () => {
  it('a chip alone is a sound board on a high-speed probe', () => {
    expect(parseBenchUrl('bench:nrf52840')).toEqual({ chip: 'nrf52840', probe: 'high-speed', faults: [], serial: {} });
  });

  it.each([
    ['no-target', { kind: 'no-target' }],
    ['stuck-bit@0x1000.3', { kind: 'stuck-bit', address: 0x1000, bit: 3, value: 0 }],
    ['stuck-bit@4096.31=1', { kind: 'stuck-bit', address: 4096, bit: 31, value: 1 }],
    ['bit-rot@0x2000.5', { kind: 'bit-rot', address: 0x2000, bit: 5 }],
    ['bit-rot@0x2000.5:12', { kind: 'bit-rot', address: 0x2000, bit: 5, after: 12 }],
    ['ack-wait', { kind: 'ack-wait', after: 0 }],
    ['ack-wait:100x3', { kind: 'ack-wait', after: 100, times: 3 }],
    ['unplug:40', { kind: 'unplug', after: 40 }],
    ['power-cut:120', { kind: 'power-cut', after: 120 }],
    ['swapped-wires', { kind: 'swapped-wires' }],
    ['noise:2000000hz', { kind: 'noise', aboveHz: 2_000_000, chance: 0.1 }],
    ['power-cut:12.5ms', { kind: 'power-cut', ms: 12.5 }],
  ])('%s', (text, fault) => {
    expect(parseBenchUrl(`bench:nrf52840?fault=${text}&probe=hid`)).toEqual({
      chip: 'nrf52840',
      probe: 'hid',
      faults: [fault],
      serial: {},
    });
  });

  it('several faults keep their order', () => {
    const { faults } = parseBenchUrl('bench:nrf52840?fault=parity:3&fault=silent:9');
    expect(faults.map((fault) => fault.kind)).toEqual(['parity', 'silent']);
  });

  it('keeps what only a serial port is told', () => {
    const { serial } = parseBenchUrl('bench:stm32f407vg?baud=57600&entry=none');
    expect(serial).toEqual({ baud: '57600', entry: 'none' });
  });

  it.each([
    'bench:',
    'bench:NRF',
    'gdb:tcp:1',
    'bench:nrf52840?fault=explode',
    'bench:nrf52840?fault=unplug',
    'bench:nrf52840?fault=power-cut',
    'bench:nrf52840?fault=stuck-bit',
    'bench:nrf52840?fault=stuck-bit@0x1000',
    'bench:nrf52840?fault=stuck-bit@0x1000.32',
    'bench:nrf52840?fault=bit-rot@0x1ffffffff.1',
    'bench:nrf52840?probe=toString',
    'bench:nrf52840?speed=9',
  ])('%s is refused with the form expected', (url) => {
    expect(() => parseBenchUrl(url)).toThrow(
      expect.objectContaining({
        failure: expect.objectContaining({
          code: 'probe-address',
          params: { url, expected: expect.stringContaining('bench:<chip>') },
        }),
      }),
    );
  });
});
