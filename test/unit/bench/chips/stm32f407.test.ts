import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { Driver } from './driver.ts';

const KEYR = 0x40023c04;
const OPTKEYR = 0x40023c08;
const SR = 0x40023c0c;
const CR = 0x40023c10;
const OPTCR = 0x40023c14;
const BASE = 0x08000000;
const PG32 = 0x201;
const SER = 2;
const STRT = 0x10000;
const MS = 1_000_000;

function unlocked(seed = 1): Driver {
  const driver = new Driver('stm32f407vg', seed);
  driver.write(KEYR, 0x45670123);
  driver.write(KEYR, 0xcdef89ab);
  return driver;
}

function setOptions(driver: Driver, optcr: number): number {
  driver.write(OPTKEYR, 0x08192a3b);
  driver.write(OPTKEYR, 0x4c5d6e7f);
  driver.write(OPTCR, optcr & ~3);
  driver.write(OPTCR, (optcr & ~3) | 2);
  return driver.idle();
}

describe('the flash of the STM32F407', () => {
  it('any series of words leaves the AND of them, each in 16 us', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x3ffff }),
        fc.array(word, { minLength: 1, maxLength: 4 }),
        (index, values) => {
          const driver = unlocked();
          driver.write(CR, PG32);
          for (const value of values) {
            driver.write(BASE + index * 4, value);
            expect(driver.idle()).toBe(16_000);
          }
          const expected = values.reduce((a, b) => (a & b) >>> 0);
          expect(driver.read(BASE + index * 4)).toBe(expected);
          expect(driver.read(index * 4)).toBe(expected);
          const asksForOnes = values.some(
            (value, at) => at > 0 && value & ~values.slice(0, at).reduce((a, b) => a & b),
          );
          expect(driver.chip.report().overwrittenWords.length > 0).toBe(asksForOnes);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    [0, 0x08000000, 0x4000, 250],
    [3, 0x0800c000, 0x4000, 250],
    [4, 0x08010000, 0x10000, 550],
    [11, 0x080e0000, 0x20000, 1000],
  ])('sector %i is erased whole and alone', (sector, start, size, ms) => {
    const driver = unlocked();
    const inside = [start, start + size - 4];
    const beside = [start - 4, start + size].filter((address) => driver.chip.peek(address) !== undefined);
    for (const address of [...inside, ...beside]) driver.chip.preload(address, 0);
    driver.write(CR, 0x200 | SER | (sector << 3));
    driver.write(CR, 0x200 | SER | (sector << 3) | STRT);
    expect(driver.read(SR)).toBe(0x10000);
    expect(driver.idle()).toBe(ms * MS);
    expect(inside.map((address) => driver.chip.peek(address))).toEqual([0xffffffff, 0xffffffff]);
    expect(beside.every((address) => driver.chip.peek(address) === 0)).toBe(true);
  });

  it('takes no write against its parallelism, and none that it was not asked for', () => {
    const driver = unlocked();
    driver.write(CR, PG32);
    driver.write(BASE, 0x12, 1);
    expect(driver.read(SR)).toBe(0x40);
    driver.write(SR, 0x40);
    driver.write(CR, 0);
    driver.write(BASE, 0x12345678);
    expect(driver.read(SR)).toBe(0x80);
    expect(driver.read(BASE)).toBe(0xffffffff);
    expect(driver.chip.report().misuse).toHaveLength(2);
  });

  it('stays locked without its keys, and until a reset after a wrong one', () => {
    const driver = new Driver('stm32f407vg');
    driver.write(CR, PG32);
    driver.write(BASE, 0);
    expect(driver.read(BASE)).toBe(0xffffffff);
    expect(driver.chip.report().misuse?.[0]).toMatch(/locked/);
    expect(() => driver.write(KEYR, 0x12345678)).toThrow('bus fault');
    expect(() => driver.write(KEYR, 0x45670123)).toThrow('bus fault');
    driver.chip.resetPin(true, driver.now);
    driver.write(KEYR, 0x45670123);
    driver.write(KEYR, 0xcdef89ab);
    expect(driver.read(CR)).toBe(0);
  });

  it('refuses write-protected sectors, and a mass erase while there are any', () => {
    const driver = unlocked();
    setOptions(driver, 0x0ffbaaec);
    driver.write(CR, 0x200 | SER | (2 << 3) | STRT);
    expect(driver.read(SR)).toBe(0x10);
    driver.write(SR, 0x10);
    driver.write(CR, 0x200 | 4 | STRT);
    expect(driver.read(SR)).toBe(0x10);
    driver.write(SR, 0x10);
    driver.write(CR, PG32);
    driver.write(0x08008000, 0);
    expect(driver.read(SR)).toBe(0x10);
    driver.write(SR, 0x10);
    driver.write(0x0800c000, 0);
    expect(driver.read(0x0800c000)).toBe(0);
  });

  it('a power cut leaves what was under way half done', () => {
    const driver = unlocked(7);
    for (let at = BASE; at < BASE + 0x100; at += 4) driver.chip.preload(at, 0);
    driver.write(CR, 0x200 | SER | STRT);
    driver.chip.powerCut(driver.now + 100 * MS);
    const words = Array.from({ length: 64 }, (_, index) => driver.chip.peek(BASE + index * 4) ?? 0);
    expect(new Set(words).size).toBeGreaterThan(32);
    driver.chip.powerCycle(driver.now + 200 * MS);
    expect(driver.read(SR)).toBe(0);
  });
});

describe('read protection of the STM32F407', () => {
  it('level 1 shuts the flash, not RAM; leaving it costs the flash', () => {
    const driver = unlocked();
    driver.chip.preload(BASE, 0x600d600d);
    driver.chip.protect();
    driver.chip.powerCycle(driver.now);
    expect(() => driver.read(BASE)).toThrow('bus fault');
    expect(() => driver.read(0)).toThrow('bus fault');
    driver.write(0x20000000, 5);
    expect(driver.read(0x20000000)).toBe(5);
    // By bytes, as FLASH_CR.PSIZE stands after a reset.
    expect(setOptions(driver, 0x0fffaaec)).toBe(16_000 * MS);
    expect(driver.read(BASE)).toBe(0xffffffff);
  });

  it('level 2 is for ever: no debugger, no way back', () => {
    const driver = unlocked();
    setOptions(driver, 0x0fffccec);
    expect(() => driver.read(0x20000000)).toThrow('bus fault');
    driver.chip.powerCycle(driver.now);
    expect(() => driver.write(OPTKEYR, 0x08192a3b)).toThrow('bus fault');
  });

  it('one-time bytes are programmed once, until their lock byte', () => {
    const driver = unlocked();
    driver.write(CR, PG32);
    driver.write(0x1fff7800, 0x11223344);
    expect(driver.read(0x1fff7800)).toBe(0x11223344);
    driver.write(CR, 1);
    driver.write(0x1fff7a00, 0, 1);
    driver.write(CR, PG32);
    driver.write(0x1fff7804, 0);
    expect(driver.read(SR)).toBe(0x10);
    expect(driver.read(0x1fff7804)).toBe(0xffffffff);
  });

  it('tells who it is, and of another part', () => {
    const driver = new Driver('stm32f407vg');
    expect(driver.read(0xe0042000)).toBe(0x10076413);
    expect(driver.read(0x1fff7a22, 2)).toBe(1024);
    expect([0, 4, 8].map((at) => driver.read(0x1fff7a10 + at))).toEqual([0x11223344, 0x55667788, 0x99aabbcc]);
    expect(new Driver('stm32f407vg', 1, true).read(0xe0042000) & 0xfff).toBe(0x419);
  });
});
