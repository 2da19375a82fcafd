import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { Driver } from './driver.ts';

const KEYR = 0x40022008;
const OPTKEYR = 0x4002200c;
const SR = 0x40022010;
const CR = 0x40022014;
const ECCR = 0x40022018;
const OPTR = 0x40022020;
const BASE = 0x08000000;
const PG = 1;
const STRT = 0x10000;
const MS = 1_000_000;

function unlocked(seed = 1): Driver {
  const driver = new Driver('stm32g071rb', seed);
  driver.write(KEYR, 0x45670123);
  driver.write(KEYR, 0xcdef89ab);
  return driver;
}

function program(driver: Driver, address: number, low: number, high: number): void {
  driver.write(CR, PG);
  driver.write(address, low);
  driver.write(address + 4, high);
  driver.idle();
}

function setOptions(driver: Driver, optr: number): void {
  driver.write(OPTKEYR, 0x08192a3b);
  driver.write(OPTKEYR, 0x4c5d6e7f);
  driver.write(OPTR, optr);
  driver.write(CR, 1 << 17);
  driver.idle();
  driver.write(CR, 1 << 27);
}

describe('the flash of the STM32G071', () => {
  it('double words take 85 us, once; then nothing but zeros', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x3fff }), word, word, word, (index, low, high, other) => {
        fc.pre((low !== 0xffffffff || high !== 0xffffffff) && other !== 0);
        const driver = unlocked();
        const at = BASE + index * 8;
        driver.write(CR, PG);
        driver.write(at, low);
        expect(driver.read(SR)).toBe(1 << 18);
        driver.write(at + 4, high);
        expect(driver.read(SR)).toBe((1 << 18) | (1 << 16));
        expect(driver.idle()).toBe(85_000);
        program(driver, at, other, 0);
        expect(driver.read(SR)).toBe(1 << 3);
        expect(driver.chip.report().overwrittenWords).toEqual([at]);
        expect([driver.read(at), driver.read(at + 4)]).toEqual([low, high]);
        driver.write(SR, 1 << 3);
        program(driver, at, 0, 0);
        expect([driver.read(at), driver.read(at + 4), driver.read(SR)]).toEqual([0, 0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  it('erases a page of 2 KiB in 22 ms, and no other', () => {
    const driver = unlocked();
    for (const at of [0x7fc, 0x800, 0xffc, 0x1000]) driver.chip.preload(BASE + at, 0);
    driver.write(CR, 2 | (1 << 3));
    driver.write(CR, 2 | (1 << 3) | STRT);
    expect(driver.idle()).toBe(22 * MS);
    expect([0x7fc, 0x800, 0xffc, 0x1000].map((at) => driver.chip.peek(BASE + at))).toEqual([
      0, 0xffffffff, 0xffffffff, 0,
    ]);
  });

  it.each([
    ['a halfword', (driver: Driver) => driver.write(BASE, 0, 2), 1 << 6],
    ['an upper word first', (driver: Driver) => driver.write(BASE + 4, 0), 1 << 5],
    [
      'another double word’s upper word',
      (driver: Driver) => {
        driver.write(BASE, 0);
        driver.write(BASE + 12, 0);
      },
      1 << 5,
    ],
  ])('refuses %s, and everything after it until the flag is cleared', (_what, act, flag) => {
    const driver = unlocked();
    driver.write(CR, PG);
    act(driver);
    expect(driver.read(SR)).toBe(flag);
    driver.write(BASE + 16, 1);
    expect(driver.read(SR)).toBe(flag | (1 << 7));
    driver.write(SR, 0xffff);
    program(driver, BASE + 16, 1, 2);
    expect([driver.read(BASE + 16), driver.read(BASE + 20)]).toEqual([1, 2]);
  });

  it('one wrong cell is put right and told, two are only told', () => {
    const driver = unlocked();
    program(driver, BASE + 0x100, 0x12345678, 0x9abcdef0);
    driver.chip.flipBit(BASE + 0x104, 3);
    expect(driver.read(BASE + 0x104)).toBe(0x9abcdef0);
    expect(driver.read(ECCR) >>> 0).toBe((0x40000000 | 0x20) >>> 0);
    driver.write(ECCR, 0x40000000);
    driver.chip.flipBit(BASE + 0x100, 0);
    expect(driver.read(BASE + 0x100)).toBe(0x12345679);
    expect(driver.read(ECCR) >>> 31).toBe(1);
  });

  it('a power cut within a double word leaves it unreadable, not blank', () => {
    const driver = unlocked(3);
    driver.write(CR, PG);
    driver.write(BASE, 0);
    driver.write(BASE + 4, 0);
    driver.chip.powerCut(driver.now + 40_000);
    driver.chip.powerCycle(driver.now + 50_000);
    driver.read(BASE);
    expect(driver.read(ECCR) >>> 31).toBe(1);
  });
});

describe('read protection of the STM32G071', () => {
  it('counts from the next load on; leaving level 1 costs the flash', () => {
    const driver = unlocked();
    driver.chip.preload(BASE, 0x600d600d);
    setOptions(driver, 0xfffffe00);
    expect(() => driver.read(BASE)).toThrow('bus fault');
    expect(driver.read(0x40015800)).toBe(0x20006460);
    driver.write(KEYR, 0x45670123);
    driver.write(KEYR, 0xcdef89ab);
    setOptions(driver, 0xfffffeaa);
    expect(driver.read(BASE)).toBe(0xffffffff);
  });

  it('tells who it is', () => {
    const driver = new Driver('stm32g071rb');
    expect(driver.read(0x1fff75e0, 2)).toBe(128);
    expect([0, 4, 8].map((at) => driver.read(0x1fff7590 + at))).toEqual([0x11223344, 0x55667788, 0x99aabbcc]);
  });
});
