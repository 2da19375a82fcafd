import { sha256 } from '@noble/hashes/sha2.js';
import { readU32 } from '#shared/base/bytes.ts';
import type { IncrementWindow } from './ahb-ap.ts';
import type { ChipKind, ChipModel, ChipReport } from './chip.ts';
import { FaultPlan } from './fault-plan.ts';
import { faultsOf, type Faults } from './faults.ts';
import { SwdLine } from './swd-line.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface BoardOptions {
  /** Names the unit on the bench: its hardware id comes from it. */
  readonly serial: string;
  readonly kind: ChipKind;
  readonly seed: number;
  /** Wall time, milliseconds. */
  readonly startAt: number;
  readonly incrementWindow?: IncrementWindow | undefined;
}

/** One simulated unit: its chip, its wires, and the time that it has lived. Flash and locks stay for its life. */
export class Board {
  readonly serial: string;
  readonly kind: ChipKind;
  readonly clock: VirtualClock;
  readonly chip: ChipModel;
  readonly line: SwdLine;
  #wrongPart = false;

  constructor({ serial, kind, seed, startAt, incrementWindow }: BoardOptions) {
    this.serial = serial;
    this.kind = kind;
    this.clock = new VirtualClock(startAt);
    const digest = sha256(new TextEncoder().encode(`${seed}/${serial}`));
    this.chip = kind.make({
      idWords: [readU32(digest, 0), readU32(digest, 4), readU32(digest, 12), readU32(digest, 16)],
      seed: readU32(digest, 8),
      wrongPart: () => this.#wrongPart,
      ...(incrementWindow === undefined ? {} : { incrementWindow }),
    });
    this.line = new SwdLine(this.chip);
  }

  /**
   * The board is put into the fixture: power comes up, and this connection's faults apply. `strapped`: its boot pin is held.
   */
  insert(faults: Faults, strapped = false): FaultPlan {
    const now = this.clock.elapsedNs;
    const plan = new FaultPlan(faults, now);
    this.#wrongPart = faultsOf(faults, 'wrong-chip').length > 0;
    if (faultsOf(faults, 'protected').length > 0) this.chip.protect();
    for (const { address, bit, value } of faultsOf(faults, 'stuck-bit')) this.chip.stickBit(address, bit, value);
    this.chip.events = plan;
    if (this.chip.system) Object.assign(this.chip.system, { selected: strapped, onReset: undefined });
    this.chip.powerCycle(now);
    this.chip.supplyFailsAt = plan.powerCutNs;
    this.line.powerOn();
    return plan;
  }

  report(): ChipReport {
    return this.chip.report();
  }
}
