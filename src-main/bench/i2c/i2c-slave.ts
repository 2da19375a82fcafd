/** A simulated chip on an I2C bus, byte by byte. Times in nanoseconds of its board's virtual clock; they never go back. */
export interface I2cSlave {
  /** A start, also a repeated one, and the address after it, over at `at`. True: this chip acknowledges. */
  address(address: number, direction: 'read' | 'write', at: number): boolean;
  /** A byte for the chip that acknowledged; false: it takes no more. */
  write(byte: number, at: number): boolean;
  /** The next byte of the chip. Only after it does the master say whether it wants another; the next call is that. */
  read(at: number): number;
  /** What was asked begins now. Told to the chip that acknowledged last. */
  stop(at: number): void;
  /** SDA was low for so long, over at `at`: what chips that sleep are woken by. */
  sdaLow?(ns: number, at: number): void;
  /** Off, and on again long after. */
  powerCycle(at: number): void;
  /** Supply falls: what is under way stays half done. */
  powerCut(at: number): void;
}
