import { describe, expect, it } from 'vitest';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import { BOOT2_AT, crc32mpeg2, USB_BOOT } from '#main/bench/rp2040/boot-rom.ts';
import { Rp2040 } from '#main/bench/rp2040/rp2040.ts';
import { readU32, writeU32 } from '#shared/base/bytes.ts';

const FLASH = 0x10000000;
const DHCSR = 0xe000edf0;
const HALT = 0xa05f0003;
const SSIENR = 0x18000008;
const CTRLR0 = 0x18000000;
const SER = 0x18000010;
const BAUDR = 0x18000014;
const SR = 0x18000028;
const DR0 = 0x18000060;
const SPI_CTRLR0 = 0x180000f4;
const SS_CTRL = 0x4001800c;
const XIP_FLUSH = 0x14000004;
const XIP_READS = [
  [SSIENR, 0],
  [SPI_CTRLR0, 0x03000218],
  [BAUDR, 4],
  [CTRLR0, 0x001f0300],
  [SER, 1],
  [SSIENR, 1],
] as const;
const COMMANDS = [
  [SSIENR, 0],
  [BAUDR, 4],
  [CTRLR0, 0x00070000],
  [SER, 1],
  [SSIENR, 1],
] as const;

class Driver {
  readonly chip: Rp2040;
  now = 0;

  constructor(wrong = false) {
    this.chip = new Rp2040({ idWords: [0x11223344, 0x55667788, 3, 4], seed: 1, wrongPart: () => wrong });
  }

  read(address: number): number {
    const result = this.chip.read(address, 4, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt + 100;
    return result.value;
  }

  write(address: number, value: number): void {
    const result = this.chip.write(address, 4, value >>> 0, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt + 100;
  }

  set(settings: readonly (readonly [number, number])[]): void {
    for (const [address, value] of settings) this.write(address, value);
  }

  /** One command to the flash, byte by byte, by the debugger's own hand. */
  command(...bytes: number[]): number[] {
    this.write(SS_CTRL, 2 << 8);
    const back = bytes.map((byte) => {
      this.write(DR0, byte);
      while ((this.read(SR) & 8) === 0) this.now += 100;
      return this.read(DR0);
    });
    this.write(SS_CTRL, 3 << 8);
    return back;
  }

  halt(): void {
    this.write(DHCSR, HALT);
  }
}

/** 256 bytes that the boot ROM accepts. */
function boot2(...halves: number[]): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const [index, half] of halves.entries()) bytes.set([half & 0xff, half >> 8], index * 2);
  writeU32(bytes, 252, crc32mpeg2(bytes.subarray(0, 252)));
  return bytes;
}

function preload(chip: Rp2040, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 4) chip.preload(FLASH + at, readU32(bytes, at));
}

describe('the boot ROM', () => {
  it('has the checksum that the catalogue of CRCs gives for 123456789', () => {
    expect(crc32mpeg2(new TextEncoder().encode('123456789'))).toBe(0x0376e6e7);
  });

  it('waits for USB, by the crystal, while the flash is blank', () => {
    const driver = new Driver();
    driver.now += 1000;
    expect(driver.read(DHCSR) & (1 << 18)).toBe(1 << 18);
    driver.halt();
    expect(driver.chip.readRegister(15)).toBe(USB_BOOT + 2);
    expect(driver.read(0x40008044)).toBe(2);
  });

  it('starts the first 256 bytes of the flash in RAM, unless a bit of them is wrong', () => {
    for (const broken of [false, true]) {
      const driver = new Driver();
      preload(driver.chip, boot2(0x2055, 0xe7fe)); // movs r0, #0x55; b .
      if (broken) driver.chip.flipBit(FLASH + 0x40, 3);
      driver.chip.powerCycle(1000);
      driver.now = 1_000_000;
      driver.halt();
      const seen = [driver.chip.readRegister(15), driver.chip.readRegister(0)];
      expect(seen).toEqual(broken ? [USB_BOOT + 2, 0] : [BOOT2_AT + 2, 0x55]);
    }
  });
});

describe('the flash on its wires', () => {
  it('is reached by commands, and read through the window once the interface is set up for it', () => {
    const driver = new Driver();
    driver.halt();
    driver.set(COMMANDS);
    expect(driver.command(0x9f, 0, 0, 0).slice(1)).toEqual([0xef, 0x40, 0x15]);
    driver.command(0x06);
    driver.command(0x02, 0, 0x10, 0, 0x78, 0x56, 0x34, 0x12);
    while ((driver.command(0x05, 0)[1] ?? 0) & 1) driver.now += 10_000;
    expect(driver.read(FLASH + 0x1000)).toBe(0);
    driver.write(SS_CTRL, 0);
    driver.set(XIP_READS);
    driver.write(XIP_FLUSH, 1);
    expect(driver.read(FLASH + 0x1000)).toBe(0x12345678);
    expect(driver.chip.peek(FLASH + 0x1000)).toBe(0x12345678);
    expect(driver.chip.report()).toEqual({ flashOperations: 1, overwrittenWords: [], misuse: [] });
  });

  it('what is cached stays so until it is flushed; the windows past the cache see the truth', () => {
    const driver = new Driver();
    driver.halt();
    driver.set(XIP_READS);
    expect(driver.read(FLASH + 0x20)).toBe(0xffffffff);
    driver.chip.preload(FLASH + 0x20, 0xcafe);
    expect(driver.read(FLASH + 0x20)).toBe(0xffffffff);
    expect(driver.read(0x13000020)).toBe(0xcafe);
    driver.write(XIP_FLUSH, 1);
    expect(driver.read(FLASH + 0x20)).toBe(0xcafe);
  });

  it('refuses changes when it came protected', () => {
    const driver = new Driver();
    driver.chip.protect();
    driver.halt();
    driver.set(COMMANDS);
    driver.command(0x06);
    driver.command(0x02, 0, 0, 0, 0);
    driver.now += 1e6;
    expect(driver.chip.peek(FLASH)).toBe(0xffffffff);
  });

  it('an erase that power fails in leaves its sector between old and blank', () => {
    const driver = new Driver();
    for (let at = 0; at < 0x1000; at += 4) driver.chip.preload(FLASH + at, 0);
    driver.halt();
    driver.set(COMMANDS);
    driver.command(0x06);
    driver.command(0x20, 0, 0, 0);
    driver.chip.powerCut(driver.now + 20e6);
    const words = Array.from({ length: 0x400 }, (_, index) => driver.chip.peek(FLASH + index * 4));
    expect(words.some((word) => word !== 0)).toBe(true);
    expect(words.some((word) => word !== 0xffffffff)).toBe(true);
    driver.chip.powerCycle(driver.now + 30e6);
    driver.now += 31e6;
    driver.halt();
    expect(driver.chip.readRegister(15)).toBe(USB_BOOT + 2);
  });

  it('tells a fault plan of its operations, and rots before it is read', () => {
    const driver = new Driver();
    driver.chip.preload(FLASH + 0x40, 0xff);
    driver.chip.events = new FaultPlan([{ kind: 'bit-rot', address: FLASH + 0x40, bit: 0 }], 0);
    driver.halt();
    driver.set(COMMANDS);
    driver.command(0x06);
    driver.command(0x20, 0, 0x10, 0);
    driver.now += 50e6;
    driver.write(SS_CTRL, 0);
    driver.set(XIP_READS);
    expect(driver.read(FLASH + 0x40)).toBe(0xfe);
  });
});

describe('registers', () => {
  it('CHIP_ID is another one for another part', () => {
    expect(new Driver().read(0x40000000) & 0x0fffffff).toBe(0x00002927);
    expect(new Driver(true).read(0x40000000) & 0x0fffffff).not.toBe(0x00002927);
  });

  it('exclusive-or, set and clear have windows of their own', () => {
    const driver = new Driver();
    driver.write(0x40058010, 0xf0);
    driver.write(0x4005a010, 0x0f);
    driver.write(0x4005b010, 0x80);
    driver.write(0x40059010, 0x11);
    expect(driver.read(0x40058010)).toBe(0x6e);
  });

  it('a PLL locks in its time, and the core then runs by it', () => {
    const driver = new Driver();
    driver.halt();
    driver.set([
      [0x40028000, 1],
      [0x40028008, 125],
      [0x4002b004, 0x21],
    ]);
    expect(driver.read(0x40028000) >>> 31).toBe(0);
    driver.now += 200_000;
    expect(driver.read(0x40028000) >>> 31).toBe(1);
    driver.set([
      [0x4002800c, 0x62000],
      [0x4002b004, 8],
      [0x4000803c, 0],
      [0x4000803c, 1],
    ]);
    // movs r0, #0; adds r0, #1; b .-2: three cycles a round
    driver.set([
      [0x20000000, 0x30012000],
      [0x20000004, 0xe7fd],
      [0xe000edf8, 0x20000000],
      [0xe000edf4, 0x1000f],
      [0xe000edf8, 0x01000000],
      [0xe000edf4, 0x10010],
      [DHCSR, 0xa05f0001],
    ]);
    driver.now += 1_000_000;
    driver.halt();
    expect(driver.chip.readRegister(0) / (125_000 / 3)).toBeCloseTo(1, 2);
    expect(driver.chip.report().misuse).toEqual([]);
  });
});
