import type { Bus } from '../bus.ts';
import type { Ram } from './ram.ts';

/** What a device is like between two of a program's exchanges with it. */
export interface DeviceState {
  /** Two equal phases behave alike from then on. */
  readonly phase: number;
  /** Until when; nanoseconds, Infinity if only another access changes it. */
  readonly until: number;
  /** The device takes time of its own over an exchange: passes are alike only if a cycle is a whole number of nanoseconds. */
  readonly takesTime: boolean;
}

/** Devices that a waiting program writes to (a status command to a flash on a serial bus, a watchdog that is fed). */
export interface DeviceLoop {
  /** Whether this address belongs to them. */
  holds(address: number): boolean;
  /** Undefined while something is under way. Nothing in it may depend on the time, but by `until`. */
  state(at: number): DeviceState | undefined;
}

/** A chip's bus as its core sees it, below the private peripheral bus (0xE0000000), which the core brings along. */
export interface CoreBus extends Bus {
  /** The memory that the core reads and writes without asking the bus. */
  readonly ram: Ram;
  /**
   * Until when reads of this address (no RAM) give what they give at `at`, and change nothing by being read, if nobody
   * writes meanwhile. `at` itself where that cannot be promised; Infinity where only a write changes it.
   */
  steadyUntil(address: number, at: number): number;
  /** Until when the bus will not take this access, so that the core is held: `at` or earlier when it is free. */
  heldUntil(address: number, write: boolean, at: number): number;
  readonly loop?: DeviceLoop;
}
