import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Interface } from '#shared/model/recipe.ts';
import type { Target, Unit } from '../target/target.ts';
import type { FlashDevice } from './flash-device.ts';
import type { LockSteps } from './lock-steps.ts';

/**
 * A unit that brings the one way in which it is written: a boot loader that was reached, a memory on a bus. All that a run
 * asks of a unit, without a debug port.
 */
export interface Programmer extends Unit {
  /** Its steps of no return; absent where it has none. */
  readonly locks?: LockSteps;
  /** The public key of the private one in a slot: X then Y of P-256. Absent of what has no such slots. */
  elementKey?(slot: number, io: IoContext): Promise<Uint8Array>;
  /** May be called once a run, after `identify`. Rejects with a link's failure, `wrong-chip` or `chip-protected`. */
  openFlash(io: IoContext): Promise<FlashDevice>;
}

/** What an opened slot holds. */
export type OpenedUnit = Target | Programmer;

export function isProgrammer(unit: OpenedUnit): unit is Programmer {
  return 'openFlash' in unit;
}

/** A slot's way to its unit: a clock, and a way to open what is in it right now. */
export interface Connection {
  readonly clock: Clock;
  /** Rejects with a probe or target failure. What was opened half is closed again before it rejects. */
  open(io: IoContext): Promise<OpenedUnit>;
}

/** Which unit is to be reached, and by which of its interfaces. */
export interface ConnectRequest {
  /** The probe. */
  readonly url: string;
  readonly chip: ChipDescription;
  /** As the recipe says; a gdb server has its own mind about it. */
  readonly interface: Interface;
  /** Lets the bench put that board into the slot. */
  readonly serial: string;
}

export type Connector = (request: ConnectRequest) => Connection;
