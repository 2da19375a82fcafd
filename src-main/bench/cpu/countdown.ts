/**
 * True if, of the instructions of one pass (first halfwords), exactly one changes `register`, that is SUBS register, #step, and
 * no other looks at it but CMP register, #0. Then passes differ in nothing else, and all flags are the same as long as the result
 * stays above 0.
 */
export function countsDown(pass: readonly number[], register: number, step: number): boolean {
  const subtraction = 0x3800 | (register << 8) | step;
  const short = 0x1e00 | (step << 6) | (register << 3) | register;
  const compareWithZero = 0x2800 | (register << 8);
  let found = 0;
  for (const op of pass) {
    if ((step < 256 && op === subtraction) || (step < 8 && op === short)) found++;
    else if (op !== compareWithZero && touched(op) & (1 << register)) return false;
  }
  return found === 1;
}

const ALL = 0xff;
const NOP = 0xbf00;

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
    case 8: // data processing; with high registers, which come as 8 and up
      return op & 0x400 ? (1 << ((op & 7) | ((op >>> 4) & 8))) | (1 << ((op >>> 3) & 15)) : low;
    case 10: // LDR, STR by two registers
    case 11:
      return low | (1 << ((op >>> 6) & 7));
    case 26: // branches
    case 27:
    case 28:
      return 0;
    default:
      return op === NOP ? 0 : ALL;
  }
}
