import type { IoContext } from '#shared/base/clock.ts';

/**
 * A byte pipe to a probe, whatever carries it. The only thing the bench has to imitate, so that
 * batching, pipelining and faults above it are exercised for real.
 */
export interface Link {
  /**
   * `packet`: a write is one packet and a read returns one packet (USB bulk, HID).
   * `stream`: bytes have no borders (serial, TCP, unix socket).
   */
  readonly kind: 'packet' | 'stream';
  /** The link's address as the user names it, for messages. */
  readonly url: string;
  /** Rejects with `probe-lost` when the other end is gone, with the signal's reason when aborted. */
  write(data: Uint8Array, io: IoContext): Promise<void>;
  /**
   * The next packet, or for a stream whatever has arrived (at least one byte).
   * Rejects with `probe-silent` when nothing came within `timeoutMs` of the context's clock.
   */
  read(timeoutMs: number, io: IoContext): Promise<Uint8Array>;
  /**
   * The longest packet, in bytes, that the other end will send, as soon as somebody knows: where it spans several USB
   * packets a read cannot end by itself when the last of them is full.
   */
  expectPackets?(longest: number): void;
  /** Never rejects; may be called twice. */
  close(): Promise<void>;
}
