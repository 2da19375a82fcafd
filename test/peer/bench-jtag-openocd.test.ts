import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Board } from '#main/bench/board.ts';
import type { ChipKind } from '#main/bench/chip.ts';
import { serveBitbang, type BitbangServer } from '#main/bench/jtag/remote-bitbang.ts';
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

describe.skipIf(!requirePrograms(['openocd']))('OpenOCD on the pins of the bench', () => {
  let server: BitbangServer;

  async function offer(kind: ChipKind): Promise<Board> {
    const board = new Board({ serial: 'OCD', kind, seed: 9, startAt: 0 });
    board.insert([]);
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
});
