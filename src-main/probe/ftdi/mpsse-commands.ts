/** MPSSE commands as bytes (FTDI AN_108). Pure: what sends them is mpsse.ts. */
import { concat } from '#shared/base/bytes.ts';

/** Bits of a shift command (AN_108, 3.3); all of ours put data out before a rising edge and look at it there. */
const Shift = {
  writeFalling: 0x01,
  bits: 0x02,
  readFalling: 0x04,
  lsbFirst: 0x08,
  write: 0x10,
  read: 0x20,
  tms: 0x40,
} as const;

export const Command = {
  setLow: 0x80,
  readLow: 0x81,
  setHigh: 0x82,
  readHigh: 0x83,
  loopbackOff: 0x85,
  divisor: 0x86,
  sendNow: 0x87,
  fullClock: 0x8a,
  threePhaseOn: 0x8c,
  threePhaseOff: 0x8d,
  clockBits: 0x8e,
  clockBytes: 0x8f,
  adaptiveOff: 0x97,
  driveZero: 0x9e,
  /** What it answers to a command that it does not know, before that command (AN_108, 4). */
  bad: 0xfa,
} as const;

/** A shift command's length is 16 bits. */
export const MOST_SHIFT = 0x10000;
const MOST_TMS = 7;
const BASE_HZ = 60_000_000;

/** Commands, and how many bytes they are answered with. */
export interface Batch {
  readonly commands: Uint8Array;
  readonly replies: number;
}

export const NO_COMMANDS: Batch = { commands: new Uint8Array(), replies: 0 };

export function joined(batches: readonly Batch[]): Batch {
  const commands = concat(batches.map((batch) => batch.commands));
  return { commands, replies: batches.reduce((sum, { replies }) => sum + replies, 0) };
}

function just(...commands: readonly number[]): Batch {
  return { commands: Uint8Array.from(commands), replies: 0 };
}

/** Levels and directions (1 is driven) of ADBUS0-7 or ACBUS0-7. */
export function setPins(bank: 'low' | 'high', levels: number, outputs: number): Batch {
  return just(bank === 'low' ? Command.setLow : Command.setHigh, levels & 0xff, outputs & 0xff);
}

export function readPins(bank: 'low' | 'high'): Batch {
  return { commands: Uint8Array.of(bank === 'low' ? Command.readLow : Command.readHigh), replies: 1 };
}

/** The divisor for at most `hz`, and what that makes (AN_108, 3.8.2): 60 MHz / ((1 + divisor) * 2), three phases take 3/2 of it. */
export function divisorFor(hz: number, threePhase = false): { readonly divisor: number; readonly hz: number } {
  const phases = threePhase ? 3 : 2;
  const divisor = Math.min(0xffff, Math.max(0, Math.ceil(BASE_HZ / (phases * hz)) - 1));
  return { divisor, hz: BASE_HZ / (phases * (1 + divisor)) };
}

export function setDivisor(divisor: number): Batch {
  return just(Command.divisor, divisor & 0xff, divisor >> 8);
}

/** The clock of the H chips, and nothing that an earlier user left (AN_135, 4.3). */
export function setUpClock(divisor: number, threePhase: boolean): Batch {
  const phases = threePhase ? Command.threePhaseOn : Command.threePhaseOff;
  return joined([just(Command.fullClock, Command.adaptiveOff, phases, Command.loopbackOff), setDivisor(divisor)]);
}

/** Pins that are let go instead of driven high (FT232H only; AN_108, 7.1). */
export function driveZero(low: number, high: number): Batch {
  return just(Command.driveZero, low, high);
}

export type BitOrder = 'lsb' | 'msb';

interface ShiftBytes {
  readonly order: BitOrder;
  /** Left out: TDI stays as it is. */
  readonly out?: Uint8Array;
  readonly count: number;
  readonly read: boolean;
}

/** Whole bytes, split as the length field needs. */
export function shiftBytes({ order, out, count, read }: ShiftBytes): Batch {
  const batches: Batch[] = [];
  const code = shiftCode(order, out !== undefined, read);
  for (let done = 0; done < count; done += MOST_SHIFT) {
    const size = Math.min(MOST_SHIFT, count - done);
    const head = Uint8Array.of(code, (size - 1) & 0xff, (size - 1) >> 8);
    const commands = out ? concat([head, out.subarray(done, done + size)]) : head;
    batches.push({ commands, replies: read ? size : 0 });
  }
  return joined(batches);
}

/** One to eight bits. */
export function shiftBits(order: BitOrder, count: number, out: number, read: boolean): Batch {
  const commands = Uint8Array.of(shiftCode(order, true, read) | Shift.bits, count - 1, out);
  return { commands, replies: read ? 1 : 0 };
}

/** Bits that came in, as bit 0 upwards (lsb) or as a number (msb): AN_108, 3.4: they enter at the other end. */
export function bitsFrom(order: BitOrder, reply: number, count: number): number {
  return order === 'lsb' ? reply >> (8 - count) : reply & ((1 << count) - 1);
}

/** One to seven clocks with TMS as its bits say, lowest first, and TDI held. */
export function clockTms(bits: number, count: number, tdi: 0 | 1, read: boolean): Batch {
  if (count < 1 || count > MOST_TMS) throw new RangeError(`${count} bits of TMS`);
  const code = shiftCode('lsb', false, read) | Shift.tms | Shift.bits | Shift.writeFalling;
  return { commands: Uint8Array.of(code, count - 1, (bits & 0x7f) | (tdi << 7)), replies: read ? 1 : 0 };
}

/** Clocks with nothing said and nothing heard. */
export function clockOnly(cycles: number): Batch {
  const batches: Batch[] = [];
  for (let bytes = Math.floor(cycles / 8); bytes > 0; bytes -= MOST_SHIFT) {
    const size = Math.min(MOST_SHIFT, bytes) - 1;
    batches.push(just(Command.clockBytes, size & 0xff, size >> 8));
  }
  if (cycles % 8 > 0) batches.push(just(Command.clockBits, (cycles % 8) - 1));
  return joined(batches);
}

function shiftCode(order: BitOrder, write: boolean, read: boolean): number {
  const out = write ? Shift.write | Shift.writeFalling : 0;
  return out | (read ? Shift.read : 0) | (order === 'lsb' ? Shift.lsbFirst : 0);
}
