import { Ack } from './sw-dp.ts';

/** How the probe's side of the wire is set up (SWD_Configure, TransferConfigure, SWJ_Clock). */
export interface SwdTiming {
  readonly bitNs: number;
  /** Cycles that the line is nobody's, at each change of direction (DLCR.TURNROUND + 1). */
  readonly turnaround: number;
  /** Zero bits after each transfer that was acknowledged OK. */
  readonly idle: number;
  /** Data phase also after WAIT and FAULT (ADIv5.2 B4.2.2, for overrun detection). */
  readonly dataPhase: boolean;
}

const REQUEST = 8;
const ACK = 3;
/** 32 bits and their parity. */
const DATA = 33;

/** Clock cycles of one SWD packet (ADIv5.2 B4.2): the two turnarounds are there whatever the answer is. */
export function swdBits(ack: Ack, timing: SwdTiming): number {
  const header = REQUEST + timing.turnaround + ACK + timing.turnaround;
  if (ack === Ack.ok) return header + DATA + timing.idle;
  if (ack === Ack.wait || ack === Ack.fault) return header + (timing.dataPhase ? DATA : 0);
  // Nobody answered, or nonsense came: the probe backs off over a whole data phase.
  return header + DATA;
}

/** Whole nanoseconds a bit at `hz`. */
export function bitTime(hz: number): number {
  return Math.round(1e9 / hz);
}
