/** What hangs on a channel's sixteen pins: bit 0 to 7 ADBUS, 8 to 15 ACBUS. Times in nanoseconds; they never go back. */
export interface MpsseBoard {
  /** The pins from `at` on: levels of those that are driven (a one in `outputs`), the others are let go. */
  pins(levels: number, outputs: number, at: number): void;
  /** Every pin as it is read. */
  read(): number;
  /**
   * Eight clocks of SPI mode 0 in one: what came in, or undefined where single edges are wanted. `bitNs` is a clock's
   * period.
   */
  byte?(out: number, at: number, bitNs: number): number | undefined;
}

/** AD0 to AD3 as an MPSSE uses them (AN_108, 2.1). */
export const AD = { clock: 1, out: 2, in: 4, select: 8 } as const;
