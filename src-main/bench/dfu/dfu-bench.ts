import { toHex } from '#shared/base/bytes.ts';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UsbControl } from '../../link/usb-control.ts';
import { type Bench, type BenchOptions, createBench } from '../bench.ts';
import type { Faults } from '../faults.ts';
import { pace, PacedClock } from '../paced-clock.ts';
import { ControlBenchLink } from './control-bench-link.ts';
import type { DfuFaults } from './dfu-machine.ts';
import type { DfuUnit } from './dfu-unit.ts';
import { DfuSeUnit, type DfuSeUnitOptions } from './dfuse-unit.ts';
import { PlainDfuUnit, type PlainDfuOptions } from './plain-unit.ts';

/** Chips of the bench that have DFU, by the id of their description. */
export const DFU_CHIPS = ['stm32f407vg', 'demo-dfu'] as const;
/** The places of the demo product's images: application and file system (resources/chips/demo-dfu.yaml). */
const DEMO_SLOTS = [0x20000, 0x10000];
/** The host waits for the plug to settle, then asks the device who it is (USB 2.0, 7.1.7.3: 100 ms and more). */
const ENUMERATION_MS = 150;

export interface DfuConnectOptions {
  readonly url?: string;
  readonly faults?: Faults;
  readonly spoilt?: DfuFaults;
}

/** A slot of the bench with a DFU unit in it. `open` and `reopen` are a place's (programmer/dfu). */
export interface DfuBenchPlace {
  readonly url: string;
  readonly clock: Clock;
  readonly unit: DfuUnit;
  /** The link that is open, or was last. */
  readonly link: () => ControlBenchLink | undefined;
  open(io: IoContext): Promise<UsbControl>;
  reopen(timeoutMs: number, io: IoContext): Promise<UsbControl>;
}

/** DFU units, each found again under its serial for the bench's life. */
export class DfuBench {
  readonly boards: Bench;
  readonly #options: BenchOptions;
  readonly #units = new Map<string, DfuUnit>();

  /** `boards` where other interfaces reach the same ones. */
  constructor(options: BenchOptions, boards = createBench(options)) {
    this.#options = options;
    this.boards = boards;
  }

  /** Throws `chip-unknown`. What is given as options counts when the unit is new. */
  unitFor(chip: string, serial: string, options: DfuSeUnitOptions & Partial<PlainDfuOptions> = {}): DfuUnit {
    const key = `${chip}/${serial}`;
    const known = this.#units.get(key);
    if (known) return known;
    const unit = this.#make(chip, serial, options);
    this.#units.set(key, unit);
    return unit;
  }

  /** Puts the unit into a slot: power comes up when it is opened first. */
  connect(
    chip: string,
    serial: string,
    { url = `bench:${chip}`, faults = [], spoilt = {} }: DfuConnectOptions = {},
  ): DfuBenchPlace {
    const unit = this.unitFor(chip, serial);
    unit.clock.catchUp(this.#startAt());
    const { pacing } = this.#options;
    const paced = pacing && pace(unit.clock, pacing);
    const clock = paced ? new PacedClock(unit.clock, paced) : unit.clock;
    const plan = unit.plugIn(faults, spoilt);
    let link: ControlBenchLink | undefined;
    return {
      url,
      clock,
      unit,
      link: () => link,
      open: async (io) => {
        io.signal.throwIfAborted();
        link = new ControlBenchLink(url, unit, plan);
        return link;
      },
      reopen: async (timeoutMs, io) => {
        const back = unit.comeBack(unit.clock.elapsedNs);
        await io.clock.sleep(back ? ENUMERATION_MS : timeoutMs, io.signal);
        if (!back) throw new FlashlineError('probe-silent', { params: { url, seconds: timeoutMs / 1000 } });
        link = new ControlBenchLink(url, unit, plan);
        return link;
      },
    };
  }

  #make(chip: string, serial: string, options: DfuSeUnitOptions & Partial<PlainDfuOptions>): DfuUnit {
    if (chip === 'stm32f407vg') return new DfuSeUnit(this.boards.boardFor(chip, serial), options);
    if (chip === 'demo-dfu') {
      // Hexadecimal, as a product's own id would be.
      const own = toHex(new TextEncoder().encode(serial));
      return new PlainDfuUnit({ startAt: this.#startAt(), slots: DEMO_SLOTS, serial: own, ...options });
    }
    throw new FlashlineError('chip-unknown', { params: { chip, known: DFU_CHIPS.join(', ') } });
  }

  #startAt(): number {
    const { startAt } = this.#options;
    return typeof startAt === 'number' ? startAt : startAt();
  }
}
