import type { Clock, IoContext } from '#shared/base/clock.ts';
import { chipBy, type ChipDescription } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import { DfuBench, type DfuConnectOptions } from '#main/bench/dfu/dfu-bench.ts';
import type { ControlBenchLink } from '#main/bench/dfu/control-bench-link.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import { openDfu } from '#main/programmer/dfu/open-dfu.ts';
import { isProgrammer } from '#main/programmer/programmer.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import type { Identity } from '#main/target/target.ts';
import { shippedChip } from './bench-run.ts';

export const STM32 = chipBy(shippedChip('stm32f407vg'), 'dfu');
export const DEMO = chipBy(shippedChip('demo-dfu'), 'dfu');

export function newDfuBench(seed = 1): DfuBench {
  return new DfuBench({ startAt: 0, seed });
}

export interface DfuRunOptions extends DfuConnectOptions {
  readonly chip?: ChipDescription;
  readonly signal?: AbortSignal;
  /** Told before anything is sent. */
  readonly onConnected?: (link: () => ControlBenchLink | undefined, clock: Clock) => void;
}

export interface DfuRunResult {
  readonly identity: Identity;
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly link: ControlBenchLink | undefined;
  /** Virtual milliseconds from connecting to the firmware's start. */
  readonly ms: number;
}

/** One unit from connecting to starting its firmware: what the station does, without station and log. */
export async function runDfu(
  bench: DfuBench,
  serial: string,
  images: readonly ReleaseImage[],
  { chip = STM32, signal = new AbortController().signal, onConnected, ...options }: DfuRunOptions = {},
): Promise<DfuRunResult> {
  const place = bench.connect(chip.id, serial, options);
  const { clock } = place;
  onConnected?.(place.link, clock);
  const io: IoContext = { clock, signal };
  const since = clock.monotonic();
  const layout = layOut(chip, images);
  const unit = await openDfu(place, chip, io);
  try {
    const identity = await unit.identify(io);
    if (!isProgrammer(unit)) throw new TypeError('no programmer');
    const device = await unit.openFlash(io);
    const survey = await surveyUnit(layout, device, io);
    const plan = makePlan({ layout, survey, canMassErase: device.eraseAll !== undefined });
    const hooks = {
      beforeChange: async () => undefined,
      stepStarted: () => undefined,
      progress: () => undefined,
      stepFinished: () => undefined,
    };
    const outcome = await carryOut({ plan, contents: layout.contents, device, chip, hooks, io });
    const link = place.link();
    await unit.start(io);
    return { identity, plan, outcome, link, ms: clock.monotonic() - since };
  } finally {
    await unit.close({ clock, signal: new AbortController().signal });
  }
}
