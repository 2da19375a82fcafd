import type { Clock } from '#shared/base/clock.ts';
import type { Bench } from '../../bench/bench.ts';
import type { FaultPlan } from '../../bench/fault-plan.ts';
import type { Faults } from '../../bench/faults.ts';
import { jtagBoard } from '../../bench/ftdi/boards.ts';
import { FtdiBenchLink } from '../../bench/ftdi/ftdi-bench-link.ts';
import { FtdiChip } from '../../bench/ftdi/ftdi-chip.ts';
import type { MpsseBoard } from '../../bench/ftdi/mpsse-board.ts';
import { pace, PacedClock, type Pacing } from '../../bench/paced-clock.ts';
import type { VirtualClock } from '../../bench/virtual-clock.ts';
import type { FtdiAdapter } from '../../probe/ftdi/open-ftdi.ts';

export interface FtdiOnBench {
  readonly ftdi: FtdiAdapter;
  readonly clock: Clock;
}

interface Wired {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly board: MpsseBoard;
  readonly faults: FaultPlan;
  readonly cutPower: (at: number) => void;
}

/** A simulated FT2232H in this process, with this board on its channel A. */
export function ftdiWith({ url, clock, board, faults, cutPower }: Wired, pacing?: Pacing): FtdiOnBench {
  const paced = pacing && pace(clock, pacing);
  const usb = new FtdiBenchLink({ url, clock, chip: new FtdiChip(board), faults, cutPower, pace: paced });
  const description = { vendor: 'FTDI', product: 'Dual RS232-HS', serial: 'BENCH', firmware: '7.00' };
  return {
    ftdi: { usb, model: 'FT2232H', channel: 'A', layout: 'generic', description },
    clock: paced ? new PacedClock(clock, paced) : clock,
  };
}

/** The JTAG pins of a board of the bench behind one. */
export function ftdiOnBench(
  bench: Bench,
  { chip, faults }: { readonly chip: string; readonly faults: Faults },
  { serial, url }: { readonly serial: string; readonly url: string },
  pacing?: Pacing,
): FtdiOnBench {
  const { board, faults: plan, host } = bench.plugIn(chip, serial, faults);
  const cutPower = (at: number) => host.cutPower(at);
  return ftdiWith({ url, clock: board.clock, board: jtagBoard(board), faults: plan, cutPower }, pacing);
}
