import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { Board } from '#main/bench/board.ts';
import { Prng } from '#main/bench/prng.ts';
import { OpenOcd } from '#test/support/openocd.ts';
import { requirePrograms } from '#test/support/programs.ts';

describe.skipIf(!requirePrograms(['openocd', 'socat']))('OpenOCD drives the bench bit by bit', () => {
  let board: Board;
  let ocd: OpenOcd;
  const inFolder = (name: string) => ocd.path(name);

  beforeEach(async () => {
    board = createBench({ startAt: 0, seed: 9 }).boardFor('nrf52840', 'OCD1');
    ocd = await OpenOcd.on(board);
  });

  afterEach(() => ocd.close());

  /** What OpenOCD says while it carries these commands out; it exits with the first that fails. */
  function openocd(...commands: string[]): Promise<string> {
    return ocd.run([
      // No code can run on the bench's chip: flash by the controller's registers, word for word.
      'set WORKAREASIZE 0',
      'source [find target/nrf52.cfg]',
      'init',
      ...commands,
    ]);
  }

  it('finds the debug port, the core and the chip', async () => {
    const said = await openocd('halt', 'flash probe 0', 'nrf5 info', 'mdw 0x10000100 2', 'reg r5 0x5eed', 'reg r5');
    expect(said).toMatch(/SWD DPIDR 0x2ba01477/);
    expect(said).toMatch(/Cortex-M4 r0p1 processor detected/);
    expect(said).toMatch(/6 breakpoints, 4 watchpoints/);
    expect(said).toMatch(/nRF52840-xxAA\(build code: C0\) 1024kB Flash, 256kB RAM/);
    expect(said).toMatch(/code page size: 4096B/);
    expect(said).toMatch(/0x10000100: 00052840 41414330/);
    expect(said.match(/r5 \(\/32\): 0x00005eed/g)).toHaveLength(2);
  });

  it('programs and verifies flash and UICR by its own nRF5 driver', async () => {
    const image = new Uint8Array(6 * 1024 + 4);
    new Prng(21).scramble(image);
    writeFileSync(inFolder('image.bin'), image);
    writeFileSync(inFolder('uicr.bin'), Uint8Array.of(0x0d, 0xf0, 0xed, 0xfe));
    board.chip.preload(0x3000, 0);
    const said = await openocd(
      'halt',
      `flash write_image erase ${inFolder('image.bin')} 0x2000 bin`,
      `verify_image ${inFolder('image.bin')} 0x2000 bin`,
      `flash write_image ${inFolder('uicr.bin')} 0x10001080 bin`,
      `dump_image ${inFolder('back.bin')} 0x2000 ${image.length}`,
      'mdw 0x10001080',
    );
    expect(said).toMatch(/wrote \d+ bytes from file .*image\.bin/);
    expect(said).toMatch(/0x10001080: feedf00d/);
    expect(new Uint8Array(readFileSync(inFolder('back.bin')))).toEqual(image);
    expect(board.chip.peek(0x2000)).toBe(new DataView(image.buffer).getUint32(0, true));
    expect(board.report().overwrittenWords).toEqual([]);
  });

  it('knows a locked part, and opens it by the control access port', async () => {
    board.chip.preload(0, 0x20001000);
    board.chip.preload(0x10001208, 0xffffff00);
    board.chip.powerCycle(board.clock.elapsedNs);
    const said = await openocd('nrf52_recover', 'halt', 'mdw 0', 'mdw 0x10001208');
    expect(said).toMatch(/AP lock engaged/);
    expect(said).toMatch(/successfully erased and unlocked/);
    expect(said).toMatch(/0x00000000: ffffffff/);
    expect(said).toMatch(/0x10001208: ffffffff/);
  });

  it('sees a bus fault as a fault, and goes on', async () => {
    const said = await openocd('halt', 'catch {mdw 0x60000000}', 'mdw 0x10000010');
    expect(said).toMatch(/Failed to read memory at 0x60000000/);
    expect(said).toMatch(/0x10000010: 00001000/);
  });
});
