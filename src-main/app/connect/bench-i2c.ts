import type { BenchOptions } from '../../bench/bench.ts';
import { i2cBoard } from '../../bench/ftdi/boards.ts';
import { I2cBench } from '../../bench/i2c/i2c-bench.ts';
import { openFtdiI2c } from '../../probe/ftdi/open-ftdi.ts';
import { ftdiWith } from './bench-ftdi.ts';
import { openI2cChip } from './i2c-chips.ts';
import type { OnBench } from './on-bench.ts';

/** Boards with a chip on an I2C bus, an FT2232H on its wires. */
export function onI2cBench(options: BenchOptions): OnBench {
  const bench = new I2cBench(options);
  return ({ chip, faults }, unit) => {
    const { wire, ...fixture } = bench.insert(chip, unit.serial, faults);
    const { ftdi, clock } = ftdiWith({ url: unit.url, board: i2cBoard(wire), ...fixture }, options.pacing);
    return { clock, open: async (io) => openI2cChip(await openFtdiI2c(ftdi, io), unit.chip, io) };
  };
}
