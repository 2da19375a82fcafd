/**
 * The bit sequences that make a debug port listen: from JTAG, from SWD, or from sleep ("dormant"), whichever it is in
 * (ADIv5.2, B5.2 and B5.3). Bits go out on SWDIO/TMS, least significant bit of each byte first.
 */

/** At least 50 ones end whatever the port was doing (B4.3.3); over JTAG they reach Test-Logic-Reset. */
const ONES = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** And at least two idle cycles before the first request. */
export const LINE_RESET = Uint8Array.of(...ONES, 0x00);
/** Test-Logic-Reset and Run-Test/Idle. */
export const TAP_RESET = Uint8Array.of(0xff, 0x00);

/** B5.3.5: 128 bits that no other protocol sends by chance. */
const SELECTION_ALERT = [
  0x92, 0xf3, 0x09, 0x62, 0x95, 0x2d, 0x85, 0x86, 0xe9, 0xaf, 0xdd, 0xe3, 0xa2, 0x0e, 0xbc, 0x19,
];
/** At least 5 ones, then 0x33BBBBBA of 31 bits (B5.3.2); the last bit only fills the byte. */
const JTAG_TO_DORMANT = [0xff, 0xba, 0xbb, 0xbb, 0xb3];
/** At least 8 ones, the alert, 4 zeros, and a code of 8 bits (B5.3.4), followed by 4 ones. */
const ACTIVATE_SWD = [0xff, ...SELECTION_ALERT, 0xa0, 0xf1];
const ACTIVATE_JTAG = [0xff, ...SELECTION_ALERT, 0xa0, 0xf0];

/** Ways to SWD: 0xE79E between line resets for an SWJ-DP (B5.2.1), and out of sleep, where a JTAG-DP is put first. */
export const JTAG_TO_SWD = Uint8Array.of(...ONES, 0x9e, 0xe7, ...LINE_RESET);
export const DORMANT_TO_SWD = Uint8Array.of(...JTAG_TO_DORMANT, ...ACTIVATE_SWD, ...LINE_RESET);

/** Ways to JTAG: 0xE73C after a line reset (B5.2.2), and out of sleep. */
export const SWD_TO_JTAG = Uint8Array.of(...ONES, 0x3c, 0xe7, ...TAP_RESET);
export const DORMANT_TO_JTAG = Uint8Array.of(...ACTIVATE_JTAG, ...TAP_RESET);

/**
 * A write to TARGETSEL, which no port acknowledges (B4.3.4): so it goes out as plain bits. 8 of request, 5 of
 * turnarounds and silence (nobody drives, so we may), 32 of data and their parity, 2 of idle. Right after a line reset.
 */
export function targetSelection(targetSel: number): Uint8Array {
  let bits = 0x99n;
  bits |= BigInt(targetSel >>> 0) << 13n;
  bits |= BigInt(oddOnes(targetSel)) << 45n;
  return Uint8Array.from({ length: 6 }, (_, byte) => Number((bits >> BigInt(8 * byte)) & 0xffn));
}

function oddOnes(value: number): 0 | 1 {
  let odd = 0;
  for (let bit = 0; bit < 32; bit++) odd ^= (value >>> bit) & 1;
  return odd === 1 ? 1 : 0;
}
