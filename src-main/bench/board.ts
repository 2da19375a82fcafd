import { sha256 } from '@noble/hashes/sha2.js';
import { readU32 } from '#shared/base/bytes.ts';
import type { IncrementWindow } from './ahb-ap.ts';
import { FaultPlan } from './fault-plan.ts';
import { faultsOf, type Faults } from './faults.ts';
import { Nrf52840, type ChipReport } from './nrf52840.ts';
import { SwdLine } from './swd-line.ts';
import { VirtualClock } from './virtual-clock.ts';

const NRF52840_PART = 0x52840;
const WRONG_PART = 0x52833;
const APPROTECT = 0x10001208;

/** One simulated unit: its chip, its wires, and the time that it has lived. Flash and locks stay for its life. */
export class Board {
  readonly serial: string;
  readonly clock: VirtualClock;
  readonly chip: Nrf52840;
  readonly line: SwdLine;
  #part = NRF52840_PART;

  constructor(serial: string, seed: number, startAt: number, window?: IncrementWindow) {
    this.serial = serial;
    this.clock = new VirtualClock(startAt);
    const digest = sha256(new TextEncoder().encode(`${seed}/${serial}`));
    const factory = {
      part: () => this.#part,
      deviceId: [readU32(digest, 0), readU32(digest, 4)] as const,
    };
    this.chip = new Nrf52840(factory, readU32(digest, 8), window);
    this.line = new SwdLine(this.chip.dp, this.chip);
  }

  /** The board is put into the fixture: power comes up, and this connection's faults apply. */
  insert(faults: Faults): FaultPlan {
    const now = this.clock.elapsedNs;
    const plan = new FaultPlan(faults, now);
    this.#part = faultsOf(faults, 'wrong-chip').length > 0 ? WRONG_PART : NRF52840_PART;
    if (faultsOf(faults, 'protected').length > 0) this.chip.uicr.program(APPROTECT, 0xffffff00);
    for (const { address, bit, value } of faultsOf(faults, 'stuck-bit')) this.chip.stickBit(address, bit, value);
    this.chip.events = plan;
    this.chip.powerCycle(now);
    this.chip.supplyFailsAt = plan.powerCutNs;
    this.line.powerOn();
    return plan;
  }

  report(): ChipReport {
    return this.chip.report();
  }
}
