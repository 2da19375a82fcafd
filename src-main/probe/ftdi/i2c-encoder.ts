import type { I2cMessage, I2cOutcome } from '../i2c-port.ts';
import { type Batch, bitsFrom, driveZero, joined, setPins, shiftBits, shiftBytes } from './mpsse-commands.ts';
import { Pin } from './layouts.ts';

/** Both pins of SDA are one wire; SCL and SDA are the lowest bits of ADBUS. */
const SCL = 1 << Pin.clock;
const SDA = 1 << Pin.out;
/** A pin command takes less than the shortest time that the bus allows for its signals: several in a row (AN_255, 2.2). */
const HOLD = 6;

/** What an answer byte says. */
type Answer = { readonly acknowledge: 'address' | 'data' } | { readonly into: Uint8Array; readonly at: number };

export interface EncodedI2c {
  readonly batch: Batch;
  readonly decode: (replies: Uint8Array) => I2cOutcome;
  /** Clocks of SCL. */
  readonly cycles: number;
}

/** Levels and directions of ADBUS beside the two wires. */
export interface OtherPins {
  readonly levels: number;
  readonly outputs: number;
}

/**
 * A whole I2C transfer as MPSSE commands (AN_113, AN_255), acknowledges and all: what follows a byte that was not
 * acknowledged is clocked to nobody, and no round trip is spent on asking first.
 */
export class I2cEncoder {
  readonly #others: OtherPins;
  readonly #batches: Batch[] = [];
  readonly #answers: Answer[] = [];
  readonly #data: Uint8Array[] = [];
  #cycles = 0;

  constructor(others: OtherPins) {
    this.#others = others;
  }

  transfer(address: number, messages: readonly I2cMessage[]): EncodedI2c {
    for (const message of messages) {
      this.#start();
      if ('write' in message) {
        this.#write(address << 1, 'address');
        for (const byte of message.write) this.#write(byte, 'data');
      } else {
        this.#write((address << 1) | 1, 'address');
        const into = new Uint8Array(message.read);
        this.#data.push(into);
        for (let at = 0; at < into.length; at++) this.#read(into, at, at === into.length - 1);
      }
    }
    this.#stop();
    const answers = this.#answers;
    const data = this.#data;
    const decode = (replies: Uint8Array): I2cOutcome => {
      for (const [index, answer] of answers.entries()) {
        const reply = replies[index] ?? 0xff;
        if ('into' in answer) answer.into[answer.at] = reply;
        else if (bitsFrom('msb', reply, 1) === 1) return { acknowledged: false, at: answer.acknowledge };
      }
      return { acknowledged: true, data };
    };
    return { batch: joined(this.#batches), decode, cycles: this.#cycles };
  }

  /** From wherever the bus stands: SDA falls while SCL is high. */
  #start(): void {
    this.#lines(false, true);
    this.#lines(true, true);
    this.#lines(true, false);
    this.#lines(false, false);
  }

  #stop(): void {
    this.#lines(false, false);
    this.#lines(true, false);
    this.#lines(true, true);
  }

  #write(byte: number, acknowledge: 'address' | 'data'): void {
    this.#batches.push(this.#pins(false, false, true));
    this.#batches.push(shiftBytes({ order: 'msb', out: Uint8Array.of(byte), count: 1, read: false }));
    // SDA is let go for the chip's answer.
    this.#batches.push(this.#pins(false, true, false), READ_BIT);
    this.#answers.push({ acknowledge });
    this.#cycles += 9;
  }

  #read(into: Uint8Array, at: number, last: boolean): void {
    this.#batches.push(this.#pins(false, true, false), shiftBytes({ order: 'msb', count: 1, read: true }));
    this.#answers.push({ into, at });
    // No acknowledge is SDA let go.
    this.#batches.push(this.#pins(false, last, !last), shiftBits('msb', 1, last ? 0xff : 0, false));
    this.#cycles += 9;
  }

  /** SCL and SDA, each driven low or let go, long enough for the bus. */
  #lines(scl: boolean, sda: boolean): void {
    for (let times = 0; times < HOLD; times++) this.#batches.push(this.#pins(scl, sda, !sda));
  }

  #pins(scl: boolean, sda: boolean, driveSda: boolean): Batch {
    return i2cPins(this.#others, scl, sda, driveSda);
  }
}

/** One bit in as the clock rises, most significant first. */
const READ_BIT: Batch = { commands: Uint8Array.of(0x22, 0x00), replies: 1 };

/** SCL is driven both ways, as nobody stretches it who is not stuck; SDA may be let go. */
export function i2cPins(others: OtherPins, scl: boolean, sda: boolean, driveSda: boolean): Batch {
  const levels = (others.levels & ~(SCL | SDA)) | (scl ? SCL : 0) | (sda ? SDA : 0);
  const outputs = (others.outputs & ~(SDA | (1 << Pin.in))) | SCL | (driveSda ? SDA : 0);
  return setPins('low', levels, outputs);
}

/** FT232H: the two pins pull low and let go, also within a shifted byte. */
export const OPEN_DRAIN: Batch = driveZero(SCL | SDA, 0);
