import type { Interface } from '#shared/model/recipe.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Bench, type BenchOptions, createBench } from '../../bench/bench.ts';
import { parseBenchUrl } from '../../bench/parse-bench-url.ts';
import { openCmsisDapJtag } from '../../probe/cmsis-dap/cmsis-dap-jtag.ts';
import { openCmsisDap } from '../../probe/cmsis-dap/cmsis-dap.ts';
import type { ConnectRequest } from '../../programmer/programmer.ts';
import { openAdiTarget } from '../../target/open-adi.ts';
import { openFtdi, openFtdiJtag } from '../../probe/ftdi/open-ftdi.ts';
import { realClock } from '../compose-home.ts';
import { onDfuBench } from './bench-dfu.ts';
import { onSpiBench } from './bench-spi.ts';
import { onUartBench } from './bench-uart.ts';
import { onHf2Bench, onUf2Bench } from './bench-uf2.ts';
import { ftdiOnBench } from './bench-ftdi.ts';
import { onI2cBench } from './bench-i2c.ts';
import type { OnBench } from './on-bench.ts';
import type { ProbeWay } from './way.ts';

/** The same boards get the same hardware ids, run after run, whoever offers them. */
export const BENCH_SEED = 1;

/**
 * Boards live as long as the connector: those of chips with a debug port in `bench`, the same by whichever interface, others
 * in their interface's own part.
 */
const BENCHES: Partial<Record<Interface, (options: BenchOptions, bench: Bench) => OnBench>> = {
  swd: (options, bench) => onDebugBench(bench, options),
  uart: onUartBench,
  dfu: onDfuBench,
  uf2: onUf2Bench,
  hf2: onHf2Bench,
  spi: onSpiBench,
  i2c: onI2cBench,
};

/** The virtual bench; `pace`: its virtual seconds to a real one, null where virtual time costs no real time. */
export function benchWay(pace: number | null): ProbeWay {
  const options = benchOptions(pace);
  const boards = createBench(options);
  const opened = new Map<Interface, OnBench>();
  const benchFor = (via: Interface, { chip }: ConnectRequest): OnBench => {
    // The same boards, whichever of the debug port's wires.
    const room = via === 'jtag' ? 'swd' : via;
    const open = BENCHES[room];
    if (!open) throw new FlashlineError('interface-unsupported', { params: { interface: via, chip: chip.name } });
    const bench = opened.get(room) ?? open(options, boards);
    opened.set(room, bench);
    return bench;
  };
  return {
    prefix: 'bench:',
    forms: 'bench:<chip>',
    interfaces: ['swd', 'jtag', 'uart', 'dfu', 'uf2', 'hf2', 'spi', 'i2c'],
    parse(url) {
      const address = parseBenchUrl(url);
      return (unit) => benchFor(unit.interface, unit)(address, unit);
    },
    jtagPins(url, serial) {
      const { chip, probe, faults, adapter } = parseBenchUrl(url);
      if (adapter) {
        const { ftdi, clock } = ftdiOnBench(createBench(options), { chip, faults }, { serial, url }, options.pacing);
        return { clock, open: (io) => openFtdiJtag(ftdi, io) };
      }
      const { link, clock } = createBench(options).connect(chip, serial, faults, { probe, url });
      return { clock, open: (io) => openCmsisDapJtag(link, io) };
    },
  };
}

export function benchOptions(pace: number | null): BenchOptions {
  return {
    startAt: () => realClock.now(),
    seed: BENCH_SEED,
    ...(pace === null ? {} : { pacing: { real: realClock, factor: pace } }),
  };
}

/** CMSIS-DAP probes on boards with a debug port. */
function onDebugBench(bench: Bench, { pacing }: BenchOptions): OnBench {
  return ({ chip, faults, probe, adapter }, unit) => {
    if (adapter) {
      const { ftdi, clock } = ftdiOnBench(bench, { chip, faults }, unit, pacing);
      return { clock, open: async (io) => openAdiTarget(await openFtdi(ftdi, io), unit, io) };
    }
    const { link, clock } = bench.connect(chip, unit.serial, faults, { probe, url: unit.url });
    return { clock, open: async (io) => openAdiTarget(await openCmsisDap(link, io), unit, io) };
  };
}
