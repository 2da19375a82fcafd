import { describe, expect, it } from 'vitest';
import { decodeBase } from '#main/target/access-ports.ts';
import { decodeCpuid, decodeDpidr, decodeIdr, decodeTargetId, partOf } from '#main/target/debug-ids.ts';
import { ARM, manufacturerName, RASPBERRY_PI, ST } from '#main/target/manufacturers.ts';

/** Values that real parts answer, as their makers and the logs of other debuggers print them. */
describe('identification registers of real parts', () => {
  it.each([
    ['nRF52840, STM32F407', 0x2ba0_1477, { version: 1, minimal: false, part: 0xba, revision: 2, designer: ARM }],
    ['nRF51822, STM32F0', 0x0bb1_1477, { version: 1, minimal: true, part: 0xbb, revision: 0, designer: ARM }],
    ['RP2040', 0x0bc1_2477, { version: 2, minimal: true, part: 0xbc, revision: 0, designer: ARM }],
    ['STM32H7', 0x6ba0_2477, { version: 2, minimal: false, part: 0xba, revision: 6, designer: ARM }],
    ['RP2350', 0x4c01_3477, { version: 3, minimal: true, part: 0xc0, revision: 4, designer: ARM }],
  ])('DPIDR of %s', (_, value, expected) => {
    expect(decodeDpidr(value)).toEqual({ value, ...expected });
  });

  it.each([
    [0x2477_0011, 'memory', 'AHB3-AP'],
    [0x0477_0031, 'memory', 'AHB3-AP'],
    [0x4477_0002, 'memory', 'APB-AP'],
    [0x1477_0004, 'memory', 'AXI-AP'],
    [0x8477_0015, 'memory', 'AHB5-AP'],
    [0x3477_0008, 'memory', 'AHB5-AP'],
    [0x1476_0010, 'jtag', 'JTAG-AP'],
    [0x0288_0000, 'vendor', 'Nordic Semiconductor access port'],
  ])('IDR %i is a %s port', (value, kind, name) => {
    expect(decodeIdr(value)).toMatchObject({ value, class: kind, name });
  });

  it.each([
    [0x410c_c200, 'Cortex-M0 r0p0', 'cortex-m0'],
    [0x410c_c601, 'Cortex-M0+ r0p1', 'cortex-m0plus'],
    [0x412f_c231, 'Cortex-M3 r2p1', 'cortex-m3'],
    [0x410f_c241, 'Cortex-M4 r0p1', 'cortex-m4'],
    [0x411f_c271, 'Cortex-M7 r1p1', 'cortex-m7'],
    [0x410c_d200, 'Cortex-M23 r0p0', 'cortex-m23'],
    [0x410f_d213, 'Cortex-M33 r0p3', 'cortex-m33'],
    [0x410f_d220, 'Cortex-M55 r0p0', 'cortex-m55'],
    [0x410f_d230, 'Cortex-M85 r0p0', 'cortex-m85'],
  ])('CPUID %i is %s', (value, name, core) => {
    expect(decodeCpuid(value)).toEqual({ value, name, core });
  });

  it('names makers and the parts that it knows, and stays honest about others', () => {
    expect(decodeTargetId(0x0100_2927)).toEqual({ designer: RASPBERRY_PI, part: 0x1002, name: 'Raspberry Pi RP2040' });
    expect(partOf(ST, 0x413).name).toBe('STMicroelectronics STM32F405/F407');
    expect(partOf(ST, 0xfff).name).toBe('STMicroelectronics, part 0xfff');
    // Nordic is in bank 3 with code 0x44, which ARM's registers carry as two continuations.
    expect(manufacturerName(0x144)).toBe('Nordic Semiconductor');
    expect(manufacturerName((3 << 7) | 0x11)).toBe('JEP106 bank 4 code 0x11');
  });

  it.each([
    [0xe00f_f003, 0xe00f_f000],
    [0xf000_0003, 0xf000_0000],
    [0x8000_0000, 0x8000_0000],
    [0x0000_0002, undefined],
    [0xffff_ffff, undefined],
  ])('BASE %i', (value, expected) => {
    expect(decodeBase(value)).toBe(expected);
  });
});
