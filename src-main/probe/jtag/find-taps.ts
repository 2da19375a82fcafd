import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { JtagPort } from '../jtag-port.ts';
import { scanBits, TapWalk } from './tap-walk.ts';

/** A TAP as it shows itself, the one nearest to TDO first. */
export interface FoundTap {
  /** Undefined for a TAP that has none: it comes out of reset in BYPASS (IEEE 1149.1, 7.2.1). */
  readonly idcode: number | undefined;
}

export interface FoundChain {
  readonly taps: readonly FoundTap[];
  /** Of all instruction registers together, in bits. */
  readonly irBits: number;
  /** Of each, where what the registers capture leaves no doubt. */
  readonly irLengths: readonly number[] | undefined;
}

/** More than any board has; what goes on longer is a TDO that is stuck. */
const MOST_TAPS = 32;
const MOST_IR_BITS = 512;
const NOBODY = 0xffffffff;

/**
 * Finds the TAPs on a port that is connected: IDCODEs as a reset leaves them, the sum of the instruction registers, and
 * their single lengths from the 01 that each captures (IEEE 1149.1, 7.1.1). `irLengthOf`: what is known of a part.
 * Rejects with `no-target` when TDO is stuck. Leaves the controllers in Test-Logic-Reset.
 */
export async function findTaps(
  port: JtagPort,
  io: IoContext,
  irLengthOf: (idcode: number) => number | undefined = () => undefined,
): Promise<FoundChain> {
  const ones = new Uint8Array(MOST_TAPS * 4).fill(0xff);
  const taps = tapsFrom(await scanOnce(port, 'dr', ones, MOST_TAPS * 32, io));
  const ir = await scanOnce(port, 'ir', markerAfter(MOST_IR_BITS), 2 * MOST_IR_BITS, io);
  const irBits = lengthOf(ir);
  const found = taps.map(({ idcode }) => (idcode === undefined ? undefined : irLengthOf(idcode)));
  return { taps, irBits, irLengths: splitIr(ir.slice(0, irBits), found) };
}

/** What TDO shows of one scan after a reset, a bit an element. */
async function scanOnce(port: JtagPort, register: 'ir' | 'dr', tdi: Uint8Array, bits: number, io: IoContext) {
  const walk = new TapWalk();
  walk.reset();
  const capture = walk.scan(register, tdi, bits, 'reset', true);
  const bytes = scanBits(await port.sequence(walk.take(), io), capture);
  return Array.from({ length: bits }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
}

/** A zero, then a one, begin what is no IDCODE and what is one; ones without end are nobody. */
function tapsFrom(bits: readonly number[]): readonly FoundTap[] {
  const taps: FoundTap[] = [];
  for (let at = 0; at < bits.length;) {
    if (bits[at] === 0) {
      taps.push({ idcode: undefined });
      at++;
    } else {
      const idcode = bits.slice(at, at + 32).reduce((value, bit, i) => value + bit * 2 ** i, 0);
      if (at + 32 > bits.length || idcode === NOBODY) break;
      taps.push({ idcode });
      at += 32;
    }
    if (taps.length > MOST_TAPS) throw new FlashlineError('no-target', { cause: 'TDO is always low' });
  }
  if (taps.length === 0) throw new FlashlineError('no-target', { cause: 'TDO is always high' });
  return taps;
}

/** Ones, and a single zero behind them: ones fill every register with BYPASS, the zero shows how long they are. */
function markerAfter(ones: number): Uint8Array {
  const bytes = new Uint8Array(ones / 4).fill(0xff);
  bytes[ones / 8] = 0xfe;
  return bytes;
}

function lengthOf(bits: readonly number[]): number {
  const length = bits.indexOf(0, MOST_IR_BITS) - MOST_IR_BITS;
  if (length < 2) throw new FlashlineError('no-target', { cause: 'the instruction registers have no end' });
  return length;
}

/** The only way to cut the captured bits into that many registers that each begin with 1, 0; undefined if there are more. */
export function splitIr(
  captured: readonly number[],
  known: readonly (number | undefined)[],
): readonly number[] | undefined {
  let found: readonly number[] | undefined;
  let ways = 0;
  const cut = (at: number, lengths: readonly number[]): void => {
    if (ways > 1) return;
    if (lengths.length === known.length) {
      if (at !== captured.length) return;
      ways++;
      found = lengths;
      return;
    }
    if (captured[at] !== 1 || captured[at + 1] !== 0) return;
    const given = known[lengths.length];
    if (given !== undefined) {
      cut(at + given, [...lengths, given]);
      return;
    }
    const left = known.length - lengths.length - 1;
    for (let length = 2; at + length + 2 * left <= captured.length; length++) {
      // The next register must begin there too, or the chain end.
      const begins = captured[at + length] === 1 && captured[at + length + 1] === 0;
      if (left === 0 ? at + length === captured.length : begins) cut(at + length, [...lengths, length]);
    }
  };
  cut(0, []);
  return ways === 1 ? found : undefined;
}

/** ARM's debug ports have four bits (ADIv5.2 B3.2): designer 0x23B, a part number that begins with 0xBA. */
export function armIrLength(idcode: number): number | undefined {
  return (idcode & 0x0ff00fff) === 0x0ba00477 ? 4 : undefined;
}
