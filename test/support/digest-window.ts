import { writeU32 } from '#shared/base/bytes.ts';
import { BOX, type DigestCode, PENDING, SYSTICK_VECTOR } from '#main/programmer/hf2/digest-code.ts';

export interface WindowRequest {
  readonly base: number;
  /** The boot loader's. */
  readonly vectors: readonly number[];
  readonly vtor: number;
  readonly flags: number;
  readonly address: number;
  readonly size: number;
  readonly total: number;
}

/** RAM from the base on, as the host leaves it before it writes VTOR (the byte map of digest.S). */
export function digestWindow({ load, handler, bytes }: DigestCode, request: WindowRequest): Uint8Array {
  const { base, vectors, vtor, flags, address, size, total } = request;
  const window = new Uint8Array(load + bytes.length);
  for (const [index, vector] of vectors.entries())
    writeU32(window, index * 4, index === SYSTICK_VECTOR ? base + handler + 1 : vector);
  for (const [index, word] of [PENDING, vtor, flags, address, size, total].entries())
    writeU32(window, BOX + index * 4, word);
  window.set(bytes, load);
  return window;
}
