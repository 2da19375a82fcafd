import { sha256 } from '@noble/hashes/sha2.js';
import { readU32 } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { FaultPlan } from '../fault-plan.ts';
import { faultsOf, type Faults } from '../faults.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { I2cChip } from './i2c-chip.ts';
import { I2C_CHIPS } from './i2c-chips.ts';
import { I2cWire } from './i2c-wire.ts';

export interface I2cBenchOptions {
  readonly startAt: number | (() => number);
  readonly seed: number;
}

/** A board with one chip on an I2C bus, put into a fixture. */
export interface I2cFixture {
  readonly clock: VirtualClock;
  readonly chip: I2cChip;
  readonly wire: I2cWire;
  readonly faults: FaultPlan;
  /** The board's supply fails now. */
  readonly cutPower: (at: number) => void;
}

interface I2cBoard {
  readonly clock: VirtualClock;
  readonly chip: I2cChip;
  /** Of the connection that is. */
  faults: FaultPlan | undefined;
}

/** Boards with a chip on an I2C bus, each found again under its serial for the bench's life. */
export class I2cBench {
  readonly #options: I2cBenchOptions;
  readonly #boards = new Map<string, I2cBoard>();

  constructor(options: I2cBenchOptions) {
    this.#options = options;
  }

  /** The board is put into the fixture: power comes up, and this connection's faults apply. Throws `chip-unknown`. */
  insert(chipId: string, serial: string, faults: Faults = []): I2cFixture {
    const board = this.#boardFor(chipId, serial);
    const { clock, chip } = board;
    clock.catchUp(this.#startAt());
    const now = clock.elapsedNs;
    const plan = new FaultPlan(faults, now);
    board.faults = plan;
    chip.connected?.(faults);
    if (faultsOf(faults, 'protected').length > 0) chip.protect?.();
    for (const { address, bit, value } of faultsOf(faults, 'stuck-bit')) chip.stickBit?.(address, bit, value);
    chip.powerCycle(now);
    const present = faultsOf(faults, 'no-target').length === 0 && !plan.deaf;
    const wire = new I2cWire(present ? [withFaults(chip, plan)] : []);
    for (const { times = Infinity } of faultsOf(faults, 'stuck-sda')) wire.stick(times);
    return {
      clock,
      chip,
      wire,
      faults: plan,
      cutPower: (at) => {
        chip.powerCut(at);
        wire.letGo();
      },
    };
  }

  chipOf(chipId: string, serial: string): I2cChip {
    return this.#boardFor(chipId, serial).chip;
  }

  #boardFor(chipId: string, serial: string): I2cBoard {
    const make = Object.hasOwn(I2C_CHIPS, chipId) ? I2C_CHIPS[chipId] : undefined;
    if (!make) {
      const known = Object.keys(I2C_CHIPS).join(', ');
      throw new FlashlineError('chip-unknown', { params: { chip: chipId, known } });
    }
    const key = `${chipId}/${serial}`;
    const found = this.#boards.get(key);
    if (found) return found;
    const identity = sha256(new TextEncoder().encode(`${this.#options.seed}/${key}`));
    const board: I2cBoard = {
      clock: new VirtualClock(this.#startAt()),
      chip: make({
        identity,
        seed: readU32(identity, 8),
        written: (chip) => board.faults?.flashFinished(chip),
      }),
      faults: undefined,
    };
    this.#boards.set(key, board);
    return board;
  }

  #startAt(): number {
    const { startAt } = this.#options;
    return typeof startAt === 'number' ? startAt : startAt();
  }
}

/** The chip, whose address is not heard where the plan says so, and whose supply fails at its time. */
function withFaults(chip: I2cChip, plan: FaultPlan): I2cChip {
  let cut = false;
  const cutWhenDue = (at: number) => {
    if (cut || at < plan.powerCutNs) return;
    cut = true;
    chip.powerCut(plan.powerCutNs);
  };
  return {
    address: (address, direction, at) => {
      cutWhenDue(at);
      return chip.address(address, direction, at) && !plan.nextNack();
    },
    write: (byte, at) => {
      cutWhenDue(at);
      return chip.write(byte, at);
    },
    read: (at) => {
      cutWhenDue(at);
      return chip.read(at);
    },
    stop: (at) => {
      cutWhenDue(at);
      chip.stop(at);
    },
    sdaLow: (ns, at) => chip.sdaLow?.(ns, at),
    powerCycle: (at) => chip.powerCycle(at),
    powerCut: (at) => chip.powerCut(at),
  };
}
