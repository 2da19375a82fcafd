import { FlashlineError } from '#shared/model/failure.ts';

/** All of a stream of bytes; rejects with `plant-protocol` at the first byte beyond `most`, and reads no further. */
export async function readLimited(stream: AsyncIterable<unknown>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    if (!(part instanceof Uint8Array)) throw new TypeError('a stream that is not of bytes');
    size += part.length;
    if (size > most)
      throw new FlashlineError('plant-protocol', { params: { detail: `an answer of more than ${most} bytes` } });
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts, size));
}
