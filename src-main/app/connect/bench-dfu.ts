import type { Bench, BenchOptions } from '../../bench/bench.ts';
import { DfuBench } from '../../bench/dfu/dfu-bench.ts';
import { openDfu } from '../../programmer/dfu/open-dfu.ts';
import type { OnBench } from './on-bench.ts';

/** Units in their DFU boot loaders, on the bench's own USB. */
export function onDfuBench(options: BenchOptions, boards: Bench): OnBench {
  const bench = new DfuBench(options, boards);
  return ({ chip, faults }, unit) => {
    const place = bench.connect(chip, unit.serial, { url: unit.url, faults });
    return { clock: place.clock, open: (io) => openDfu(place, unit.chip, io) };
  };
}
