import { z } from 'zod';

const count = z.number().int().min(0);
const cell = { address: z.number().int().min(0).max(0xffffffff), bit: z.number().int().min(0).max(31) };

/**
 * What goes wrong on a bench connection, as plain data. `after` counts from the connection's start:
 * packets for the probe, SWD transfers for the wire, flash controller operations for the cells.
 */
export const Fault = z.discriminatedUnion('kind', [
  /** Nothing answers on the wire. */
  z.object({ kind: z.literal('no-target') }),
  /** SWDIO and SWCLK are swapped: the port sees no clock, and nothing ever answers. */
  z.object({ kind: z.literal('swapped-wires') }),
  /** The debug port answers WAIT to `times` transfers (for ever when left out). */
  z.object({ kind: z.literal('ack-wait'), after: count.default(0), times: count.optional() }),
  /** One transfer is answered FAULT, with the sticky error to clear. */
  z.object({ kind: z.literal('ack-fault'), after: count.default(0) }),
  /** One read arrives with its parity wrong. */
  z.object({ kind: z.literal('parity'), after: count.default(0) }),
  /**
   * Above this clock every transfer arrives with its parity wrong with the probability `chance`, in either direction:
   * a cable that is too long.
   */
  z.object({ kind: z.literal('noise'), aboveHz: count.default(0), chance: z.number().min(0).max(1).default(0.1) }),
  /** A programmed cell changes: after that many flash operations, or (left out) just before its word is read next. */
  z.object({ kind: z.literal('bit-rot'), ...cell, after: count.optional() }),
  /** A cell that holds `value` whatever is done. */
  z.object({ kind: z.literal('stuck-bit'), ...cell, value: z.union([z.literal(0), z.literal(1)]).default(0) }),
  /** The probe is pulled out before packet `after` (counted from 0). */
  z.object({ kind: z.literal('unplug'), after: count }),
  /** The probe stays plugged in and says nothing from packet `after` on. */
  z.object({ kind: z.literal('silent'), after: count.default(0) }),
  /** The board's supply fails before packet `after`, or `ms` virtual milliseconds after connecting. */
  z
    .object({ kind: z.literal('power-cut'), after: count.optional(), ms: z.number().min(0).optional() })
    .refine((fault) => fault.after !== undefined || fault.ms !== undefined, 'power-cut needs a packet or a time'),
  /** A serial line that says again what is sent on it. */
  z.object({ kind: z.literal('echo') }),
  /** A serial line on which firmware talks, whatever is said to it. */
  z.object({ kind: z.literal('chatter') }),
  /** A boot loader that refuses every command from number `after` on. */
  z.object({ kind: z.literal('refuses'), after: count.default(0) }),
  /** A boot loader whose erase or write number `after` never ends. */
  z.object({ kind: z.literal('endless'), after: count.default(0) }),
  /** The part says of itself that it has another size of flash. */
  z.object({ kind: z.literal('wrong-size') }),
  /** I2C: `times` addresses are not acknowledged (all, when left out), though the chip would. */
  z.object({ kind: z.literal('nack'), after: count.default(0), times: count.optional() }),
  /** I2C: something pulls SDA low until SCL has fallen `times` times; for good, when left out. */
  z.object({ kind: z.literal('stuck-sda'), times: count.optional() }),
  /** FICR says that it is another part. */
  z.object({ kind: z.literal('wrong-chip') }),
  /** The adapter answers one operation on its bus, or all from one on, in a way that it must not. */
  z.object({ kind: z.literal('refused'), after: count.default(0) }),
  z.object({ kind: z.literal('garbage'), after: count.default(0) }),
  /** From that operation on none of the chip comes to its end. */
  z.object({ kind: z.literal('never-ready'), after: count.default(0) }),
  /** What the chip says of itself is not so. */
  z.object({ kind: z.literal('false-parameters') }),
  /** UICR.APPROTECT is set when the board arrives; an EEPROM's write-protect pin is high; a secure element's zones are locked. */
  z.object({ kind: z.literal('protected') }),
  /** A secure element: its responses from command `after` on arrive with a bad CRC, `times` of them. */
  z.object({ kind: z.literal('bad-crc'), after: count.default(0), times: count.optional() }),
  /** A secure element: Lock is refused. */
  z.object({ kind: z.literal('lock-refused') }),
]);
export type Fault = z.infer<typeof Fault>;
export type Faults = readonly Fault[];

export type FaultOf<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export function faultsOf<K extends Fault['kind']>(faults: Faults, kind: K): FaultOf<K>[] {
  return faults.filter((fault): fault is FaultOf<K> => fault.kind === kind);
}
