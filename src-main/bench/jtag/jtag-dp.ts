import type { DpRegisters } from '../dp-registers.ts';
import { bitsOf, numberOf, Tap, type Bits, type DataRegister } from './tap.ts';

/** Instructions of a JTAG-DP with a four-bit register (ADIv5.2 B3.3). */
export const JTAG_DP = { irLength: 4, abort: 0b1000, dpacc: 0b1010, apacc: 0b1011, idcode: 0b1110 } as const;

/** Three bits of acknowledge before the 32 of data (ADIv5.2 B3.4); OK and FAULT are one. */
export const JtagAck = { wait: 0b001, okFault: 0b010 } as const;

const SCAN_BITS = 35;
const CTRL_STAT = 4;
const SELECT = 8;

/**
 * A JTAG-DP: ABORT, DPACC and APACC are 35-bit scans `data[34:3] A[3:2] RnW`, answered by the access before them
 * (ADIv5.2 B3.4). It differs from SWD in its errors: a scan is answered OK whether or not the access went well, while
 * a sticky flag stands AP accesses are dropped, and ones written to CTRL/STAT clear the flags.
 */
export function jtagDpTap(name: string, idcode: number, registers: DpRegisters): Tap {
  const access = new JtagAccess(registers);
  return new Tap({
    name,
    irLength: JTAG_DP.irLength,
    captureIr: 0b0001,
    idcode: { instruction: JTAG_DP.idcode, value: () => idcode },
    registers: new Map<number, DataRegister>([
      [JTAG_DP.abort, { length: SCAN_BITS, capture: () => new Uint8Array(SCAN_BITS), update: access.abort }],
      [JTAG_DP.dpacc, { length: SCAN_BITS, capture: access.capture, update: access.updateDp }],
      [JTAG_DP.apacc, { length: SCAN_BITS, capture: access.capture, update: access.updateAp }],
    ]),
    reset: () => access.reset(),
  });
}

class JtagAccess {
  readonly #registers: DpRegisters;
  /** What the last access read. */
  #result = 0;
  /** The scan under way was answered WAIT: its update does nothing. */
  #refused = false;

  constructor(registers: DpRegisters) {
    this.#registers = registers;
  }

  reset(): void {
    this.#refused = false;
  }

  readonly capture = (at: number): Bits => {
    const registers = this.#registers;
    registers.settle(at);
    this.#refused = registers.busy(at);
    const bits = new Uint8Array(SCAN_BITS);
    bits[0] = this.#refused ? 1 : 0;
    bits[1] = this.#refused ? 0 : 1;
    if (!this.#refused) bits.set(bitsOf(this.#result, 32), 3);
    return bits;
  };

  readonly updateDp = (bits: Bits, at: number): void => {
    const registers = this.#registers;
    registers.settle(at);
    if (this.#refused) return;
    const { read, address, value } = fields(bits);
    this.#result = 0;
    if (!read) registers.write(address, value, true);
    else if (address === SELECT) this.#result = registers.select;
    else if (address <= CTRL_STAT) this.#result = registers.read(address);
    // 0xC is RDBUFF, which reads as zero and changes nothing (ADIv5.2 B2.2.7).
  };

  readonly updateAp = (bits: Bits, at: number): void => {
    const registers = this.#registers;
    registers.settle(at);
    if (this.#refused) return;
    const { read, address, value } = fields(bits);
    this.#result = 0;
    if (registers.sticky) return;
    if (read) this.#result = registers.readAp(address, at);
    else registers.writeAp(address, value, at);
  };

  readonly abort = (bits: Bits): void => this.#registers.abort(fields(bits).value);
}

function fields(bits: Bits): { readonly read: boolean; readonly address: number; readonly value: number } {
  return { read: bits[0] === 1, address: numberOf(bits, 1, 2) << 2, value: numberOf(bits, 3, 32) };
}
