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

/** How a serial port frames its bytes: always 8 data bits and one stop bit. */
export interface SerialFormat {
  /** Bits per second. */
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
}

/** The wires that a serial port drives beside its data; what is left out stays. True is asserted: low at a UART's pins. */
export interface SerialLines {
  readonly dtr?: boolean;
  readonly rts?: boolean;
}

/** A serial port: a stream, and all that boards hang on the port's other wires. */
export interface SerialLink extends Link {
  readonly kind: 'stream';
  /** What was written before has left the port by then. Rejects with `probe-unsuited` where the port cannot do it. */
  setFormat(format: SerialFormat, io: IoContext): Promise<void>;
  /** Both together, where both are given and the port's driver can. */
  setLines(lines: SerialLines, io: IoContext): Promise<void>;
  /** Throws away what has arrived and was not read. */
  discard(io: IoContext): Promise<void>;
}
