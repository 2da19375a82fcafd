import type { ChipDescription } from '#shared/model/chip.ts';
import type { SerialFormat } from '../../link/link.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Faults } from '../faults.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import type { UartDevice } from './uart-device.ts';

/** A simulated unit in a fixture, its serial port connected; not wired up to anybody yet. */
export interface PluggedUart {
  readonly clock: VirtualClock;
  readonly device: UartDevice;
  /** This connection's. */
  readonly faults: FaultPlan;
  /** What it listens in now: for lines that carry bytes and no bits (TCP, a pseudo terminal). */
  listens(): SerialFormat;
}

export interface PlugOptions {
  readonly faults: Faults;
  /** The fixture's relay holds it in its boot loader; else DTR and RTS do what the board's wiring makes of them. */
  readonly strapped: boolean;
}

/** The units with one kind of boot loader, each found again under its serial: flash and locks are kept. */
export interface UartBench {
  /** Puts the unit into a fixture: power comes up. Throws `chip-unknown` for what the bench has no model of. */
  plugIn(chip: ChipDescription, serial: string, options: PlugOptions): PluggedUart;
}
