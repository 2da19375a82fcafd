import type { I2cWire } from './i2c-wire.ts';

/** The signals of a master (UM10204, 3.1) on the wire, at one frequency: what a bridge's own I2C engine makes. */
export class I2cMaster {
  readonly #wire: I2cWire;
  #half: number;
  /** When the last signal was over. */
  at = 0;

  constructor(wire: I2cWire, hz: number) {
    this.#wire = wire;
    this.#half = halfPeriod(hz);
  }

  setClock(hz: number): void {
    this.#half = halfPeriod(hz);
  }

  /** Also a repeated one. SDA is high before it falls. */
  start(): void {
    if (!this.#wire.scl) {
      this.#set(false, true);
      this.#set(true, true);
    }
    this.#set(true, false);
    this.#set(false, false);
  }

  stop(): void {
    this.#set(false, false);
    this.#set(true, false);
    this.#set(true, true);
  }

  /** True: it was acknowledged. */
  write(byte: number): boolean {
    for (let bit = 7; bit >= 0; bit--) this.#bit(((byte >> bit) & 1) === 1);
    return !this.#bit(true);
  }

  read(acknowledge: boolean): number {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = (byte << 1) | (this.#bit(true) ? 1 : 0);
    this.#bit(!acknowledge);
    return byte;
  }

  /** One clock with SDA let go: what a chip that was left in the middle of a byte waits for. */
  clock(): void {
    this.#bit(true);
  }

  #bit(sda: boolean): boolean {
    this.#set(false, sda);
    this.#set(true, sda);
    const found = this.#wire.sda;
    this.#wire.set(false, sda, this.at);
    return found;
  }

  #set(scl: boolean, sda: boolean): void {
    this.#wire.set(scl, sda, this.at);
    this.at += this.#half;
  }
}

function halfPeriod(hz: number): number {
  return Math.ceil(5e8 / hz);
}
