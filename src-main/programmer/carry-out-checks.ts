import { firstDifference, hexAddress, toHex } from '#shared/base/bytes.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** A plan that the executor refuses because following it would break an invariant: a fault of ours, told as `internal`. */
export class PlanFault extends FlashlineError<'internal'> {
  constructor(cause: string) {
    super('internal', { cause: `refused plan: ${cause}` });
  }
}

export function memoryNamed(chip: ChipDescription, name: string): FlashMemory {
  const memory = flashMemories(chip).find((candidate) => candidate.name === name);
  if (memory === undefined) throw new PlanFault(`${chip.id} has no flash memory ${name}`);
  return memory;
}

/** `verify-mismatch` at the first byte that differs, or undefined. */
export function mismatch(address: number, expected: Uint8Array, found: Uint8Array): FlashlineError | undefined {
  const offset = firstDifference(expected, found);
  if (offset < 0) return undefined;
  return new FlashlineError('verify-mismatch', {
    where: { address: address + offset },
    params: {
      address: hexAddress(address + offset),
      expected: byteAt(expected, offset),
      found: byteAt(found, offset),
    },
  });
}

function byteAt(bytes: Uint8Array, offset: number): string {
  const text = toHex(bytes.subarray(offset, offset + 1)).toUpperCase();
  return text === '' ? 'nothing' : `0x${text}`;
}
