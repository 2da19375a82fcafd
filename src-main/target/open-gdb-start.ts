import { fromHex, concat, wordsToBytes } from '#shared/base/bytes.ts';

/**
 * Starts firmware where the chip cannot be reset: code for the start of RAM that takes the core's own state back to
 * what a reset leaves (interrupts disabled and not pending, SysTick off, main stack, thread mode) and enters the
 * vector table. Position independent. ARMv6-M, B3.4 NVIC, B3.3 SysTick, B1.5.5 reset. A peer test assembles the right column.
 */
export const START_CODE: readonly (readonly [code: string, assembly: string])[] = [
  ['72b6', 'cpsid i'],
  ['0c48', 'ldr r0, icer'],
  ['0021', 'movs r1, #0'],
  ['ca43', 'mvns r2, r1'],
  ['8023', 'movs r3, #128'],
  ['5b00', 'lsls r3, r3, #1'],
  ['0260', 'clear: str r2, [r0]'],
  ['c250', 'str r2, [r0, r3]'],
  ['0430', 'adds r0, #4'],
  ['094c', 'ldr r4, icer_end'],
  ['a042', 'cmp r0, r4'],
  ['f9d1', 'bne clear'],
  ['0848', 'ldr r0, systick'],
  ['0160', 'str r1, [r0]'],
  ['81f31488', 'msr CONTROL, r1'],
  ['bff36f8f', 'isb'],
  ['0648', 'ldr r0, vectors'],
  ['0368', 'ldr r3, [r0]'],
  ['9d46', 'mov sp, r3'],
  ['4368', 'ldr r3, [r0, #4]'],
  ['9646', 'mov lr, r2'],
  ['62b6', 'cpsie i'],
  ['1847', 'bx r3'],
  ['c046', 'nop'],
];

/** Literals behind the code, the vector table's address last. */
export const START_LITERALS = [
  // Interrupt clear-enable registers; clear-pending stands 0x100 above.
  ['icer', 0xe000_e180],
  ['icer_end', 0xe000_e1a0],
  ['systick', 0xe000_e010],
] as const;

export function startCode(vectors: number): Uint8Array {
  const code = START_CODE.map(([hex]) => fromHex(hex));
  return concat([...code, wordsToBytes([...START_LITERALS.map(([, value]) => value), vectors])]);
}
