import type { DpRegisters } from '../dp-registers.ts';
import { bitsOf, numberOf, Tap, type Bits, type DataRegister, type WholeScan } from './tap.ts';

/** Instructions of a JTAG-DP with a four-bit register (ADIv5.2 B3.3). */
export const JTAG_DP = { irLength: 4, abort: 0b1000, dpacc: 0b1010, apacc: 0b1011, idcode: 0b1110 } as const;

/** Three bits of acknowledge before the 32 of data (ADIv5.2 B3.4); OK and FAULT are one. */
export const JtagAck = { wait: 0b001, okFault: 0b010 } as const;

const HEAD_BITS = 3;
const SCAN_BITS = 35;
const CTRL_STAT = 4;
const SELECT = 8;

/**
 * A JTAG-DP: ABORT, DPACC and APACC are 35-bit scans `data[34:3] A[3:2] RnW`, answered by the access before them
 * (ADIv5.2 B3.4). It differs from SWD in its errors: a scan is answered OK whether or not the access went well, while
 * a sticky flag stands AP accesses are dropped, and ones written to CTRL/STAT clear the flags.
 */
export function jtagDpTap(name: string, idcode: number, registers: DpRegisters): Tap {
  const dp = new JtagDp(registers);
  return new Tap({
    name,
    irLength: JTAG_DP.irLength,
    captureIr: 0b0001,
    idcode: { instruction: JTAG_DP.idcode, value: () => idcode },
    registers: new Map<number, DataRegister>([
      [JTAG_DP.abort, { length: SCAN_BITS, capture: () => new Uint8Array(SCAN_BITS), update: abortWith(registers) }],
      [JTAG_DP.dpacc, bitwise(new Access(dp, false))],
      [JTAG_DP.apacc, bitwise(new Access(dp, true))],
    ]),
  });
}

function abortWith(registers: DpRegisters): (bits: Bits) => void {
  return (bits) => registers.abort(numberOf(bits, HEAD_BITS, 32));
}

/** A register of whole scans, bit by bit. */
function bitwise(whole: WholeScan): DataRegister {
  return {
    length: SCAN_BITS,
    capture: (at) => {
      const bits = new Uint8Array(SCAN_BITS);
      bits.set(bitsOf(whole.capture(at), HEAD_BITS));
      bits.set(bitsOf(whole.word, 32), HEAD_BITS);
      return bits;
    },
    update: (bits, at) => whole.update(numberOf(bits, 0, HEAD_BITS), numberOf(bits, HEAD_BITS, 32), at),
    whole,
  };
}

/** What DPACC and APACC share: the result of the last access, and whether the scan under way was answered WAIT. */
class JtagDp {
  readonly registers: DpRegisters;
  result = 0;
  refused = false;

  constructor(registers: DpRegisters) {
    this.registers = registers;
  }
}

class Access implements WholeScan {
  readonly #dp: JtagDp;
  readonly #ap: boolean;

  constructor(dp: JtagDp, ap: boolean) {
    this.#dp = dp;
    this.#ap = ap;
  }

  get word(): number {
    return this.#dp.refused ? 0 : this.#dp.result;
  }

  capture(at: number): number {
    const { registers } = this.#dp;
    registers.settle(at);
    this.#dp.refused = registers.busy(at);
    return this.#dp.refused ? JtagAck.wait : JtagAck.okFault;
  }

  /** `head`: RnW in bit 0, A[3:2] above it. */
  update(head: number, word: number, at: number): void {
    const { registers, refused } = this.#dp;
    registers.settle(at);
    if (refused) return;
    const read = (head & 1) !== 0;
    const address = (head >> 1) << 2;
    this.#dp.result = this.#ap ? this.#updateAp(read, address, word, at) : this.#updateDp(read, address, word);
  }

  /** 0xC is RDBUFF, which reads as zero and changes nothing (ADIv5.2 B2.2.7). */
  #updateDp(read: boolean, address: number, word: number): number {
    const { registers } = this.#dp;
    if (!read) registers.write(address, word, true);
    else if (address === SELECT) return registers.select;
    else if (address <= CTRL_STAT) return registers.read(address);
    return 0;
  }

  #updateAp(read: boolean, address: number, word: number, at: number): number {
    const { registers } = this.#dp;
    if (registers.sticky) return 0;
    if (read) return registers.readAp(address, at);
    registers.writeAp(address, word, at);
    return 0;
  }
}
