import type { Clock, IoContext } from '#shared/base/clock.ts';
import { chipBy, type ChipDescription } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { ADAPTER, SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
import { stm32UartBench } from '#main/bench/uart/stm32-rom/stm32-uart-bench.ts';
import type { SerialFormat, SerialLink } from '#main/link/link.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import { openStm32Uart } from '#main/programmer/stm32-uart/open-stm32-uart.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import type { Identity } from '#main/target/target.ts';

export interface UartOptions {
  readonly faults?: Faults;
  readonly entry?: string;
  readonly baud?: number;
  readonly parity?: SerialFormat['parity'];
  readonly serial?: string;
  /** What the driver is to see instead of the link. */
  readonly wrap?: (link: SerialLink) => SerialLink;
}

export interface PluggedUnit {
  readonly clock: Clock;
  readonly io: IoContext;
  readonly open: () => Promise<Programmer>;
}

/** The unit in a fixture, its power just up; nothing was sent yet. */
export function plugUart(bench: Bench, chip: ChipDescription, options: UartOptions = {}): PluggedUnit {
  const { faults = [], entry, baud, parity, serial = 'A', wrap = (same) => same } = options;
  const plugged = stm32UartBench(bench).plugIn(chip, serial, { faults, strapped: entry === 'none' });
  const link = new SerialBenchLink({ ...plugged, url: 'bench', adapter: ADAPTER, pace: undefined });
  const io: IoContext = { clock: plugged.clock, signal: new AbortController().signal };
  const open = () =>
    openStm32Uart(
      {
        url: 'bench',
        chip: chipBy(chip, 'uart'),
        ...(entry === undefined ? {} : { entry }),
        ...(baud === undefined ? {} : { baud }),
        ...(parity === undefined ? {} : { parity }),
        open: async (format, context) => {
          await link.setFormat(format, context);
          return wrap(link);
        },
      },
      io,
    );
  return { clock: plugged.clock, io, open };
}

export interface UartRun {
  readonly identity: Identity;
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** Virtual milliseconds from power-up. */
  readonly ms: number;
}

/** One unit from connecting to starting its firmware, as the station does it. */
export async function runByUart(
  bench: Bench,
  chip: ChipDescription,
  images: readonly ReleaseImage[],
  options: UartOptions = {},
): Promise<UartRun> {
  const { clock, io, open } = plugUart(bench, chip, options);
  const since = clock.monotonic();
  const unit = await open();
  try {
    const identity = await unit.identify(io);
    const layout = layOut(unit.chip, images);
    const device = await unit.openFlash(io);
    const survey = await surveyUnit(layout, device, io);
    const plan = makePlan({ layout, survey, canMassErase: device.eraseAll !== undefined });
    const hooks = {
      beforeChange: () => Promise.resolve(),
      stepStarted: () => undefined,
      progress: () => undefined,
      stepFinished: () => undefined,
    };
    const outcome = await carryOut({ plan, contents: layout.contents, device, chip: unit.chip, hooks, io });
    await unit.start(io);
    return { identity, plan, outcome, ms: clock.monotonic() - since };
  } finally {
    await unit.close(io);
  }
}
