import type { CoreRegister } from '../probe/run-control.ts';

/** DCRSR.REGSEL for the registers that have one name in both architectures (ARMv7-M, C1.6.3; ARMv6-M, C1.6.3). */
export const REGISTER_NUMBER: Readonly<Record<CoreRegister, number>> = {
  r0: 0,
  r1: 1,
  r2: 2,
  r3: 3,
  r4: 4,
  r5: 5,
  r6: 6,
  r7: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  sp: 13,
  lr: 14,
  pc: 15,
  xpsr: 16,
};

export const MSP = 17;
export const PSP = 18;
/** CONTROL in bits 31-24, FAULTMASK 23-16, BASEPRI 15-8, PRIMASK 7-0. */
export const CONTROL_AND_MASKS = 20;

/** Thread mode on the main stack, privileged, every maskable interrupt held back. */
export const QUIET_MASKS = 0x0000_0001;
export const XPSR_THUMB = 0x0100_0000;
