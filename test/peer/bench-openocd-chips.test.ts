import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { Board } from '#main/bench/board.ts';
import { Prng } from '#main/bench/prng.ts';
import { OpenOcd } from '#test/support/openocd.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Erases take up to eight seconds of the chip's time. */
const HASTE = 20;

interface Row {
  readonly chip: string;
  readonly target: string;
  /** What OpenOCD calls the chip, from its own reading of it. */
  readonly probed: RegExp;
  readonly core: RegExp;
  /** Where the image goes, past two pages' ends, and how long it is. */
  readonly image: { readonly address: number; readonly size: number };
  /** First and last erase sector of OpenOCD's that the image touches. */
  readonly sectors: readonly [number, number];
  /** Whether OpenOCD's own loader is to run on the bench's core, which knows the instructions of ARMv6-M only. */
  readonly workArea: boolean;
  /** Configuration that this takes beside the target's own file. */
  readonly extra?: readonly string[];
  /** What OpenOCD does with a part that is shut when it comes; its flash is blank after the next power-up. */
  readonly unlock: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    chip: 'stm32f407vg',
    target: 'target/stm32f4x.cfg',
    probed: /device id = 0x10076413[^]*flash size = 1024 KiB/,
    core: /Cortex-M4 r0p1 processor detected/,
    image: { address: 0x0800ff00, size: 0x204 },
    sectors: [3, 4],
    workArea: false,
    unlock: ['reset halt', 'stm32f2x unlock 0'],
  },
  {
    chip: 'stm32g071rb',
    target: 'target/stm32g0x.cfg',
    probed: /device idcode = 0x20006460 \(STM32G07[^]*RDP level 0 \(0xAA\)[^]*flash size = 128 KiB/,
    core: /Cortex-M0\+ r0p1 processor detected/,
    image: { address: 0x08000700, size: 0x1208 },
    sectors: [0, 3],
    workArea: true,
    unlock: ['reset halt', 'stm32l4x unlock 0'],
  },
  {
    chip: 'atsamd21g18a',
    target: 'target/at91samdXX.cfg',
    probed: /SAMD MCU: SAMD21G18A \(256KB Flash, 32KB RAM\)/,
    core: /Cortex-M0\+ r0p1 processor detected/,
    image: { address: 0x3fc0, size: 0x204 },
    sectors: [63, 65],
    workArea: true,
    // A shut part's core cannot be examined, so its memory is reached by the access port alone: the device service unit's
    // external registers, chip erase in CTRL and done in STATUSA. The refused read before is told of late, hence twice.
    extra: ['target create shut mem_ap -dap at91samd.dap -ap-num 0'],
    unlock: [
      'targets shut',
      'catch {mdw 0x3fc0}',
      'catch {mwb 0x41002100 0x10}',
      'mwb 0x41002100 0x10',
      'sleep 50',
      'mdb 0x41002101',
    ],
  },
];

describe.skipIf(!requirePrograms(['openocd', 'socat'])).each(ROWS)('OpenOCD drives the bench’s $chip', (row) => {
  let board: Board;
  let ocd: OpenOcd;
  const inFolder = (name: string) => ocd.path(name);
  const { address } = row.image;

  beforeEach(async () => {
    board = createBench({ startAt: 0, seed: 9 }).boardFor(row.chip, 'OCD1');
    ocd = await OpenOcd.on(board, HASTE);
  });

  afterEach(() => ocd.close());

  /** What OpenOCD says while it carries these commands out; it exits with the first that fails. */
  function openocd(commands: readonly string[], extra: readonly string[] = []): Promise<string> {
    return ocd.run([
      ...(row.workArea ? [] : ['set WORKAREASIZE 0']),
      `source [find ${row.target}]`,
      ...extra,
      'init',
      ...commands,
    ]);
  }

  it('probes, erases, programs and verifies', async () => {
    const image = new Uint8Array(row.image.size);
    new Prng(21).scramble(image);
    writeFileSync(inFolder('image.bin'), image);
    board.chip.preload(address, 0);
    const said = await openocd([
      'reset halt',
      'flash probe 0',
      `flash erase_sector 0 ${row.sectors[0]} ${row.sectors[1]}`,
      `flash write_image ${inFolder('image.bin')} ${address} bin`,
      `verify_image ${inFolder('image.bin')} ${address} bin`,
      `dump_image ${inFolder('back.bin')} ${address} ${image.length}`,
    ]);
    expect(said).toMatch(row.core);
    expect(said).toMatch(row.probed);
    expect(said).toMatch(/verified \d+ bytes/);
    expect(new Uint8Array(readFileSync(inFolder('back.bin')))).toEqual(image);
    expect(board.chip.peek(address)).toBe(new DataView(image.buffer).getUint32(0, true));
    expect(board.report()).toMatchObject({ overwrittenWords: [], misuse: [] });
  });
  it('finds it shut, and opens it', async () => {
    board.chip.preload(address, 0x600d600d);
    board.chip.protect();
    board.chip.powerCycle(board.clock.elapsedNs);
    const said = await openocd([`catch {mdw ${address}}`, ...row.unlock], row.extra);
    expect(said).toMatch(/Failed to read memory at/);
    board.chip.powerCycle(board.clock.elapsedNs);
    expect(await openocd(['reset halt', `mdw ${address}`])).toMatch(/: ffffffff/);
    expect(board.report().misuse).toEqual([]);
  });
});
