import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { NVMC_TIMES } from '#main/bench/nrf/nvmc.ts';
import { Nrf52840 } from '#main/bench/nrf/nrf52840.ts';

const READY = 0x4001e400;
const READYNEXT = 0x4001e408;
const CONFIG = 0x4001e504;
const ERASEPAGE = 0x4001e508;
const ERASEALL = 0x4001e50c;
const ERASEUICR = 0x4001e514;
const PARTIAL = 0x4001e518;
const PARTIAL_CONFIG = 0x4001e51c;
const APPROTECT = 0x10001208;
const WEN = 1;
const EEN = 2;

/** A chip with a time of its own: every access happens when the one before it let go of the bus. */
class Driver {
  readonly chip: Nrf52840;
  now = 0;

  constructor(seed = 1) {
    this.chip = new Nrf52840({ idWords: [0x11223344, 0x55667788, 3, 4], seed, wrongPart: () => false });
  }

  read(address: number, size: 1 | 2 | 4 = 4): number {
    const result = this.chip.read(address, size, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
    return result.value;
  }

  write(address: number, value: number, size: 1 | 2 | 4 = 4): void {
    const result = this.chip.write(address, size, value, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
  }

  program(address: number, value: number): void {
    this.write(CONFIG, WEN);
    this.write(address, value);
    this.read(address);
  }

  erase(page: number): void {
    this.write(CONFIG, EEN);
    this.write(ERASEPAGE, page);
  }
}

const flashWord = fc.integer({ min: 0, max: 0x3ffff }).map((index) => index * 4);
const word = fc.integer({ min: 0, max: 0xffffffff });

describe('writing flash', () => {
  it('any series of enabled writes leaves the AND of them', () => {
    fc.assert(
      fc.property(flashWord, fc.array(word, { minLength: 1, maxLength: 4 }), (address, values) => {
        const driver = new Driver();
        for (const value of values) driver.program(address, value);
        expect(driver.read(address)).toBe(values.reduce((all, value) => (all & value) >>> 0, 0xffffffff));
        expect(driver.chip.report().overwrittenWords).toEqual(values.length > 2 ? [address] : []);
      }),
      { numRuns: 50 },
    );
  });

  it('needs CONFIG.WEN: read-only and erase mode change nothing', () => {
    for (const mode of [0, EEN, WEN | EEN]) {
      const driver = new Driver();
      driver.write(CONFIG, mode);
      driver.write(0x1000, 0);
      expect(driver.read(0x1000)).toBe(0xffffffff);
      expect(driver.now).toBe(0);
    }
  });

  it('takes whole words only', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    expect(() => driver.write(0x1001, 0, 1)).toThrow('bus fault');
    expect(() => driver.write(0x1002, 0, 2)).toThrow('bus fault');
    expect(driver.read(0x1000)).toBe(0xffffffff);
  });

  it('takes 41 us a word: READY says so, READYNEXT takes one more, a third holds the bus', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    driver.write(0x2000, 1);
    expect([driver.read(READY), driver.read(READYNEXT)]).toEqual([0, 1]);
    driver.write(0x2004, 2);
    expect([driver.now, driver.read(READYNEXT)]).toEqual([0, 0]);
    driver.write(0x2008, 3);
    expect(driver.now).toBe(NVMC_TIMES.writeNs);
    expect(driver.read(0x2008)).toBe(3);
    expect(driver.now).toBe(3 * 41_000);
    expect(driver.read(READY)).toBe(1);
  });

  it('reading flash while it is busy waits for the end', () => {
    const driver = new Driver();
    driver.erase(0x3000);
    expect(driver.read(READY)).toBe(0);
    expect(driver.now).toBe(0);
    driver.read(0x8000);
    expect(driver.now).toBe(85_000_000);
  });
});

describe('erasing', () => {
  it('clears one page of 4 KiB and forgets how often its words were written', () => {
    const driver = new Driver();
    for (const address of [0x4ffc, 0x5000, 0x5ffc, 0x6000]) {
      for (let i = 0; i < 3; i++) driver.program(address, 0);
    }
    driver.erase(0x5000);
    expect([0x4ffc, 0x5000, 0x5ffc, 0x6000].map((address) => driver.read(address))).toEqual([
      0, 0xffffffff, 0xffffffff, 0,
    ]);
    expect(driver.chip.report().overwrittenWords).toEqual([0x4ffc, 0x6000]);
  });

  it('needs CONFIG.EEN, and is lost while the controller is busy', () => {
    const driver = new Driver();
    driver.program(0x5000, 0);
    driver.write(ERASEPAGE, 0x5000);
    expect([driver.read(READY), driver.read(0x5000)]).toEqual([1, 0]);
    driver.erase(0x7000);
    driver.write(ERASEPAGE, 0x5000);
    expect(driver.read(0x5000)).toBe(0);
  });

  it('ERASEALL takes flash and UICR in 169 ms, ERASEUICR the UICR alone in 85 ms', () => {
    const driver = new Driver();
    driver.program(0xff000, 0);
    driver.program(0x10001080, 0);
    driver.write(CONFIG, EEN);
    let from = driver.now;
    driver.write(ERASEUICR, 1);
    expect([driver.read(0x10001080), driver.now - from]).toEqual([0xffffffff, 85_000_000]);
    expect(driver.read(0xff000)).toBe(0);
    driver.program(0x10001080, 0);
    driver.write(CONFIG, EEN);
    from = driver.now;
    driver.write(ERASEALL, 1);
    expect([driver.read(0xff000), driver.read(0x10001080)]).toEqual([0xffffffff, 0xffffffff]);
    expect(driver.now - from).toBe(169_000_000);
  });

  it('partial erases add up to a page erase, and leave the page undefined until then', () => {
    const driver = new Driver();
    for (let i = 0; i < 64; i++) driver.program(0x9000 + 4 * i, 0);
    driver.write(CONFIG, EEN);
    driver.write(PARTIAL_CONFIG, 50);
    driver.write(PARTIAL, 0x9000);
    const half = Array.from({ length: 64 }, (_, i) => driver.read(0x9000 + 4 * i));
    expect(half.some((value) => value !== 0 && value !== 0xffffffff)).toBe(true);
    driver.write(PARTIAL, 0x9000);
    expect(Array.from({ length: 64 }, (_, i) => driver.read(0x9000 + 4 * i))).toEqual(Array(64).fill(0xffffffff));
  });
});

describe('power and protection', () => {
  it('a power cut in an erase leaves the page half erased; in a word, half written; nothing beside it changes', () => {
    const driver = new Driver();
    for (let i = 0; i < 64; i++) driver.program(0xa000 + 4 * i, 0);
    driver.program(0xb000, 0);
    driver.erase(0xa000);
    driver.chip.powerCut(driver.now + 40_000_000);
    driver.chip.powerOn();
    const words = Array.from({ length: 64 }, (_, i) => driver.read(0xa000 + 4 * i));
    expect(words.some((value) => value !== 0)).toBe(true);
    expect(words.some((value) => value !== 0xffffffff)).toBe(true);
    expect([driver.read(0xb000), driver.read(CONFIG)]).toEqual([0, 0]);

    driver.write(CONFIG, WEN);
    driver.write(0xc000, 0);
    driver.chip.powerCut(driver.now + 20_000);
    driver.chip.powerOn();
    expect(driver.read(0xc000)).not.toBe(0);
    expect(driver.read(0xc000)).not.toBe(0xffffffff);
  });

  it('a power cut comes also to an erase that a read is waiting for', () => {
    const driver = new Driver();
    for (let i = 0; i < 64; i++) driver.program(0xa000 + 4 * i, 0);
    driver.erase(0xa000);
    const cut = driver.now + 30_000_000;
    driver.chip.supplyFailsAt = cut;
    driver.read(0xa000);
    driver.chip.powerCut(cut);
    driver.chip.powerOn();
    expect(
      Array.from({ length: 64 }, (_, i) => driver.read(0xa000 + 4 * i)).every((value) => value === 0xffffffff),
    ).toBe(false);
  });

  it('RAM does not outlive a power cycle, flash does', () => {
    const driver = new Driver();
    driver.write(0x20000000, 0x1234);
    driver.program(0, 0x5678);
    driver.chip.powerCycle(driver.now);
    expect(driver.read(0x20000000)).not.toBe(0x1234);
    expect(driver.read(0)).toBe(0x5678);
  });

  it('APPROTECT works from the next reset on, and then blocks ERASEUICR', () => {
    const driver = new Driver();
    driver.program(APPROTECT, 0xffffff00);
    expect(driver.chip.protectionOn).toBe(false);
    driver.write(0xe000ed0c, 0x05fa0004);
    expect(driver.chip.protectionOn).toBe(true);
    driver.write(CONFIG, EEN);
    driver.write(ERASEUICR, 1);
    expect(driver.read(APPROTECT)).toBe(0xffffff00);
  });

  it('nRESET resets only a part whose two PSELRESET agree on a pin', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    driver.chip.resetPin(true, driver.now);
    expect(driver.read(CONFIG)).toBe(WEN);
    driver.program(0x10001200, 18);
    driver.program(0x10001204, 18);
    driver.chip.resetPin(true, driver.now);
    expect(driver.read(CONFIG)).toBe(0);
  });
});

describe('what identifies it', () => {
  it('FICR tells part, pages and device id, and cannot be written', () => {
    const driver = new Driver();
    driver.write(CONFIG, WEN);
    driver.write(0x10000100, 0);
    expect([0x10000100, 0x10000010, 0x10000014, 0x10000060, 0x10000064].map((address) => driver.read(address))).toEqual(
      [0x52840, 0x1000, 256, 0x11223344, 0x55667788],
    );
  });

  it('faults where there is nothing', () => {
    const driver = new Driver();
    for (const address of [0x00100000, 0x1fff0000, 0x20040000, 0x60000000]) {
      expect(() => driver.read(address)).toThrow('bus fault');
      expect(() => driver.write(address, 0)).toThrow('bus fault');
    }
  });
});
