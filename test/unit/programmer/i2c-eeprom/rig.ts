import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { Eeprom } from '#main/bench/i2c/eeprom.ts';
import type { Faults } from '#main/bench/faults.ts';
import { I2cBench } from '#main/bench/i2c/i2c-bench.ts';
import { contentsOf } from '#main/plan/contents.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import { openI2cChip } from '#main/app/connect/i2c-chips.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import type { I2cFixture } from '#main/bench/i2c/i2c-bench.ts';
import type { I2cPort } from '#main/probe/i2c-port.ts';
import { I2cBenchPort } from '#test/support/i2c-bench-port.ts';

export type MakePort = (fixture: I2cFixture, io: IoContext) => Promise<I2cPort>;

/** An EEPROM of the bench without an adapter's protocol: what the programmer makes of it. */
export class EepromRig {
  readonly chip: ChipDescription;
  readonly bench = new I2cBench({ startAt: 0, seed: 5 });
  readonly #port: MakePort;
  #clock: IoContext['clock'] | undefined;

  constructor(chip: ChipDescription, port: MakePort = async (fixture) => new I2cBenchPort(fixture, 'bench')) {
    this.chip = chip;
    this.#port = port;
  }

  get model(): Eeprom {
    const model = this.bench.chipOf(this.chip.id, 'A');
    if (!(model instanceof Eeprom)) throw new TypeError('no EEPROM');
    return model;
  }

  get now(): number {
    return this.#clock?.monotonic() ?? 0;
  }

  async open(faults: Faults = []): Promise<{ readonly unit: Programmer; readonly io: IoContext }> {
    const fixture = this.bench.insert(this.chip.id, 'A', faults);
    this.#clock = fixture.clock;
    const io = { clock: fixture.clock, signal: new AbortController().signal };
    return { unit: await openI2cChip(await this.#port(fixture, io), this.chip, io), io };
  }

  async write(images: readonly ReleaseImage[], faults: Faults = []): Promise<Outcome> {
    const { unit, io } = await this.open(faults);
    await unit.identify(io);
    const layout = layOut(this.chip, images);
    const device = await unit.openFlash(io);
    const plan = makePlan({ layout, survey: await surveyUnit(layout, device, io) });
    const hooks = {
      beforeChange: async () => undefined,
      stepStarted: () => undefined,
      progress: () => undefined,
      stepFinished: () => undefined,
    };
    const contents = contentsOf(this.chip, layout.pages);
    return carryOut({ plan, contents, device, chip: this.chip, hooks, io });
  }
}
