import type { IoContext } from '#shared/base/clock.ts';

/** Some TCK cycles during which TMS stays put. Bits go out, and come back, from bit 0 of byte 0 on. */
export interface JtagStretch {
  readonly tms: 0 | 1;
  /** 1 or more; whoever carries it out splits it as the probe needs. */
  readonly cycles: number;
  /** At least `cycles` bits; left out, TDI stays low. */
  readonly tdi?: Uint8Array;
  /** Bring TDO back. */
  readonly capture?: boolean;
}

/**
 * The four wires of JTAG, without any knowledge of what hangs on them: what CMSIS-DAP's JTAG sequences, an MPSSE or a
 * bit-banging server offer. TDO is sampled as TCK rises, before the state changes (IEEE 1149.1, 4.5).
 */
export interface JtagPort {
  /** Takes the pins as JTAG and sets TCK; resolves to the frequency in use. Rejects with `probe-unsuited`. */
  connect(clockHz: number, io: IoContext): Promise<number>;
  /** Carries the stretches out in order; resolves to the captured bits, one array a capturing stretch. */
  sequence(stretches: readonly JtagStretch[], io: IoContext): Promise<Uint8Array[]>;
  setClock(clockHz: number, io: IoContext): Promise<number>;
  /** Drives nTRST or nRESET; true is asserted (low). */
  drive(pin: 'trst' | 'srst', asserted: boolean, io: IoContext): Promise<void>;
  close(io: IoContext): Promise<void>;
}
