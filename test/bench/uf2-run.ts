import type { Clock, IoContext } from '#shared/base/clock.ts';
import { chipBy } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { DriveFaults } from '#main/bench/uf2/bench-drive.ts';
import type { Uf2BootLoader } from '#main/bench/uf2/boot-loader.ts';
import { Uf2Bench } from '#main/bench/uf2/uf2-bench.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import { openHf2 } from '#main/programmer/hf2/open-hf2.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { openUf2 } from '#main/programmer/uf2/open-uf2.ts';
import type { Identity } from '#main/target/target.ts';
import type { Link } from '#main/link/link.ts';
import { shippedChip } from './bench-run.ts';

export const SAMD21 = shippedChip('atsamd21g18a');
export type Way = 'uf2' | 'hf2';
export const SEEN = { uf2: chipBy(SAMD21, 'uf2'), hf2: chipBy(SAMD21, 'hf2') } as const;

export function uf2Bench(): Uf2Bench {
  return new Uf2Bench({ startAt: 0, seed: 1 });
}

export interface Uf2RunOptions {
  readonly faults?: Faults;
  readonly drive?: DriveFaults;
  /** Told before anything is sent. */
  readonly onLink?: (link: Link) => Link;
}

export interface Uf2Run {
  readonly identity: Identity;
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly loader: Uf2BootLoader;
  /** Virtual milliseconds. */
  readonly ms: Readonly<Record<'survey' | 'write' | 'verify' | 'all', number>>;
}

interface Opened {
  readonly clock: Clock;
  readonly loader: Uf2BootLoader;
  readonly open: (io: IoContext) => Promise<Programmer>;
}

export function putIn(bench: Uf2Bench, way: Way, serial: string, options: Uf2RunOptions = {}): Opened {
  const { faults = [], drive: wrong, onLink = (link) => link } = options;
  if (way === 'uf2') {
    const { drive, clock, loader } = bench.drive(SAMD21.id, serial, faults, 'uf2:bench', wrong);
    return { clock, loader, open: (io) => openUf2(drive, SEEN.uf2, io) };
  }
  const { link, clock, loader } = bench.hf2(SAMD21.id, serial, faults, 'hf2:bench');
  const isBack = () => Promise.resolve(loader.running === 'boot-loader');
  return { clock, loader, open: (io) => openHf2({ link: onLink(link), chip: SEEN.hf2, isBack }, io) };
}

/** One unit from its boot loader to its firmware: what the station does, without station and log. */
export async function runUf2(
  bench: Uf2Bench,
  way: Way,
  images: readonly ReleaseImage[],
  options: Uf2RunOptions = {},
): Promise<Uf2Run> {
  const { clock, loader, open } = putIn(bench, way, 'A', options);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const chip = SEEN[way];
  const layout = layOut(chip, images);
  const begun = clock.monotonic();
  const unit = await open(io);
  try {
    const identity = await unit.identify(io);
    const device = await unit.openFlash(io);
    const surveyed = clock.monotonic();
    const survey = await surveyUnit(layout, device, io);
    const ms = { survey: clock.monotonic() - surveyed, write: 0, verify: 0, all: 0 };
    const plan = makePlan({ layout, survey });
    let since = clock.monotonic();
    const hooks = {
      beforeChange: () => Promise.resolve(),
      progress: () => undefined,
      stepStarted: () => (since = clock.monotonic()),
      stepFinished: (step: string) => (ms[step === 'verify' ? 'verify' : 'write'] += clock.monotonic() - since),
    };
    const outcome = await carryOut({ plan, contents: layout.contents, device, chip, hooks, io });
    await unit.start(io);
    ms.all = clock.monotonic() - begun;
    return { identity, plan, outcome, loader, ms };
  } finally {
    await unit.close({ clock, signal: new AbortController().signal });
  }
}
