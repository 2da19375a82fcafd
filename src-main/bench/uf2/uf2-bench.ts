import { FlashlineError } from '#shared/model/failure.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { Drive } from '../../link/drive.ts';
import type { Link } from '../../link/link.ts';
import { Bench, type BenchOptions } from '../bench.ts';
import type { Board } from '../board.ts';
import { faultsOf, type Faults } from '../faults.ts';
import { pace, PacedClock } from '../paced-clock.ts';
import { Uf2BootLoader } from './boot-loader.ts';
import { BenchDrive, type DriveFaults } from './bench-drive.ts';
import { Hf2BenchLink } from './hf2-bench-link.ts';
import type { InBootLoader } from './in-boot-loader.ts';

/** The chips that the bench has a UF2 boot loader of. */
export const UF2_CHIPS: readonly string[] = ['atsamd21g18a'];

/** Boards with a UF2 boot loader, each found again under its serial for the bench's life. */
export class Uf2Bench {
  readonly #options: BenchOptions;
  readonly #bench: Bench;

  constructor(options: BenchOptions, bench: Bench = new Bench(options)) {
    this.#options = options;
    this.#bench = bench;
  }

  /**
   * The board comes into the fixture and is reset twice, so that its boot loader stays. Throws `chip-unknown` where the
   * bench has none for the chip.
   */
  plugIn(chip: string, serial: string, faults: Faults = []): InBootLoader {
    if (!UF2_CHIPS.includes(chip))
      throw new FlashlineError('chip-unknown', { params: { chip, known: UF2_CHIPS.join(', ') } });
    const board = this.#bench.boardFor(chip, serial);
    const { startAt } = this.#options;
    board.clock.catchUp(typeof startAt === 'number' ? startAt : startAt());
    const plan = board.insert(faults);
    const loader = new Uf2BootLoader(board, plan, { wrongBoard: faultsOf(faults, 'wrong-chip').length > 0 });
    return { board, loader, faults: plan };
  }

  boardFor(chip: string, serial: string): Board {
    return this.#bench.boardFor(chip, serial);
  }

  hf2(chip: string, serial: string, faults: Faults, url: string): { link: Link; clock: Clock; loader: Uf2BootLoader } {
    const unit = this.plugIn(chip, serial, faults);
    const { pacing } = this.#options;
    const paced = pacing && pace(unit.board.clock, pacing);
    const clock = paced ? new PacedClock(unit.board.clock, paced) : unit.board.clock;
    return { link: new Hf2BenchLink(unit, url, paced), clock, loader: unit.loader };
  }

  drive(
    chip: string,
    serial: string,
    faults: Faults,
    url: string,
    wrong: DriveFaults = {},
  ): { drive: Drive; clock: Clock; loader: Uf2BootLoader } {
    const unit = this.plugIn(chip, serial, faults);
    const { pacing } = this.#options;
    const paced = pacing && pace(unit.board.clock, pacing);
    const clock = paced ? new PacedClock(unit.board.clock, paced) : unit.board.clock;
    return { drive: new BenchDrive(unit, url, paced, wrong), clock, loader: unit.loader };
  }
}
