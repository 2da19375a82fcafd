import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../link/link.ts';
import type { IncrementWindow } from './ahb-ap.ts';
import { BenchLink } from './bench-link.ts';
import { Board } from './board.ts';
import { CHIPS } from './chips.ts';
import { CmsisDapDevice } from './cmsis-dap-device.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Faults } from './faults.ts';
import { pace, PacedClock, type Pacing } from './paced-clock.ts';
import { PROBES, type ProbeName, type ProbeProfile } from './probe-profile.ts';
import { SwdHost } from './swd-host.ts';

export interface BenchOptions {
  /** Wall time that a board's clock starts at; a function is asked again at each connection. Milliseconds. */
  readonly startAt: number | (() => number);
  /** Decides the units' hardware ids and whatever silicon leaves to chance. */
  readonly seed: number;
  /** 4 KiB, as the part does it, when left out. */
  readonly incrementWindow?: IncrementWindow;
  /** Left out, virtual time costs no real time. */
  readonly pacing?: Pacing;
}

export interface ConnectOptions {
  readonly probe?: ProbeName;
  /** The link's address in messages; `bench:<chip>` when left out. */
  readonly url?: string;
}

export interface BenchConnection {
  readonly link: Link;
  /** The board's own virtual time; hand it to the engine as its clock. */
  readonly clock: Clock;
}

/** A board in a fixture, and the probe on it. */
export interface BenchProbe {
  readonly board: Board;
  readonly faults: FaultPlan;
  readonly profile: ProbeProfile;
  readonly host: SwdHost;
  readonly device: CmsisDapDevice;
}

export const BENCH_CHIPS: readonly string[] = Object.keys(CHIPS);

/**
 * The virtual bench: any number of boards, each found again under its serial for the bench's life. Connecting puts
 * the board into a fixture with a probe: it is powered up (RAM and debug state lost, flash and locks kept).
 */
export class Bench {
  readonly #options: BenchOptions;
  readonly #boards = new Map<string, Board>();

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** Throws `chip-unknown` for a chip that the bench has no model of. */
  connect(chip: string, serial: string, faults: Faults = [], options: ConnectOptions = {}): BenchConnection {
    const { board, faults: plan, profile, host, device } = this.plugIn(chip, serial, faults, options.probe);
    const paced = this.#options.pacing && pace(board.clock, this.#options.pacing);
    const link = new BenchLink({
      url: options.url ?? `bench:${chip}`,
      clock: board.clock,
      profile,
      device,
      host,
      faults: plan,
      pace: paced,
    });
    return { link, clock: paced ? new PacedClock(board.clock, paced) : board.clock };
  }

  /** As `connect`, but without a link: for who carries the probe's packets in a way of his own. */
  plugIn(
    chip: string,
    serial: string,
    faults: Faults = [],
    probe: ProbeName = 'high-speed',
    probeSerial = 'BENCH',
  ): BenchProbe {
    const { board, faults: plan } = this.insert(chip, serial, faults);
    const profile = PROBES[probe];
    const host = new SwdHost(board.line, board.chip, plan);
    return { board, faults: plan, profile, host, device: new CmsisDapDevice(profile, probeSerial, host, plan) };
  }

  /** Puts the unit into a fixture without a probe; `strapped` holds its boot pin. */
  insert(
    chip: string,
    serial: string,
    faults: Faults,
    strapped = false,
  ): { readonly board: Board; readonly faults: FaultPlan } {
    const board = this.boardFor(chip, serial);
    board.clock.catchUp(this.#startAt());
    return { board, faults: board.insert(faults, strapped) };
  }

  /** The unit with this serial; a new one comes blank from the factory. */
  boardFor(chip: string, serial: string): Board {
    const kind = Object.hasOwn(CHIPS, chip) ? CHIPS[chip] : undefined;
    if (!kind) {
      throw new FlashlineError('chip-unknown', { params: { chip, known: BENCH_CHIPS.join(', ') } });
    }
    const key = `${chip}/${serial}`;
    const known = this.#boards.get(key);
    if (known) return known;
    const { seed, incrementWindow } = this.#options;
    const board = new Board({ serial: key, kind, seed, startAt: this.#startAt(), incrementWindow });
    this.#boards.set(key, board);
    return board;
  }

  #startAt(): number {
    const { startAt } = this.#options;
    return typeof startAt === 'number' ? startAt : startAt();
  }
}

export function createBench(options: BenchOptions): Bench {
  return new Bench(options);
}
