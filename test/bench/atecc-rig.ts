import type { IoContext } from '#shared/base/clock.ts';
import { ChipDescription } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { I2cBenchPort } from '#test/support/i2c-bench-port.ts';
import type { Faults } from '#main/bench/faults.ts';
import { Atecc608 } from '#main/bench/i2c/atecc608/atecc608.ts';
import { I2cBench, type I2cFixture } from '#main/bench/i2c/i2c-bench.ts';
import { layOut } from '#main/plan/layout.ts';
import { lockOperations } from '#main/plan/lock-operations.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import type { I2cMessage, I2cOutcome, I2cPort } from '#main/probe/i2c-port.ts';
import { type AteccUnit, openAtecc } from '#main/programmer/atecc/open-atecc.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import type { LockStates } from '#main/programmer/lock-steps.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';

export const ATECC = ChipDescription.parse(parse(readFileSync('resources/chips/atecc608b.yaml', 'utf8')));

/** What a product makes of the configuration: slot 0 a key for good, slot 8 data that can be locked, the rest as shipped. */
export function productConfig(): Uint8Array {
  const bench = new Atecc608(new Uint8Array(32));
  const config = bench.zones.config.slice();
  // Slot 0: private P-256, lockable, external signatures, GenKey only while the data zone is open.
  config.set([0x83, 0x00], 20);
  config.set([0x33, 0x00], 96);
  // Slots 8 and 10: anything, read and written in the clear, slot 8 lockable.
  config.set([0x00, 0x00], 36);
  config.set([0x3c, 0x00], 112);
  config.set([0x00, 0x00], 40);
  config.set([0x1c, 0x00], 116);
  return config;
}

/** From 0x10 on: what Write reaches, lock bytes as they leave the factory. */
export function configImage(config = productConfig()) {
  return image(0x10, config.slice(0x10));
}

export function image(address: number, data: Uint8Array) {
  return {
    role: 'manufacturing' as const,
    version: '1',
    file: 'image.bin',
    image: { format: 'bin' as const, segments: [{ address, data }] },
  };
}

export interface RigRun {
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly states: LockStates | undefined;
}

/** Counts transfers; its messages are as small as a test wants. */
class CountingPort implements I2cPort {
  readonly url = 'bench:atecc608b';
  readonly limits: I2cPort['limits'];
  transfers = 0;
  readonly #port: I2cPort;

  constructor(port: I2cPort, limits: I2cPort['limits'] = port.limits) {
    this.#port = port;
    this.limits = limits;
  }

  connect(clockHz: number, io: IoContext): Promise<number> {
    return this.#port.connect(clockHz, io);
  }

  transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<I2cOutcome> {
    this.transfers++;
    return this.#port.transfer(address, messages, io);
  }

  describe(): ReturnType<I2cPort['describe']> {
    return this.#port.describe();
  }

  close(io: IoContext): Promise<void> {
    return this.#port.close(io);
  }
}

export type MakePort = (fixture: I2cFixture, io: IoContext) => Promise<I2cPort>;

/** One secure element of the bench, through as many connections as a test wants. */
export class AteccRig {
  readonly bench = new I2cBench({ startAt: 0, seed: 7 });
  readonly journal: string[] = [];
  port: CountingPort | undefined;
  states: LockStates | undefined;
  readonly #makePort: MakePort;

  constructor(makePort: MakePort = async (fixture) => new I2cBenchPort(fixture, 'bench:atecc608b')) {
    this.#makePort = makePort;
  }

  get model(): Atecc608 {
    const model = this.bench.chipOf('atecc608b', 'A');
    if (!(model instanceof Atecc608)) throw new TypeError('no ATECC608');
    return model;
  }

  async open(faults: Faults = [], limits?: I2cPort['limits']): Promise<{ unit: AteccUnit; io: IoContext }> {
    const fixture = this.bench.insert('atecc608b', 'A', faults);
    const io = { clock: fixture.clock, signal: new AbortController().signal };
    this.port = new CountingPort(await this.#makePort(fixture, io), limits);
    if (ATECC.i2c?.kind !== 'atecc') throw new TypeError('no ATECC');
    return { unit: await openAtecc(this.port, ATECC, ATECC.i2c, io), io };
  }

  /** A run from opening to closing, as the station does it, without station and log. */
  async run(
    images: readonly ReturnType<typeof image>[],
    steps: Pick<Recipe, 'keys' | 'locks'> = {},
    faults: Faults = [],
  ): Promise<RigRun> {
    this.journal.length = 0;
    this.states = undefined;
    const { unit, io } = await this.open(faults);
    try {
      await unit.identify(io);
      const layout = layOut(ATECC, images);
      const device = await unit.openFlash(io);
      const locks = lockOperations(steps, layout);
      const plan = makePlan({ layout, survey: await surveyUnit(layout, device, io), locks });
      const hooks = {
        beforeChange: async (operation: Plan['operations'][number]) => {
          this.journal.push(operation.op === 'lock' ? operation.name : operation.op);
        },
        stepStarted: () => undefined,
        progress: () => undefined,
        stepFinished: () => undefined,
        locksObserved: (states: LockStates) => (this.states = states),
      };
      const { contents } = layout;
      const outcome = await carryOut({ plan, contents, device, chip: ATECC, locks: unit.locks, hooks, io });
      await unit.start(io);
      return { plan, outcome, states: this.states };
    } finally {
      await unit.close(io).catch(() => undefined);
    }
  }
}
