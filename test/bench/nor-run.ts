import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import { type SerprogAdapter, SpiBench, SERPROG_ADAPTERS } from '#main/bench/spi/spi-bench.ts';
import type { SerprogDevice } from '#main/bench/spi/serprog-device.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { openSerprog } from '#main/probe/serprog/serprog.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { CarryOutHooks, Outcome } from '#main/programmer/carry-out-input.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import type { Identity } from '#main/target/target.ts';
import { CountingLink, shippedChip } from './bench-run.ts';

export function newSpiBench(seed = 1): SpiBench {
  return new SpiBench({ startAt: 0, seed });
}

export interface NorOptions {
  readonly chip?: ChipDescription;
  readonly faults?: Faults;
  readonly adapter?: SerprogAdapter;
  readonly signal?: AbortSignal;
  readonly hooks?: Partial<CarryOutHooks>;
  readonly onConnected?: (link: CountingLink, clock: Clock) => void;
}

export interface OpenedNor {
  readonly unit: Programmer;
  readonly io: IoContext;
  readonly link: CountingLink;
  readonly serprog: SerprogDevice;
  readonly turns: () => number;
}

export const W25Q128 = shippedChip('w25q128jv');

/** Opens the unit through the bench's serprog adapter. */
export async function openNor(bench: SpiBench, serial: string, options: NorOptions = {}): Promise<OpenedNor> {
  const { chip = W25Q128, faults, adapter = SERPROG_ADAPTERS.usb } = options;
  const { link, clock, device } = bench.connect(chip.id, serial, faults, { adapter });
  const io: IoContext = { clock, signal: options.signal ?? new AbortController().signal };
  const counting = new CountingLink(link);
  options.onConnected?.(counting, clock);
  const unit = await openSpiNor(await openSerprog(counting, io), chip, io);
  return { unit, io, link: counting, serprog: device, turns: () => link.turns };
}

/** The same for who only works on the flash; closes it whatever happens. */
export async function withFlash<T>(
  bench: SpiBench,
  serial: string,
  options: NorOptions,
  work: (device: FlashDevice, opened: OpenedNor) => Promise<T>,
): Promise<T> {
  const opened = await openNor(bench, serial, options);
  const { unit, io } = opened;
  try {
    await unit.identify(io);
    return await work(await unit.openFlash(io), opened);
  } finally {
    await unit.close({ clock: io.clock, signal: new AbortController().signal });
  }
}

export interface NorResult {
  readonly identity: Identity;
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly serprog: SerprogDevice;
  readonly turns: number;
  /** Virtual milliseconds. */
  readonly ms: { readonly survey: number; readonly carryOut: number; readonly total: number };
}

/** One unit from connecting to letting it go: what the station does, without station and log. */
export async function runNor(
  bench: SpiBench,
  serial: string,
  images: readonly ReleaseImage[],
  options: NorOptions = {},
): Promise<NorResult> {
  const { chip = W25Q128 } = options;
  const layout = layOut(chip, images);
  const { unit, io, serprog, turns } = await openNor(bench, serial, options);
  const now = () => io.clock.monotonic();
  const begun = now();
  try {
    const identity = await unit.identify(io);
    const device = await unit.openFlash(io);
    const surveying = now();
    const survey = await surveyUnit(layout, device, io);
    const surveyed = now();
    const plan = makePlan({ layout, survey, canMassErase: device.eraseAll !== undefined });
    const hooks: CarryOutHooks = {
      beforeChange: () => Promise.resolve(),
      stepStarted: () => undefined,
      progress: () => undefined,
      stepFinished: () => undefined,
      ...options.hooks,
    };
    const outcome = await carryOut({ plan, contents: layout.contents, device, chip, hooks, io });
    const carriedOut = now();
    await unit.start(io);
    const ms = { survey: surveyed - surveying, carryOut: carriedOut - surveyed, total: now() - begun };
    return { identity, plan, outcome, serprog, turns: turns(), ms };
  } finally {
    await unit.close({ clock: io.clock, signal: new AbortController().signal });
  }
}

/** A part of a release: bytes that are the same for the same seed. */
export function filesystem(size: number, seed: number, address = 0): ReleaseImage {
  const data = new Uint8Array(size);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    data[i] = state >>> 16;
  }
  const image = { format: 'bin', segments: [{ address, data }] } as ReleaseImage['image'];
  return { role: 'filesystem', version: '1', file: `fs${seed}.bin`, image };
}
