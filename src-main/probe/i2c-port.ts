import type { IoContext } from '#shared/base/clock.ts';
import type { DebugPort } from './debug-port.ts';

/** A part of a transfer: the bus is started anew for each, and stopped after the last (UM10204, 3.1.10). */
export type I2cMessage = { readonly write: Uint8Array } | { readonly read: number };

/** A chip that does not acknowledge is busy, or not there: nothing wrong with the bus. */
export type I2cOutcome =
  | { readonly acknowledged: true; readonly data: readonly Uint8Array[] }
  | { readonly acknowledged: false; readonly at: 'address' | 'data' };

/** The two wires of an I2C bus: what an MPSSE or an MCP2221A offers. */
export interface I2cPort {
  /** The link's address as the user names it, for messages. */
  readonly url: string;
  /** What one message carries at most, in bytes. */
  readonly limits: { readonly write: number; readonly read: number };
  /** Takes the pins and sets SCL; resolves to the frequency in use. Rejects with `probe-unsuited` or `bus-stuck`. */
  connect(clockHz: number, io: IoContext): Promise<number>;
  /** `address` of 7 bits. `data` has one array for each message that reads. */
  transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<I2cOutcome>;
  /** What the adapter says of itself, for records and people. */
  describe(): ReturnType<DebugPort['describe']>;
  /** Lets the pins go. Never rejects because the adapter is gone. */
  close(io: IoContext): Promise<void>;
}
