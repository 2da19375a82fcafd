import type { I2cSlave } from './i2c-slave.ts';

/** What the bits on the wire are at the moment (UM10204, 3.1). */
type Phase = 'idle' | 'address' | 'write' | 'read' | 'passed';

const DATA_BITS = 8;

/**
 * The two wires of an I2C bus, edge by edge: open drain, so that each is low while anybody pulls it low. Whatever drives
 * the master's end (pins of an MPSSE, a bridge's own engine), the chips hear bytes. Times in nanoseconds; they never go back.
 */
export class I2cWire {
  readonly #slaves: readonly I2cSlave[];
  #scl = true;
  #sda = true;
  /** A chip pulls SDA low. */
  #pulled = false;
  #phase: Phase = 'idle';
  #selected: I2cSlave | undefined;
  /** Clocks of the byte that are over; the ninth is the acknowledge. */
  #clocks = 0;
  #bits = 0;
  /** The chip's byte that is being read. */
  #sending = 0;
  #acknowledged = false;
  #fellAt = 0;
  #roseAt = -Infinity;
  #stuckFor = 0;
  /** The shortest time between two rising edges of SCL so far. */
  shortestPeriodNs = Infinity;

  constructor(slaves: readonly I2cSlave[]) {
    this.#slaves = slaves;
  }

  /** As both ends see it. */
  get sda(): boolean {
    return this.#sda && !this.#pulled && this.#stuckFor <= 0;
  }

  /** No chip stretches the clock. */
  get scl(): boolean {
    return this.#scl;
  }

  /** The master's end of both wires from `at` on; true lets go. */
  set(scl: boolean, sda: boolean, at: number): void {
    // Data changes while the clock is low, whichever of two edges at one moment that takes first.
    if (this.#scl && !scl) this.#fall(at);
    if (sda !== this.#sda) this.#setSda(sda, at);
    if (!this.#scl && scl) this.#rise(at);
  }

  /** Something pulls SDA low until SCL has fallen so often; Infinity: for good. */
  stick(clocks: number): void {
    this.#stuckFor = clocks;
  }

  /** The chips lost their supply or got it anew: none of them holds the wire any more. */
  letGo(): void {
    this.#pulled = false;
    this.#selected = undefined;
    this.#phase = 'passed';
  }

  #setSda(sda: boolean, at: number): void {
    const before = this.sda;
    this.#sda = sda;
    if (this.sda === before) return;
    if (before) this.#fellAt = at;
    else for (const slave of this.#slaves) slave.sdaLow?.(at - this.#fellAt, at);
    if (!this.#scl) return;
    if (before) this.#start();
    else this.#stop(at);
  }

  #start(): void {
    this.#phase = 'address';
    // The clock is high, and falls before the first bit.
    this.#clocks = -1;
    this.#bits = 0;
  }

  #stop(at: number): void {
    this.#selected?.stop(at);
    this.#selected = undefined;
    this.#phase = 'idle';
  }

  /** Whoever listens takes a bit. */
  #rise(at: number): void {
    this.#scl = true;
    this.shortestPeriodNs = Math.min(this.shortestPeriodNs, at - this.#roseAt);
    this.#roseAt = at;
    if (this.#clocks < DATA_BITS) this.#bits = ((this.#bits << 1) | (this.sda ? 1 : 0)) & 0xff;
    else this.#acknowledged = !this.sda;
  }

  /** Whoever talks puts its next bit on the wire. */
  #fall(at: number): void {
    this.#scl = false;
    if (this.#stuckFor > 0) this.#stuckFor--;
    if (this.#phase === 'idle' || this.#phase === 'passed') return;
    this.#clocks++;
    if (this.#clocks === DATA_BITS) this.#byteOver(at);
    else if (this.#clocks > DATA_BITS) this.#acknowledgeOver(at);
    else if (this.#phase === 'read') this.#pulled = ((this.#sending >> (DATA_BITS - 1 - this.#clocks)) & 1) === 0;
  }

  #byteOver(at: number): void {
    if (this.#phase === 'read') this.#pulled = false;
    else this.#pulled = this.#phase === 'address' ? this.#select(at) : this.#selected?.write(this.#bits, at) === true;
  }

  #select(at: number): boolean {
    const direction = this.#bits & 1 ? 'read' : 'write';
    this.#selected = undefined;
    for (const slave of this.#slaves) {
      if (slave.address(this.#bits >> 1, direction, at)) this.#selected = slave;
    }
    return this.#selected !== undefined;
  }

  #acknowledgeOver(at: number): void {
    const reading = this.#phase === 'read' || (this.#phase === 'address' && (this.#bits & 1) === 1);
    this.#pulled = false;
    this.#clocks = 0;
    if (!this.#acknowledged || !this.#selected) {
      this.#phase = 'passed';
    } else if (reading) {
      this.#phase = 'read';
      this.#sending = this.#selected.read(at);
      this.#pulled = this.#sending < 0x80;
    } else {
      this.#phase = 'write';
    }
    this.#bits = 0;
  }
}
