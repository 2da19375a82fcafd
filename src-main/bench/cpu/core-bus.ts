import type { Bus } from '../bus.ts';
import type { Ram } from './ram.ts';

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
}
