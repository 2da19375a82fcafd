import type { SpiSlave } from './spi-slave.ts';

/** An adapter's own figures. */
export interface SerprogProfile {
  readonly name: string;
  /** What it takes before it has answered; what is more is lost. */
  readonly buffer: number;
  /** 0: all that 24 bits can say. */
  readonly longestWrite: number;
  readonly longestRead: number;
  readonly mostHz: number;
  /** Of each operation, beside its clocks. */
  readonly overheadUs: number;
  /** Operations that it keeps until it is told to carry them out, in bytes; 0: it knows no such buffer, and no delays. */
  readonly operationBuffer: number;
}

/** A microcontroller with native USB (pico-serprog and its like): the buffer is the word for flow control that works. */
export const USB_SERPROG: SerprogProfile = {
  name: 'bench-serprog',
  buffer: 0xffff,
  longestWrite: 0,
  longestRead: 0,
  mostHz: 24_000_000,
  overheadUs: 4,
  operationBuffer: 0,
};

/** One that also knows the operations that parallel buses need, and with them waits by itself. */
export const DELAYING_SERPROG: SerprogProfile = { ...USB_SERPROG, operationBuffer: 300 };

/** An 8-bit microcontroller behind a UART: 8 MHz SPI, little RAM (frser-duino and its like). */
export const UART_SERPROG: SerprogProfile = {
  name: 'frser-duino',
  buffer: 300,
  longestWrite: 300,
  longestRead: 0,
  mostHz: 8_000_000,
  overheadUs: 20,
  operationBuffer: 0,
};

export interface SerprogFaults {
  /** SPI operations, counted from 0, of which one is answered NAK, or from which on its answers are garbage. */
  readonly refuse?: number;
  readonly garbage?: number;
}

/** Bytes that leave from this moment on; nanoseconds. */
export type Reply = (bytes: Uint8Array, at: number) => void;

const ACK = 0x06;
const NAK = 0x15;
const SPI_HEADER = 6;
/** Read bytes go out in pieces, while the chip is read on. */
const PIECE = 64;

/** O_DELAY in the buffer: itself and 32 bits. */
const DELAY_SIZE = 5;

/** Argument bytes of each command that has any; absent commands are refused. */
const ARGUMENTS: Readonly<Record<number, number>> = {
  0x00: 0,
  0x01: 0,
  0x02: 0,
  0x03: 0,
  0x04: 0,
  0x05: 0,
  0x08: 0,
  0x10: 0,
  0x11: 0,
  0x12: 1,
  0x13: SPI_HEADER,
  0x14: 4,
  0x15: 1,
};
/** Of the operation buffer: its size, O_INIT, O_DELAY, O_EXEC. */
const BUFFERED: Readonly<Record<number, number>> = { 0x07: 0, 0x0b: 0, 0x0e: 4, 0x0f: 0 };

/**
 * A serprog adapter with one chip on its bus, byte by byte (serprog-protocol, version 1). It works off a command when its
 * last byte is there; the answer says by its time how long that took.
 */
export class SerprogDevice {
  readonly #profile: SerprogProfile;
  readonly #slave: SpiSlave;
  readonly #reply: Reply;
  #faults: SerprogFaults = {};
  #command: number[] = [];
  /** Of an SPI operation: what is to be written comes after the header. */
  #wanted = 0;
  #hz = 1_000_000;
  #freeAt = 0;
  readonly #waiting: { readonly bytes: number; readonly startsAt: number }[] = [];
  #pins = false;
  /** O_DELAYs that wait for O_EXEC, in microseconds. */
  #delays: number[] = [];
  readonly #arguments: Readonly<Record<number, number>>;
  /** When the chip loses its supply. */
  cutAt = Infinity;
  readonly counts = { commands: 0, operations: 0, delays: 0, lost: 0 };

  constructor(profile: SerprogProfile, slave: SpiSlave, reply: Reply) {
    this.#profile = profile;
    this.#arguments = profile.operationBuffer > 0 ? { ...ARGUMENTS, ...BUFFERED } : ARGUMENTS;
    this.#slave = slave;
    this.#reply = reply;
  }

  /** When all that has come is worked off. */
  get freeAt(): number {
    return this.#freeAt;
  }

  /** Somebody plugged it in anew. */
  plugIn(faults: SerprogFaults): void {
    this.#faults = faults;
    this.#command = [];
    this.#delays = [];
    this.#waiting.length = 0;
    this.counts.operations = 0;
  }

  /** A byte that arrived at this moment; moments never go back. */
  receive(byte: number, at: number): void {
    while (this.#waiting[0] && this.#waiting[0].startsAt <= at) this.#waiting.shift();
    const held = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    const inBuffer = held + (this.#freeAt > at ? this.#command.length + 1 : 0);
    if (inBuffer > this.#profile.buffer) {
      this.counts.lost++;
      return;
    }
    this.#command.push(byte);
    const size = this.#sizeSoFar();
    if (this.#command.length < size) return;
    const command = Uint8Array.from(this.#command);
    this.#command = [];
    this.#wanted = 0;
    const startsAt = Math.max(at, this.#freeAt);
    this.#waiting.push({ bytes: command.length, startsAt });
    this.#freeAt = startsAt + Math.round(this.#profile.overheadUs * 1000);
    this.counts.commands++;
    this.#work(command);
  }

  #sizeSoFar(): number {
    const [opcode = 0] = this.#command;
    const fixed = 1 + (this.#arguments[opcode] ?? 0);
    if (opcode !== 0x13 || this.#command.length < fixed) return fixed;
    if (this.#wanted === 0) this.#wanted = fixed + little(this.#command.slice(1, 4));
    return this.#wanted;
  }

  #work(command: Uint8Array): void {
    const [opcode = 0] = command;
    if (this.#arguments[opcode] === undefined) this.#answer([NAK]);
    else if (opcode === 0x10) this.#answer([NAK, ACK]);
    else if (opcode === 0x13) this.#operate(command);
    else this.#answer(this.#simple(opcode, command));
  }

  #simple(opcode: number, command: Uint8Array): readonly number[] {
    const { name, buffer, longestWrite, longestRead, mostHz } = this.#profile;
    const [, first = 0] = command;
    switch (opcode) {
      case 0x01:
        return [ACK, 1, 0];
      case 0x02:
        return [ACK, ...commandMap(this.#arguments)];
      case 0x03:
        return [ACK, ...Buffer.from(name.padEnd(16, '\0'), 'latin1')];
      case 0x04:
        return [ACK, ...toLittle(buffer, 2)];
      case 0x05:
        return [ACK, 0x08];
      case 0x07:
        return [ACK, ...toLittle(this.#profile.operationBuffer, 2)];
      case 0x0b:
        this.#delays = [];
        return [ACK];
      case 0x0e:
        if ((this.#delays.length + 1) * DELAY_SIZE > this.#profile.operationBuffer) return [NAK];
        this.#delays.push(little(command.subarray(1)));
        return [ACK];
      case 0x0f:
        return this.#execute();
      case 0x08:
        return [ACK, ...toLittle(longestWrite, 3)];
      case 0x11:
        return [ACK, ...toLittle(longestRead, 3)];
      case 0x12:
        return [(first & 0x08) === 0 ? NAK : ACK];
      case 0x14: {
        const asked = little(command.subarray(1));
        if (asked === 0) return [NAK];
        // A divider of whole numbers: the closest clock that is no faster.
        this.#hz = mostHz / Math.max(1, Math.ceil(mostHz / asked));
        return [ACK, ...toLittle(Math.floor(this.#hz), 4)];
      }
      case 0x15:
        this.#pins = first !== 0;
        return [ACK];
      default:
        return [ACK];
    }
  }

  /** Answered when all is over. */
  #execute(): readonly number[] {
    for (const us of this.#delays.splice(0)) {
      this.#freeAt += us * 1000;
      this.counts.delays++;
    }
    this.#cutIfDue();
    return [ACK];
  }

  #operate(command: Uint8Array): void {
    const index = this.counts.operations++;
    const { refuse, garbage = Infinity } = this.#faults;
    if (index === refuse) return this.#answer([NAK]);
    const write = command.subarray(1 + SPI_HEADER);
    const read = little(command.subarray(4, 7));
    const { longestRead } = this.#profile;
    if (!this.#pins || (longestRead > 0 && read > longestRead)) return this.#answer([NAK]);
    if (index >= garbage) this.#answer([0x5a]);
    else this.#answer([ACK]);
    this.#cutIfDue();
    this.#slave.select(this.#freeAt);
    for (const byte of write) this.#exchange(byte);
    for (let done = 0; done < read; done += PIECE) {
      const piece = Uint8Array.from({ length: Math.min(PIECE, read - done) }, () => this.#exchange(0x00));
      this.#answer(piece);
    }
    this.#slave.deselect(this.#freeAt);
  }

  #exchange(mosi: number): number {
    this.#freeAt += Math.round(8e9 / this.#hz);
    this.#cutIfDue();
    return this.#slave.exchange(mosi, this.#freeAt);
  }

  #cutIfDue(): void {
    if (this.cutAt > this.#freeAt) return;
    this.#slave.powerCut(this.cutAt);
    this.cutAt = Infinity;
  }

  #answer(bytes: readonly number[] | Uint8Array): void {
    this.#reply(Uint8Array.from(bytes), this.#freeAt);
  }
}

function commandMap(commands: Readonly<Record<number, number>>): number[] {
  const map = Array.from({ length: 32 }, () => 0);
  for (const opcode of Object.keys(commands).map(Number))
    map[opcode >> 3] = (map[opcode >> 3] ?? 0) | (1 << (opcode & 7));
  return map;
}

function little(bytes: Iterable<number>): number {
  return [...bytes].reduceRight((value, byte) => value * 256 + byte, 0);
}

function toLittle(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** index) % 256);
}
