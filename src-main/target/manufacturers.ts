/** JEP106 codes as ARM's registers carry them: continuation count in bits 10-7, identity without parity in bits 6-0. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [code(0, 0x0e), 'Freescale'],
  [code(0, 0x15), 'NXP'],
  [code(0, 0x17), 'Texas Instruments'],
  [code(0, 0x1f), 'Atmel'],
  [code(0, 0x20), 'STMicroelectronics'],
  [code(0, 0x29), 'Microchip'],
  [code(0, 0x34), 'Cypress'],
  [code(0, 0x41), 'Infineon'],
  [code(2, 0x44), 'Nordic Semiconductor'],
  [code(4, 0x23), 'Renesas'],
  [code(4, 0x3b), 'ARM'],
  [code(6, 0x73), 'Silicon Labs'],
  [code(7, 0x51), 'GigaDevice'],
  [code(9, 0x13), 'Raspberry Pi'],
  [code(10, 0x75), 'Arm China'],
]);

export const ARM = code(4, 0x3b);
export const ATMEL = code(0, 0x1f);
export const RASPBERRY_PI = code(9, 0x13);
export const ST = code(0, 0x20);

/** What stands where a register was left unset by the chip's maker. */
export function manufacturerName(jep106: number): string {
  const known = NAMES.get(jep106);
  if (known !== undefined) return known;
  return jep106 === 0 ? 'unnamed' : `JEP106 bank ${(jep106 >>> 7) + 1} code 0x${(jep106 & 0x7f).toString(16)}`;
}

function code(continuation: number, identity: number): number {
  return (continuation << 7) | identity;
}
