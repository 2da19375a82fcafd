import { describe, expect, it } from 'vitest';
import { Driver } from './driver.ts';

const NVM = 0x41004000;
const INTFLAG = NVM + 0x14;
const STATUS = NVM + 0x18;
const ADDR = NVM + 0x1c;
const DSU = 0x41002000;
const EXTERNAL = DSU + 0x100;
const MS = 1_000_000;

function command(driver: Driver, code: number): number {
  driver.write(NVM, 0xa500 | code, 2);
  return driver.idle();
}

function eraseRow(driver: Driver, address: number): number {
  driver.write(ADDR, address / 2);
  return command(driver, 0x02);
}

describe('the NVM controller of the SAM D21', () => {
  it('writes a page through its buffer in 2.5 ms, erases a row of four in 6', () => {
    const driver = new Driver('atsamd21g18a');
    for (const at of [0xfc, 0x100, 0x1fc, 0x200]) driver.chip.preload(at, 0);
    expect(eraseRow(driver, 0x140)).toBe(6 * MS);
    expect([0xfc, 0x100, 0x1fc, 0x200].map((at) => driver.read(at))).toEqual([0, 0xffffffff, 0xffffffff, 0]);
    driver.write(0x140, 0x11223344);
    driver.write(0x17e, 0x5566, 2);
    expect(driver.read(0x140)).toBe(0xffffffff);
    expect(command(driver, 0x04)).toBe(2.5 * MS);
    expect([driver.read(0x140), driver.read(0x144), driver.read(0x17c)]).toEqual([0x11223344, 0xffffffff, 0x5566ffff]);
    expect(driver.chip.report()).toMatchObject({ overwrittenWords: [], misuse: [], flashOperations: 2 });
  });

  it('the buffer keeps what it holds until it is cleared or written', () => {
    const driver = new Driver('atsamd21g18a');
    driver.write(0x40, 0x0000ffff);
    driver.write(0x40, 0xffff0000);
    command(driver, 0x04);
    expect(driver.read(0x40)).toBe(0);
    driver.write(0x80, 0);
    command(driver, 0x44);
    command(driver, 0x04);
    expect(driver.read(0x80)).toBe(0xffffffff);
  });

  it('writes a full page by itself where CTRLB.MANW is off', () => {
    const driver = new Driver('atsamd21g18a');
    driver.write(NVM + 4, 0);
    for (let at = 0; at < 64; at += 4) driver.write(0x200 + at, at);
    expect(driver.idle()).toBe(2.5 * MS);
    expect(driver.read(0x23c)).toBe(60);
  });

  it('refuses what has no key, comes too early, or lies outside', () => {
    const driver = new Driver('atsamd21g18a');
    driver.write(NVM, 0x0002, 2);
    expect([driver.read(STATUS) & 4, driver.read(INTFLAG)]).toEqual([4, 3]);
    driver.write(STATUS, 4, 2);
    driver.write(INTFLAG, 2, 1);
    expect([driver.read(STATUS) & 4, driver.read(INTFLAG)]).toEqual([0, 1]);
    driver.write(NVM, 0xa502, 2);
    driver.write(NVM, 0xa502, 2);
    driver.idle();
    expect(driver.read(STATUS) & 4).toBe(4);
    expect(() => driver.write(0x40, 0, 1)).toThrow('bus fault');
    expect(driver.chip.report().misuse).toHaveLength(3);
  });

  it('says when a page is written over, and when a row is written a ninth time', () => {
    const driver = new Driver('atsamd21g18a');
    for (let i = 0; i < 9; i++) {
      driver.write(0x100, i === 1 ? 0xff : 0);
      command(driver, 0x04);
    }
    expect(driver.chip.report().overwrittenWords).toEqual([0x100]);
    expect(driver.chip.report().misuse).toEqual([expect.stringMatching(/more than eight times/)]);
  });

  it('locks regions, and unlocks them', () => {
    const driver = new Driver('atsamd21g18a');
    driver.write(ADDR, 0x4000 / 2);
    command(driver, 0x40);
    eraseRow(driver, 0x4000);
    expect(driver.read(STATUS) & 8).toBe(8);
    driver.write(STATUS, 8, 2);
    command(driver, 0x41);
    expect(eraseRow(driver, 0x4000)).toBe(6 * MS);
  });
});

describe('the device service unit of the SAM D21', () => {
  it('tells who it is, and checks a range', () => {
    const driver = new Driver('atsamd21g18a');
    expect(driver.read(DSU + 0x18)).toBe(0x10010005);
    expect(driver.read(EXTERNAL + 0x18)).toBe(0x10010005);
    expect([0xc, 0x40, 0x44, 0x48].map((at) => driver.read(0x80a000 + at))).toEqual([
      0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00,
    ]);
    // The digits 1 to 9, 0, 1, 2; the CRC-32 as zlib gives it.
    [0x34333231, 0x38373635, 0x32313039].forEach((word, index) => driver.chip.preload(0x400 + index * 4, word));
    driver.write(DSU + 4, 0x400);
    driver.write(DSU + 8, 12);
    driver.write(DSU + 12, 0xffffffff);
    driver.write(DSU, 4, 1);
    expect(driver.read(DSU + 1, 1) & 1).toBe(1);
    expect(~driver.read(DSU + 12) >>> 0).toBe(0x5d34eb96);
  });

  it('shut, answers at its external registers alone; a chip erase and a power-up open it', () => {
    const driver = new Driver('atsamd21g18a');
    driver.chip.preload(0x400, 0x600d600d);
    command(driver, 0x45);
    expect(driver.read(0x400)).toBe(0x600d600d);
    driver.chip.powerCycle(driver.now);
    for (const address of [0, 0x20000000, DSU, NVM, 0xe000edf0]) {
      expect(() => driver.read(address)).toThrow('bus fault');
    }
    expect(driver.read(EXTERNAL + 2, 1) & 1).toBe(1);
    driver.write(EXTERNAL, 0x10, 1);
    expect(driver.read(EXTERNAL + 1, 1) & 1).toBe(0);
    expect(driver.idle()).toBe(240 * MS);
    expect(driver.read(EXTERNAL + 1, 1) & 1).toBe(1);
    driver.chip.powerCycle(driver.now);
    expect(driver.read(EXTERNAL + 2, 1) & 1).toBe(0);
    expect(driver.read(0x400)).toBe(0xffffffff);
    expect(driver.read(0x804000)).toBe(0xd8e0c7ff);
  });
});
