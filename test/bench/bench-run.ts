import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { debugChip, ChipDescription } from '#shared/model/chip.ts';
import type { Operation, Plan } from '#shared/model/plan.ts';
import type { Step } from '#shared/model/run-event.ts';
import { type Bench, createBench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import type { Link } from '#main/link/link.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { CarryOutHooks, Outcome } from '#main/programmer/carry-out-input.ts';
import { openFlashDevice } from '#main/programmer/open-flash-device.ts';
import { findFlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { Identity, Target } from '#main/target/target.ts';

const RESOURCES = new URL('../../resources/', import.meta.url);

export function shippedChip(id: string): ChipDescription {
  return ChipDescription.parse(parse(readFileSync(new URL(`chips/${id}.yaml`, RESOURCES), 'utf8')));
}

export const NRF52840 = shippedChip('nrf52840');
export const UNIT = { chip: NRF52840, interface: 'swd' } as const;

export function newBench(seed = 1): Bench {
  return createBench({ startAt: 0, seed });
}

/** Counts what passes; everything else is the link's own. */
export class CountingLink implements Link {
  readonly kind: Link['kind'];
  readonly url: string;
  packets = 0;
  bytes = 0;
  mostInFlight = 0;
  closed = false;
  onWrite: (packet: number, data: Uint8Array) => void = () => undefined;
  /** What the driver is to see instead. */
  onReply: (data: Uint8Array) => Uint8Array = (data) => data;
  readonly #link: Link;
  #inFlight = 0;

  constructor(link: Link) {
    this.#link = link;
    this.kind = link.kind;
    this.url = link.url;
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    this.onWrite(this.packets, data);
    this.packets++;
    this.bytes += data.length;
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    await this.#link.write(data, io);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const data = await this.#link.read(timeoutMs, io);
    this.#inFlight--;
    this.packets++;
    this.bytes += data.length;
    return this.onReply(data);
  }

  close(): Promise<void> {
    this.closed = true;
    return this.#link.close();
  }
}

export interface RunOptions {
  readonly faults?: Faults;
  readonly probe?: ProbeName;
  /** An nRF52840 unless said. */
  readonly chip?: ChipDescription;
  readonly signal?: AbortSignal;
  readonly hooks?: Partial<CarryOutHooks>;
  /** Told before anything is sent. */
  readonly onConnected?: (link: CountingLink, clock: Clock) => void;
}

export interface RunResult {
  readonly identity: Identity;
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly link: CountingLink;
  /** Virtual milliseconds a phase. */
  readonly ms: Readonly<
    Record<'connect' | 'identify' | 'survey' | 'carryOut' | 'start' | Exclude<Step, 'unlock' | 'lock'>, number>
  >;
}

/** One unit from connecting to starting its firmware: what the station does, without station and log. */
export async function runUnit(
  bench: Pick<Bench, 'connect'>,
  serial: string,
  images: readonly ReleaseImage[],
  options: RunOptions = {},
): Promise<RunResult> {
  const chip = options.chip ?? NRF52840;
  const connection = bench.connect(chip.id, serial, options.faults, { probe: options.probe ?? 'high-speed' });
  const link = new CountingLink(connection.link);
  const { clock } = connection;
  options.onConnected?.(link, clock);
  const io: IoContext = { clock, signal: options.signal ?? new AbortController().signal };
  const layout = layOut(chip, images);
  const times = new Stopwatch(clock);
  const target = await times.of('connect', async () =>
    openAdiTarget(await openCmsisDap(link, io), { chip, interface: 'swd' }, io),
  );
  try {
    const identity = await times.of('identify', () => target.identify(io));
    const algorithm = await findFlashAlgorithm(
      fileURLToPath(new URL('flash-algorithms', RESOURCES)),
      debugChip(chip).controller.kind,
    );
    const device = await openFlashDevice(target, io, algorithm);
    const survey = await times.of('survey', () => surveyUnit(layout, device, io));
    const plan = makePlan({ layout, survey, canMassErase: device.eraseAll !== undefined });
    const hooks = times.hooks(options.hooks ?? {});
    const outcome = await times.of('carryOut', () =>
      carryOut({ plan, contents: layout.contents, device, chip, hooks, io }),
    );
    await times.of('start', () => target.start(io));
    return { identity, plan, outcome, link, ms: times.ms() };
  } finally {
    await closeQuietly(target, clock);
  }
}

async function closeQuietly(target: Target, clock: Clock): Promise<void> {
  await target.close({ clock, signal: new AbortController().signal });
}

class Stopwatch {
  readonly #clock: Clock;
  readonly #ms = new Map<string, number>();
  #stepSince = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async of<T>(name: string, work: () => Promise<T>): Promise<T> {
    const since = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      this.#add(name, since);
    }
  }

  hooks(given: Partial<CarryOutHooks>): CarryOutHooks {
    return {
      beforeChange: (operation: Operation) => given.beforeChange?.(operation) ?? Promise.resolve(),
      progress: (step, done, total) => given.progress?.(step, done, total),
      stepStarted: (step) => {
        this.#stepSince = this.#clock.monotonic();
        given.stepStarted?.(step);
      },
      stepFinished: (step) => {
        this.#add(step, this.#stepSince);
        given.stepFinished?.(step);
      },
    };
  }

  ms(): RunResult['ms'] {
    const get = (name: string) => this.#ms.get(name) ?? 0;
    return {
      connect: get('connect'),
      identify: get('identify'),
      'plant-data': get('plant-data'),
      survey: get('survey'),
      carryOut: get('carryOut'),
      invalidate: get('invalidate'),
      erase: get('erase'),
      program: get('program'),
      verify: get('verify'),
      validate: get('validate'),
      badge: get('badge'),
      record: 0,
      start: get('start'),
    };
  }

  #add(name: string, since: number): void {
    this.#ms.set(name, (this.#ms.get(name) ?? 0) + this.#clock.monotonic() - since);
  }
}
