import type { BenchOptions } from '../../bench/bench.ts';
import { Uf2Bench } from '../../bench/uf2/uf2-bench.ts';
import { openHf2 } from '../../programmer/hf2/open-hf2.ts';
import { openUf2 } from '../../programmer/uf2/open-uf2.ts';
import type { BenchAddress } from '../../bench/parse-bench-url.ts';
import type { Connection, ConnectRequest } from '../../programmer/programmer.ts';

type OnBench = (address: BenchAddress, unit: ConnectRequest) => Connection;

/** Boards in their UF2 boot loaders, by the drive. */
export function onUf2Bench(options: BenchOptions): OnBench {
  const bench = new Uf2Bench(options);
  return ({ chip, faults }, unit) => {
    const { drive, clock } = bench.drive(chip, unit.serial, faults, unit.url);
    return { clock, open: (io) => openUf2(drive, unit.chip, io) };
  };
}

/** And by HF2. */
export function onHf2Bench(options: BenchOptions): OnBench {
  const bench = new Uf2Bench(options);
  return ({ chip, faults }, unit) => {
    const { link, clock, loader } = bench.hf2(chip, unit.serial, faults, unit.url);
    const isBack = () => Promise.resolve(loader.running === 'boot-loader');
    return { clock, open: (io) => openHf2({ link, chip: unit.chip, isBack }, io) };
  };
}
