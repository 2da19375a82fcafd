import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from './memory-access.ts';

/** One access to a DP or AP register (ADIv5.2, B1.2). `address` is A[3:2], so 0x0, 0x4, 0x8 or 0xC; banks are the caller's. */
export type Transfer =
  | { readonly port: 'dp' | 'ap'; readonly address: number; readonly read: true }
  | { readonly port: 'dp' | 'ap'; readonly address: number; readonly read: false; readonly value: number }
  /** Many reads of one register. */
  | { readonly port: 'dp' | 'ap'; readonly address: number; readonly readCount: number }
  /** Many writes to one register. */
  | { readonly port: 'dp' | 'ap'; readonly address: number; readonly words: Uint32Array }
  | Match;

/**
 * The probe reads until `(word & matchMask) === matchValue`, its retry limit (about 0.1 s) at most. Within a batch, a
 * match that fails rejects with `target-stuck`, and nothing after it is carried out.
 */
export interface Match {
  readonly port: 'dp' | 'ap';
  readonly address: number;
  readonly matchMask: number;
  readonly matchValue: number;
  /**
   * What follows may be on its way before this is known to match, and is then carried out even if it does not: no
   * round trip is lost. For streams that are thrown away whole when anything in them fails.
   */
  readonly runsOn?: true;
}

/** How a debug port is reached, and how fast. */
export type Wire = SwdWire | JtagWire;

export interface SwdWire {
  readonly protocol: 'swd';
  readonly clockHz: number;
  /** DPv2: which port of several on one pair of wires (ADIv5.2, B2.2.10 TARGETSEL); left out where there is one. */
  readonly targetSel?: number;
}

export interface JtagWire {
  readonly protocol: 'jtag';
  readonly clockHz: number;
  /** Instruction register lengths in bits; the first TAP is the one nearest to TDO. */
  readonly irLengths: readonly number[];
  /** Which of them is the debug port. */
  readonly tap: number;
}

/** The clock that was asked for, and the one in use, which is lower where `limitedBy` says why. */
export interface WireClock {
  readonly askedHz: number;
  readonly usedHz: number;
  readonly limitedBy?: 'probe' | 'noise';
}

/**
 * A debug port reached through a probe: what CMSIS-DAP and its kin offer, below any knowledge of memory.
 * A rejected batch has drained what was in flight and cleared the sticky flags.
 */
export interface DebugPort {
  /**
   * Makes the wire the debug port's (line reset and switching sequence, or TAP reset), reads DPIDR (over JTAG too) and
   * resolves to it. Rejects with `no-target` when nothing answers, `probe-unsuited` when the probe lacks the protocol.
   */
  connect(wire: Wire, io: IoContext): Promise<number>;
  /**
   * Carries the transfers out in order, packed into full packets; resolves to the reads' words.
   * `progress` counts the bytes (4 a word) of what `readCount` and `words` entries moved so far.
   */
  transfer(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array>;
  /** As `transfer`, but ends with one match; false when the probe's retries ran out before it matched. */
  poll(before: readonly Transfer[], match: Match, io: IoContext): Promise<boolean>;
  /** `count` reads of one AP register (auto-increment does the rest). */
  readBlock(address: number, count: number, io: IoContext, progress?: Progress): Promise<Uint32Array>;
  writeBlock(address: number, words: Uint32Array, io: IoContext, progress?: Progress): Promise<void>;
  /** Drives nRESET for `ms`. */
  pulseReset(ms: number, io: IoContext): Promise<void>;
  /**
   * Pulls nRESET low (`asserted`) or lets it go; also before `connect`, which then leaves it low. Resolves to whether
   * the line was seen to follow: it does not where it is not wired, where the board holds it, or where the probe
   * cannot tell.
   */
  reset(asserted: boolean, io: IoContext): Promise<boolean>;
  /** The wire's clock as of the last `connect`; undefined before it. */
  wireClock(): WireClock | undefined;
  /** What the probe says of itself, for records and people. */
  describe(): { readonly vendor: string; readonly product: string; readonly serial: string; readonly firmware: string };
  close(io: IoContext): Promise<void>;
}
