import type { IoContext } from '#shared/base/clock.ts';
import type { UartInterface } from '#shared/model/interfaces/uart.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench, BenchOptions } from '../../bench/bench.ts';
import { pace, PacedClock } from '../../bench/paced-clock.ts';
import { ADAPTER, SerialBenchLink } from '../../bench/uart/serial-bench-link.ts';
import { espUartBench } from '../../bench/uart/esp/esp-bench.ts';
import { stm32UartBench } from '../../bench/uart/stm32-rom/stm32-uart-bench.ts';
import type { UartBench } from '../../bench/uart/uart-bench.ts';
import type { SerialFormat } from '../../link/link.ts';
import { uartOptions } from '../uart-url.ts';
import type { OnBench } from './on-bench.ts';
import { openByUart } from './uart-kinds.ts';

type UartBenchMaker = (bench: Bench, options: BenchOptions) => UartBench;

/** The bench's units with a serial port, by the kind of their boot loader: a new kind is one row. */
const BENCHES: Partial<Record<UartInterface['kind'], UartBenchMaker>> = {
  esp: espUartBench,
  stm32: stm32UartBench,
};

/** All of them, made as they are first asked for. */
export class UartBenches {
  readonly #bench: Bench;
  readonly #options: BenchOptions;
  readonly #made = new Map<UartInterface['kind'], UartBench>();

  constructor(bench: Bench, options: BenchOptions) {
    this.#bench = bench;
    this.#options = options;
  }

  /** Throws `interface-unsupported` where this chip has no boot loader that the bench knows. */
  of(chip: ChipDescription): UartBench {
    const kind = chip.uart?.kind;
    const make = kind && BENCHES[kind];
    if (!make) throw new FlashlineError('interface-unsupported', { params: { interface: 'uart', chip: chip.name } });
    const made = this.#made.get(kind) ?? make(this.#bench, this.#options);
    this.#made.set(kind, made);
    return made;
  }
}

/** Simulated units on a simulated USB serial adapter. `entry=none` has them strapped by the fixture. */
export function onUartBench(options: BenchOptions, bench: Bench): OnBench {
  const benches = new UartBenches(bench, options);
  return ({ faults, serial }, unit) => {
    const { url, chip } = unit;
    const wanted = uartOptions(new URLSearchParams({ ...serial }), url);
    const open = openByUart(unit);
    const plugged = benches.of(chip).plugIn(chip, unit.serial, { faults, strapped: wanted.entry === 'none' });
    const { clock } = plugged;
    const paced = options.pacing && pace(clock, options.pacing);
    const link = new SerialBenchLink({ ...plugged, url, adapter: ADAPTER, pace: paced });
    const port = {
      url,
      options: wanted,
      open: async (format: SerialFormat, io: IoContext) => {
        await link.setFormat(format, io);
        return link;
      },
    };
    return { clock: paced ? new PacedClock(clock, paced) : clock, open: (io) => open(port, unit, io) };
  };
}
