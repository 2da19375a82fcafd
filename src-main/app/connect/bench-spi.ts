import type { BenchOptions } from '../../bench/bench.ts';
import { SpiBench } from '../../bench/spi/spi-bench.ts';
import { openSerprog } from '../../probe/serprog/serprog.ts';
import { openSpiNor } from '../../programmer/spi-nor/open-spi-nor.ts';
import type { OnBench } from './on-bench.ts';

/** Serprog adapters on boards with a serial NOR flash. */
export function onSpiBench(options: BenchOptions): OnBench {
  const bench = new SpiBench(options);
  return ({ chip, faults }, { url, serial, chip: described }) => {
    const { link, clock } = bench.connect(chip, serial, faults, { url });
    return {
      clock,
      open: async (io) => openSpiNor(await openSerprog(link, io), described, io),
    };
  };
}
