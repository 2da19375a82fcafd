import type { IoContext } from '#shared/base/clock.ts';
import { ftdiWith } from '#main/app/connect/bench-ftdi.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { i2cBoard } from '#main/bench/ftdi/boards.ts';
import { type MpsseBoard } from '#main/bench/ftdi/mpsse-board.ts';
import type { I2cFixture } from '#main/bench/i2c/i2c-bench.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { I2cPort } from '#main/probe/i2c-port.ts';
import { type FtdiAdapter, openFtdiI2c } from '#main/probe/ftdi/open-ftdi.ts';

/** An FT2232H with this board on it, on a clock of its own. */
export function ftdiRig(
  board: MpsseBoard,
  faults: Faults = [],
): { readonly ftdi: FtdiAdapter; readonly io: IoContext } {
  const clock = new VirtualClock(0);
  const plan = new FaultPlan(faults, 0);
  const { ftdi } = ftdiWith({ url: 'bench', clock, board, faults: plan, cutPower: () => undefined });
  return { ftdi, io: { clock, signal: new AbortController().signal } };
}

export function ftdiI2cPort({ wire, ...fixture }: I2cFixture, io: IoContext): Promise<I2cPort> {
  return openFtdiI2c(ftdiWith({ url: 'bench', board: i2cBoard(wire), ...fixture }).ftdi, io);
}
