import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashArray } from '#main/bench/flash-array.ts';
import { FlashWork } from '#main/bench/flash-work.ts';
import { Prng } from '#main/bench/prng.ts';
import { NOR_TIMES, NorFlash } from '#main/bench/rp2040/nor-flash.ts';

const BASE = 0x10000000;

class Driver {
  readonly cells = new FlashArray(BASE, 0x200000, { page: 0x1000, writesAllowed: 255 });
  readonly work = new FlashWork(() => undefined);
  readonly flash = new NorFlash({
    cells: this.cells,
    work: this.work,
    prng: new Prng(5),
    uniqueId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    jedecId: [0xef, 0x40, 0x15],
  });
  now = 0;

  /** One command; what comes back for each byte. */
  send(...bytes: number[]): number[] {
    this.flash.select();
    const back = bytes.map((byte) => this.flash.exchange(byte, this.now));
    this.flash.deselect(this.now);
    return back;
  }

  change(ns: number, ...bytes: number[]): void {
    this.send(0x06);
    this.send(...bytes);
    this.now += ns;
    this.work.settle(this.now);
  }

  program(address: number, data: readonly number[]): void {
    this.change(NOR_TIMES.programNs, 0x02, address >> 16, (address >> 8) & 0xff, address & 0xff, ...data);
  }

  read(address: number, size: number): number[] {
    const zeros = Array.from({ length: size }, () => 0);
    return this.send(0x03, address >> 16, (address >> 8) & 0xff, address & 0xff, ...zeros).slice(4);
  }
}

const ones = (size: number): number[] => Array.from({ length: size }, () => 0xff);

describe('a W25Q16JV at byte level', () => {
  it('says who it is', () => {
    const driver = new Driver();
    expect(driver.send(0x9f, 0, 0, 0).slice(1)).toEqual([0xef, 0x40, 0x15]);
    expect(driver.send(0x4b, 0, 0, 0, 0, ...ones(8)).slice(5)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(driver.send(0x5a, 0, 0, 0, 0, ...ones(4)).slice(5)).toEqual([...Buffer.from('SFDP')]);
  });

  it('any series of page programs leaves the AND of them, wrapped in their pages', () => {
    const part = fc.record({
      address: fc.integer({ min: 0x300, max: 0x5ff }),
      data: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const driver = new Driver();
        const expected = ones(0x400);
        for (const { address, data } of parts) {
          driver.program(address, data);
          const page = address & ~0xff;
          // Of more than a page, the last 256 bytes count.
          const image = ones(256);
          for (const [index, byte] of data.entries()) image[(address + index) & 0xff] = byte;
          for (const [index, byte] of image.entries())
            expected[page + index - 0x300] = (expected[page + index - 0x300] ?? 0) & byte;
        }
        expect(driver.read(0x300, 0x400)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('changes nothing without a write enable, and nothing while protected', () => {
    const driver = new Driver();
    driver.send(0x02, 0, 0, 0, 0);
    driver.now += NOR_TIMES.programNs;
    expect(driver.read(0, 1)).toEqual([0xff]);
    expect([...driver.flash.misuse]).toEqual(['command 2 without write enable']);
    driver.flash.protect();
    driver.program(0, [0]);
    expect(driver.read(0, 1)).toEqual([0xff]);
    expect(driver.send(0x05, 0)[1]).toBe(0x1c);
  });

  it('answers nothing but its status while it works, for as long as the data sheet says', () => {
    const driver = new Driver();
    driver.program(0x2000, [0x55]);
    driver.send(0x06);
    driver.send(0x20, 0, 0x20, 0);
    expect(driver.send(0x05, 0, 0).slice(1)).toEqual([3, 3]);
    expect(driver.read(0x2000, 1)).toEqual([0xff]);
    driver.now += NOR_TIMES.sectorNs - 1;
    expect(driver.send(0x05, 0)[1]).toBe(3);
    driver.now += 1;
    expect(driver.send(0x05, 0)[1]).toBe(0);
    expect([...driver.flash.misuse]).toEqual(['command 3 while busy']);
  });

  it.each([
    { command: 0x20, size: 0x1000, ns: NOR_TIMES.sectorNs },
    { command: 0x52, size: 0x8000, ns: NOR_TIMES.block32Ns },
    { command: 0xd8, size: 0x10000, ns: NOR_TIMES.block64Ns },
    { command: 0xc7, size: 0x200000, ns: NOR_TIMES.chipNs },
  ])('command $command erases $size bytes and no more', ({ command, size, ns }) => {
    const driver = new Driver();
    const inside = [0x20000, 0x20000 + size - 4].filter((at) => at < 0x200000);
    const outside = size === 0x200000 ? [] : [0x20000 - 4, 0x20000 + size];
    for (const at of [...inside, ...outside]) driver.cells.program(BASE + at, 0);
    const address = command === 0xc7 ? [] : [2, 0, 8];
    driver.change(ns, command, ...address);
    for (const at of inside) expect(driver.cells.readWord(BASE + at)).toBe(0xffffffff);
    for (const at of outside) expect(driver.cells.readWord(BASE + at)).toBe(0);
  });

  it('tells who programs what was not erased, or beyond a page', () => {
    const driver = new Driver();
    driver.program(0x100, [0x0f]);
    driver.program(0x100, [0xf0]);
    driver.program(0x1ff, [1, 2]);
    expect([...driver.flash.misuse]).toEqual(['page program without erase', 'page program beyond the end of its page']);
  });

  it('an operation that power fails in is half done', () => {
    const driver = new Driver();
    driver.program(
      0x3000,
      Array.from({ length: 256 }, () => 0),
    );
    driver.send(0x06);
    driver.send(0x20, 0, 0x30, 0);
    driver.work.abort(driver.now + NOR_TIMES.sectorNs / 2);
    const left = driver.read(0x3000, 256);
    expect(left.some((byte) => byte !== 0)).toBe(true);
    expect(left.some((byte) => byte !== 0xff)).toBe(true);
  });

  it('a reset needs its two commands in a row', () => {
    const driver = new Driver();
    driver.send(0x06);
    driver.send(0x99);
    expect(driver.send(0x05, 0)[1]).toBe(2);
    driver.send(0x66);
    driver.send(0x99);
    expect(driver.send(0x05, 0)[1]).toBe(0);
  });
});
