/** Where instructions are read from while the core stands between two of them. */
interface Code {
  halfword(address: number): number;
}

/** The longest loop body that is looked through, in halfwords. */
const LONGEST = 32;

/**
 * True if, of all instructions from `start` up to the branch at `end`, exactly one touches `register`, and that is
 * SUBS register, #step. Then passes differ in nothing else, and its flags are the same as long as the result stays above 0.
 * Instructions whose registers are not listed here make it false.
 */
export function countsDown(code: Code, start: number, end: number, register: number, step: number): boolean {
  if (end < start || end - start > LONGEST * 2 || step > 255) return false;
  const subtraction = 0x3800 | (register << 8) | step;
  const short = 0x1e00 | (step << 6) | (register << 3) | register;
  let found = 0;
  for (let at = start; at < end; at += 2) {
    const op = code.halfword(at);
    if (op === subtraction || (step < 8 && op === short)) found++;
    else if (touched(op) & (1 << register)) return false;
  }
  return found === 1;
}

const ALL = 0xff;

/** Low registers that an instruction reads or writes, a bit each; all of them where this table says nothing. */
function touched(op: number): number {
  const low = (1 << (op & 7)) | (1 << ((op >>> 3) & 7));
  switch (op >>> 11) {
    case 0: // shifts by a constant; LDR, STR with an offset
    case 1:
    case 2:
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
      return low;
    case 3: // ADDS, SUBS of three
      return op & 0x400 ? low : low | (1 << ((op >>> 6) & 7));
    case 4: // MOVS, CMP, ADDS, SUBS with a constant; LDR from the literals, LDR and STR on the stack
    case 5:
    case 6:
    case 7:
    case 9:
    case 18:
    case 19:
      return 1 << ((op >>> 8) & 7);
    case 8: // data processing
      return op & 0x400 ? ALL : low;
    case 10: // LDR, STR by two registers
    case 11:
      return low | (1 << ((op >>> 6) & 7));
    case 26: // conditional branches
    case 27:
    case 28:
      return 0;
    default:
      return op === 0xbf00 ? 0 : ALL;
  }
}
