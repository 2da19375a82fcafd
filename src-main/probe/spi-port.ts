import type { IoContext } from '#shared/base/clock.ts';

/** One time that the chip is selected: bytes out, and then bytes in. Mode 0, eight bits, most significant bit first. */
export interface SpiTransfer {
  readonly write: Uint8Array;
  readonly read: number;
  /** How long the adapter waits before; only where the port has `delays`. */
  readonly beforeUs?: number;
}

/** The adapter in its own words, for records; empty where it does not tell. */
export interface SpiAdapter {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly firmware: string;
}

/** The wires of an SPI bus with one chip on it: what serprog or an MPSSE offers. */
export interface SpiPort {
  /** The link's address as the user names it, for messages. */
  readonly url: string;
  /** What one transfer carries at most, in bytes. */
  readonly limits: { readonly write: number; readonly read: number };
  readonly adapter?: SpiAdapter;
  /** The adapter waits by itself between transfers, while more of them are on their way. */
  readonly delays?: boolean;
  /**
   * Takes the pins and sets the clock; resolves to the frequency in use, 0 where the adapter keeps it to itself. Rejects
   * with `probe-unsuited` or `probe-protocol`.
   */
  connect(clockHz: number, io: IoContext): Promise<number>;
  /** Carries the transfers out in order, in as few round trips as the adapter allows; resolves to what each read. */
  transfer(transfers: readonly SpiTransfer[], io: IoContext): Promise<Uint8Array[]>;
  /** Lets the pins go. Never rejects because the adapter is gone. */
  close(io: IoContext): Promise<void>;
}
