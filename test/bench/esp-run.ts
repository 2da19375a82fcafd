import type { IoContext } from '#shared/base/clock.ts';
import type { Step } from '#shared/model/run-event.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import { openEsp } from '#main/programmer/esp/open-esp.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import type { EspLine } from '#test/support/esp-unit.ts';
import type { SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';

export interface EspRun {
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly ms: number;
  /** Of that, programming. */
  readonly programMs: number;
  readonly reach: ReturnType<NonNullable<Programmer['reach']>> | undefined;
}

export interface EspRunOptions {
  readonly faults?: Faults;
  readonly signal?: AbortSignal;
  readonly onLink?: (link: SerialBenchLink) => void;
  /** Hears when programming begins and when it is over. */
  readonly onProgramming?: (now: boolean) => void;
}

/** One unit from connecting to starting its firmware: what the station does, without station and log. */
export async function runEsp(
  line: EspLine,
  images: readonly ReleaseImage[],
  options: EspRunOptions = {},
): Promise<EspRun> {
  const { link, unit } = line.plug(options.faults ?? []);
  options.onLink?.(link);
  const { clock } = unit;
  const io: IoContext = { clock, signal: options.signal ?? new AbortController().signal };
  const began = clock.monotonic();
  const layout = layOut(line.chip, images);
  let since = 0;
  let programMs = 0;
  const programmer = await openEsp(link, line.chip, io);
  try {
    await programmer.identify(io);
    const device = await programmer.openFlash(io);
    const survey = await surveyUnit(layout, device, io);
    const plan = makePlan({ layout, survey, canMassErase: false });
    const hooks = {
      beforeChange: () => Promise.resolve(),
      stepStarted: (step: Step) => {
        since = clock.monotonic();
        if (step === 'program') options.onProgramming?.(true);
      },
      progress: () => undefined,
      stepFinished: (step: Step) => {
        if (step !== 'program') return;
        programMs += clock.monotonic() - since;
        options.onProgramming?.(false);
      },
    };
    const outcome = await carryOut({ plan, contents: layout.contents, device, chip: line.chip, hooks, io });
    await programmer.start(io);
    return { plan, outcome, ms: clock.monotonic() - began, programMs, reach: programmer.reach?.() };
  } finally {
    await programmer.close(io);
  }
}

export function imageOf(role: ReleaseImage['role'], address: number, data: Uint8Array): ReleaseImage {
  return { role, version: '1.0.0', file: `${role}.bin`, image: { format: 'bin', segments: [{ address, data }] } };
}
