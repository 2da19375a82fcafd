import { describe, expect, it } from 'vitest';
import { Nrf51822 } from '#main/bench/nrf/nrf51822.ts';

const READY = 0x4001e400;
const CONFIG = 0x4001e504;
const ERASEPAGE = 0x4001e508;
const ERASEALL = 0x4001e50c;
const RBPCONF = 0x10001004;
const WEN = 1;
const EEN = 2;

class Driver {
  readonly chip: Nrf51822;
  now = 0;

  constructor(wrong = false) {
    this.chip = new Nrf51822({ idWords: [0x11223344, 0x55667788, 3, 4], seed: 1, wrongPart: () => wrong });
  }

  read(address: number): number {
    const result = this.chip.read(address, 4, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
    return result.value;
  }

  write(address: number, value: number): void {
    const result = this.chip.write(address, 4, value, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
  }

  busy(): number {
    const from = this.now;
    while (this.read(READY) === 0) this.now += 1000;
    return this.now - from;
  }
}

describe('the nRF51822', () => {
  it('says who it is', () => {
    const driver = new Driver();
    expect([0x10, 0x14, 0x60, 0x64].map((offset) => driver.read(0x10000000 + offset))).toEqual([
      0x400, 0x100, 0x11223344, 0x55667788,
    ]);
    expect(driver.read(0xe000ed00)).toBe(0x410cc200);
    expect(new Driver(true).read(0x10000014)).not.toBe(0x100);
  });

  it('erases pages of 1 KiB, each in its time, and programs words', () => {
    const driver = new Driver();
    for (const at of [0x3fc, 0x400, 0x7fc, 0x800]) driver.chip.preload(at, 0);
    driver.write(CONFIG, EEN);
    driver.write(ERASEPAGE, 0x400);
    expect(driver.busy()).toBeCloseTo(21e6, -4);
    expect([0x3fc, 0x400, 0x7fc, 0x800].map((at) => driver.read(at))).toEqual([0, 0xffffffff, 0xffffffff, 0]);
    driver.write(CONFIG, WEN);
    driver.write(0x400, 0x1234);
    expect(driver.busy()).toBeCloseTo(46.3e3, -4);
    expect(driver.read(0x400)).toBe(0x1234);
  });

  it('a second write waits for the first: nothing is buffered', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    driver.write(0x400, 0);
    const before = driver.now;
    driver.write(0x404, 0);
    expect(driver.now - before).toBe(46_300);
  });

  it('readback protection hides code memory from the next reset on, until everything is erased', () => {
    const driver = new Driver();
    driver.chip.preload(0x100, 0x600d);
    driver.chip.protect();
    expect(driver.read(0x100)).toBe(0x600d);
    driver.chip.powerCycle(driver.now);
    expect(driver.read(0x100)).toBe(0);
    expect(driver.read(RBPCONF) & 0xff00).toBe(0);
    driver.write(CONFIG, WEN);
    driver.write(0x100, 0);
    expect(driver.chip.peek(0x100)).toBe(0x600d);
    driver.write(CONFIG, EEN);
    driver.write(ERASEALL, 1);
    driver.busy();
    driver.chip.powerCycle(driver.now);
    expect([driver.read(0x100), driver.read(RBPCONF)]).toEqual([0xffffffff, 0xffffffff]);
  });

  it('an erase that power fails in is half done', () => {
    const driver = new Driver();
    for (let at = 0; at < 0x400; at += 4) driver.chip.preload(at, 0);
    driver.write(CONFIG, EEN);
    driver.write(ERASEPAGE, 0);
    driver.chip.powerCut(driver.now + 10e6);
    const words = Array.from({ length: 0x100 }, (_, index) => driver.chip.peek(index * 4));
    expect(words.some((word) => word !== 0) && words.some((word) => word !== 0xffffffff)).toBe(true);
  });

  it('counts writes beyond what the manual allows', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    for (const value of [0xffff, 0xff, 0xf]) driver.write(0x400, value);
    driver.busy();
    expect(driver.chip.report().overwrittenWords).toEqual([0x400]);
  });
});
