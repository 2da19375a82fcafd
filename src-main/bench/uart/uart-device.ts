import type { SerialFormat, SerialLines } from '../../link/link.ts';

/** The device's own transmitter, handed to it when it is wired up. */
export interface UartTransmitter {
  /** The bytes leave from `at` on, after those before them. */
  send(bytes: Iterable<number>, at: number, format: SerialFormat): void;
  /** A reset: what has not left by then never will. */
  silence(at: number): void;
}

/**
 * A simulated device on a serial line. Times in nanoseconds of its virtual clock. It works off what it receives at once,
 * and says by the times of its answers how long that took.
 */
export interface UartDevice {
  /** Called once, before anything else. */
  wire(transmitter: UartTransmitter): void;
  /**
   * A byte whose stop bit ended at `at`, sent in this format. The device decides by its own whether it understood it
   * (uart-wire.ts: understands, garbled).
   */
  receive(byte: number, at: number, format: SerialFormat): void;
  /** DTR and RTS as they are from `at` on; true is asserted. */
  lines(lines: Required<SerialLines>, at: number): void;
  /** Off and on again: volatile state is lost, memory stays. */
  powerCycle(at: number): void;
  /** Supply falls at `at` for good: what is under way stays half done, nothing is sent any more. */
  powerCut(at: number): void;
}
