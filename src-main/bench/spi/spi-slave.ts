/** A simulated chip on an SPI bus, byte by byte. Times in nanoseconds of its board's virtual clock; they never go back. */
export interface SpiSlave {
  /** CS# falls. */
  select(at: number): void;
  /** Eight clocks, over at `at`: what came on MOSI, and what the chip put on MISO meanwhile. */
  exchange(mosi: number, at: number): number;
  /** CS# rises: what was asked begins now. */
  deselect(at: number): void;
  /** Off, and on again long after. */
  powerCycle(at: number): void;
  /** Supply falls: what is under way stays half done. */
  powerCut(at: number): void;
}
