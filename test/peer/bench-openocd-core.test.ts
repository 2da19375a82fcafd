import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { Board } from '#main/bench/board.ts';
import { Prng } from '#main/bench/prng.ts';
import { OpenOcd } from '#test/support/openocd.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** OpenOCD waits for erases on the real clock. */
const HASTE = 20;

const CHIPS = [
  {
    chip: 'nrf51822',
    target: 'target/nrf51.cfg',
    core: /Cortex-M0 r0p0 processor detected/,
    points: /4 breakpoints, 2 watchpoints/,
  },
  {
    chip: 'nrf52840',
    target: 'target/nrf52.cfg',
    core: /Cortex-M4 r0p1 processor detected/,
    points: /6 breakpoints, 4 watchpoints/,
  },
] as const;

/** movs r0, #0; movs r1, #10; loop: adds r0, r0, r1; subs r1, #1; bne loop; bkpt; nop */
const SUM = Uint16Array.of(0x2000, 0x210a, 0x1840, 0x3901, 0xd1fc, 0xbe00, 0x46c0);

describe.skipIf(!requirePrograms(['openocd', 'socat'])).each(CHIPS)('OpenOCD runs code on the bench’s $chip', (row) => {
  let board: Board;
  let ocd: OpenOcd;
  const inFolder = (name: string) => ocd.path(name);

  beforeEach(async () => {
    board = createBench({ startAt: 0, seed: 9 }).boardFor(row.chip, 'OCD1');
    ocd = await OpenOcd.on(board, HASTE);
    writeFileSync(inFolder('sum.bin'), new Uint8Array(SUM.buffer));
  });

  afterEach(() => ocd.close());

  function openocd(...commands: string[]): Promise<string> {
    return ocd.run([`source [find ${row.target}]`, 'init', ...commands]);
  }

  it('a program from RAM, by its breakpoint instruction, and step by step', async () => {
    const said = await openocd(
      'halt',
      `load_image ${inFolder('sum.bin')} 0x20000100 bin`,
      'reg pc 0x20000100',
      'reg xpsr 0x01000000',
      'step',
      'reg pc',
      'resume',
      'wait_halt 2000',
      'reg r0',
      'reg pc',
    );
    expect(said).toMatch(row.core);
    expect(said).toMatch(row.points);
    expect(said).toMatch(/pc \(\/32\): 0x20000102/);
    expect(said).toMatch(/r0 \(\/32\): 0x00000037/);
    expect(said).toMatch(/pc \(\/32\): 0x2000010a/);
  });

  it('programs flash by its own loader, which streams through RAM, and checks it by its own CRC there', async () => {
    const image = new Uint8Array(6 * 1024 + 4);
    new Prng(21).scramble(image);
    writeFileSync(inFolder('image.bin'), image);
    const said = await openocd(
      'halt',
      `flash write_image erase ${inFolder('image.bin')} 0x2000 bin`,
      `verify_image ${inFolder('image.bin')} 0x2000 bin`,
    );
    expect(said).toMatch(/wrote \d+ bytes from file .*image\.bin/);
    expect(said).toMatch(/verified 6148 bytes/);
    expect(said).not.toMatch(/not enough working area|falling back/i);
    const words = new DataView(image.buffer);
    for (let at = 0; at < image.length; at += 4) expect(board.chip.peek(0x2000 + at)).toBe(words.getUint32(at, true));
    expect(board.report().overwrittenWords).toEqual([]);
  });

  it('stops firmware at a hardware breakpoint after a reset', async () => {
    const firmware = [0x20001000, 0x00000101];
    for (const [index, word] of firmware.entries()) board.chip.preload(index * 4, word);
    for (let i = 0; i < SUM.length; i += 2) {
      board.chip.preload(0x100 + i * 2, ((SUM[i] ?? 0) | ((SUM[i + 1] ?? 0xffff) << 16)) >>> 0);
    }
    const said = await openocd('reset halt', 'reg pc', 'bp 0x106 2 hw', 'resume', 'wait_halt 2000', 'reg r0', 'reg pc');
    expect(said).toMatch(/pc \(\/32\): 0x00000100/);
    expect(said).toMatch(/r0 \(\/32\): 0x0000000a/);
    expect(said).toMatch(/pc \(\/32\): 0x00000106/);
  });
});
