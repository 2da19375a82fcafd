import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toFailure } from '#shared/model/failure.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Board } from '#main/bench/board.ts';
import type { ChipKind } from '#main/bench/chip.ts';
import { CHIPS } from '#main/bench/chips.ts';
import type { Faults } from '#main/bench/faults.ts';
import { serveBitbang } from '#main/bench/jtag/remote-bitbang.ts';
import type { TcpServer } from '#main/bench/tcp-server.ts';
import { playSvf } from '#main/programmer/svf-player.ts';
import { BenchJtagPort } from '#test/support/bench-jtag-port.ts';
import { cpldSvf, type CpldProgram } from '#test/support/cpld-svf.ts';
import { JtagChip } from '#test/support/jtag-chip.ts';
import { openocdOverBitbang } from '#test/support/openocd-bitbang.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** As OpenOCD's own stm32f4x.cfg declares them: the one nearest to TDO first. */
const TAPS = [
  'jtag newtap chip cpu -irlen 4 -ircapture 0x1 -irmask 0xf -expected-id 0x4ba00477',
  'jtag newtap chip bs -irlen 5 -expected-id 0x06413041',
];
const CORTEX_M = [
  ...TAPS,
  'dap create chip.dap -chain-position chip.cpu',
  'target create chip.core cortex_m -dap chip.dap',
  'init',
];

/** The CPLD's own: eight bits of instruction. */
const CPLD_TAP = 'jtag newtap bench cpld -irlen 8 -expected-id 0x1c064f4b';
const ROWS = Array.from({ length: 12 }, (_, row) => (0xa5a50000 + 77 * row).toString(16).toUpperCase().repeat(4));

/** One file, what is wrong with the unit, and where a player must stop; null if it passes. */
interface SvfCase {
  readonly name: string;
  readonly program: CpldProgram;
  readonly edit?: (text: string) => string;
  readonly faults?: Faults;
  readonly passes: boolean;
}

const SVF_CASES: readonly SvfCase[] = [
  { name: 'as it should be', program: { rows: ROWS }, passes: true },
  {
    name: 'a cell that is stuck',
    program: { rows: ROWS },
    faults: [{ kind: 'stuck-bit', address: 36, bit: 0, value: 1 }],
    passes: false,
  },
  {
    name: 'another content expected',
    program: { rows: ROWS, expected: [...ROWS.slice(0, 11), 'F'.repeat(32)] },
    passes: false,
  },
  {
    name: 'the wrong part',
    program: { rows: ROWS },
    edit: (text) => text.replace('TDO (1C064F4B)', 'TDO (1C065F4B)'),
    passes: false,
  },
  {
    name: 'a difference that the mask leaves out',
    program: { rows: ROWS },
    edit: (text) => text.replace('TDO (1C064F4B)', 'TDO (2C064F4B)'),
    passes: true,
  },
  {
    name: 'padding before and after, pauses between',
    program: { rows: ROWS },
    edit: (text) =>
      text.replace(
        'STATE IDLE;',
        'STATE IDLE;\nHIR 0; TIR 0; HDR 0; TDR 0;\nENDIR IRPAUSE; ENDDR DRPAUSE;\nSTATE IDLE DRSELECT DRCAPTURE DREXIT1 DRPAUSE;\nSTATE IDLE;\nENDIR IDLE; ENDDR IDLE;',
      ),
    passes: true,
  },
  {
    name: 'a syntax error',
    program: { rows: ROWS },
    edit: (text) => text.replace('2.0E-3 SEC', '2.0E-3 SEX'),
    passes: false,
  },
];

describe.skipIf(!requirePrograms(['openocd']))('OpenOCD on the pins of the bench', () => {
  let server: TcpServer;

  async function offer(kind: ChipKind, faults: Faults = []): Promise<Board> {
    const board = new Board({ serial: 'OCD', kind, seed: 9, startAt: 0 });
    board.insert(faults);
    server = await serveBitbang({ board, port: 0 });
    return board;
  }

  afterEach(() => server.close());

  describe('with a Cortex-M behind a JTAG-DP', () => {
    beforeEach(async () => {
      await offer({ make: (factory) => new JtagChip(factory) });
    });

    it('scans the chain: both IDCODEs, instruction registers as declared', async () => {
      const { said, failed } = await openocdOverBitbang(server.port, [...TAPS, 'init', 'scan_chain']);
      expect(failed).toBe(false);
      expect(said).toMatch(/chip\.cpu tap\/device found: 0x4ba00477/);
      expect(said).toMatch(/chip\.bs tap\/device found: 0x06413041/);
      expect(said).not.toMatch(/UNEXPECTED|IR capture error|interrogation failed/i);
    });

    it('finds them by itself', async () => {
      const { said } = await openocdOverBitbang(server.port, ['init']);
      expect(said).toMatch(/AUTO auto0\.tap .*-irlen 4 -expected-id 0x4ba00477/);
      expect(said).toMatch(/AUTO auto1\.tap .*-irlen 5 -expected-id 0x06413041/);
    });

    it('drives the debug port: access ports, memory, a fault and what comes after it', async () => {
      const { said, failed } = await openocdOverBitbang(server.port, [
        ...CORTEX_M,
        'dap info',
        'mww 0x20000000 0xcafe1234 3',
        'mwb 0x20000005 0x77',
        'mdw 0x20000000 3',
        'catch {mdw 0x60000000}',
        'mdw 0x20000000',
        'chip.dap apreg 1 0xfc',
        'halt',
        'reg r5 0x5eed',
        'reg r5',
      ]);
      expect(said).toMatch(/AP ID register 0x24770011/);
      expect(said).toMatch(/Type is MEM-AP AHB3/);
      expect(said).toMatch(/0x20000000: cafe1234 cafe7734 cafe1234/);
      expect(said).toMatch(/Failed to read memory at 0x60000000/);
      expect(said.match(/0x20000000: cafe1234/g)).toHaveLength(2);
      expect(said).toMatch(/0x02880000/);
      expect(said.match(/r5 \(\/32\): 0x00005eed/g)).toHaveLength(2);
      expect(failed).toBe(false);
    });
  });

  it('programs an STM32F407 by its own description of it and its own flash driver, and runs code in its RAM', async () => {
    const kind = CHIPS['stm32f407vg'];
    if (!kind) throw new Error('no STM32F407 on the bench');
    const board = await offer(kind);
    const { said, failed } = await openocdOverBitbang(server.port, [
      // Word for word by the controller's registers.
      'set WORKAREASIZE 0',
      'source [find target/stm32f4x.cfg]',
      'init',
      'halt',
      'flash probe 0',
      'flash erase_sector 0 1 1',
      'flash fillw 0x08004000 0x600df00d 16',
      'mdw 0x08004000 17',
      // adds r0, #1; bkpt
      'mww 0x20000000 0xbe003001',
      'reg pc 0x20000000',
      'reg xPSR 0x01000000',
      'reg r0 0x5eed',
      'resume',
      'wait_halt 3000',
      'reg r0',
    ]);
    expect(failed).toBe(false);
    expect(said).toMatch(/stm32f4x\.cpu tap\/device found: 0x4ba00477/);
    expect(said).toMatch(/stm32f4x\.bs tap\/device found: 0x06413041/);
    expect(said).toMatch(/device id = 0x10076413/);
    expect(said).toMatch(/0x08004040: ffffffff/);
    expect(said).toMatch(/r0 \(\/32\): 0x00005eee/);
    expect(board.chip.peek(0x08004000)).toBe(0x600df00d);
    expect(board.chip.peek(0x0800403c)).toBe(0x600df00d);
  });

  describe('with the CPLD', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'flashline-svf-'));
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it.each(SVF_CASES)('its own SVF player and ours agree: $name', async ({ program, edit, faults = [], passes }) => {
      const kind = CHIPS['cpld'];
      if (!kind) throw new Error('no CPLD on the bench');
      const plain = cpldSvf(program).text;
      const text = edit ? edit(plain) : plain;
      const file = join(folder, 'cpld.svf');
      writeFileSync(file, text);
      const theirs = await offer(kind, faults);
      const { said, failed } = await openocdOverBitbang(server.port, [CPLD_TAP, 'init', `svf ${file} quiet`]);
      const ours = new Board({ serial: 'OCD', kind, seed: 9, startAt: 0 });
      ours.insert(faults);
      const playing = playSvf(
        [new TextEncoder().encode(text)],
        new BenchJtagPort(ours),
        { file, maxHz: 4_000_000 },
        {
          clock: ours.clock,
          signal: new AbortController().signal,
        },
      );
      expect(!failed && /svf file programmed successfully/.test(said)).toBe(passes);
      const failure = await playing.then(() => undefined, toFailure);
      expect(failure === undefined).toBe(passes);
      const [, line] = /tdo check error at line (\d+)/.exec(said) ?? [];
      // OpenOCD names the line on which a statement ends, we the one on which it begins; they span two at most.
      const apart = line === undefined ? 0 : Number(line) - (failure?.where.line ?? 0);
      expect([0, 1]).toContain(apart);
      expect(line !== undefined).toBe(failure?.code === 'svf-mismatch');
      if (!passes) return;
      for (let address = 0; address < 1024; address += 4) {
        expect(ours.chip.peek(address)).toBe(theirs.chip.peek(address));
      }
      expect(ours.chip.peek(0)).toBe(0xa5a50000);
    });
  });
});
