import { createHash } from 'node:crypto';
import { z } from 'zod';
import { equalBytes, readU32, writeU32 } from '#shared/base/bytes.ts';

/**
 * The boot loader of the bench's Cortex-M boards: the code is the bench's (cortex-m-boot.ts), its image says what that checks.
 *
 * | byte | 0-3           | 4-7          | 8-15     | 16-19           | 20-23            | 24-55            | 56-  |
 * |------|---------------|--------------|----------|-----------------|------------------|------------------|------|
 * |      | stack pointer | reset vector | BENCHLDR | its whole size  | size of the JSON | SHA-256 of the   | JSON |
 * |      |               |              |          |                 |                  | image, with zeros here   ||
 */
export const LoaderDuty = z.strictObject({
  /** MCUboot: one slot, an image with header and TLVs. Plain: a span with an Ed25519 signature behind it. */
  checks: z.enum(['mcuboot', 'plain']),
  slot: z.strictObject({ address: z.number().int(), size: z.number().int().positive() }),
  /** SubjectPublicKeyInfo, base64. */
  key: z.string(),
  /** A word that must hold `value` before it starts anything. */
  word: z.strictObject({ address: z.number().int(), value: z.number().int() }).optional(),
});
export type LoaderDuty = z.infer<typeof LoaderDuty>;

const MAGIC = new TextEncoder().encode('BENCHLDR');
const HEADER = 56;
const HASH = { from: 24, to: 56 } as const;
const MOST = 0x10000;

/** `filling` stands for its code. */
export function benchLoader(duty: LoaderDuty, vectors: readonly [number, number], filling: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(duty));
  const image = new Uint8Array(Math.ceil((HEADER + text.length + filling.length) / 4) * 4);
  writeU32(image, 0, vectors[0]);
  writeU32(image, 4, vectors[1]);
  image.set(MAGIC, 8);
  writeU32(image, 16, image.length);
  writeU32(image, 20, text.length);
  image.set(text, HEADER);
  image.set(filling, HEADER + text.length);
  image.set(hashOf(image), HASH.from);
  return image;
}

/** What it checks; in words, what of its code is not whole: a core does not notice that before it executes it. */
export function readLoader(read: (offset: number, size: number) => Uint8Array): LoaderDuty | string {
  const header = read(0, HEADER);
  if (!equalBytes(header.subarray(8, 16), MAGIC)) return 'there is no boot loader where its vectors lead';
  const [size, length] = [readU32(header, 16), readU32(header, 20)];
  if (size > MOST || HEADER + length > size) return 'the boot loader is torn';
  const image = read(0, size);
  if (!equalBytes(hashOf(image), header.subarray(HASH.from, HASH.to))) return 'the boot loader is torn';
  return LoaderDuty.parse(JSON.parse(new TextDecoder().decode(image.subarray(HEADER, HEADER + length))));
}

function hashOf(image: Uint8Array): Uint8Array {
  const cleared = image.slice();
  cleared.fill(0, HASH.from, HASH.to);
  return new Uint8Array(createHash('sha256').update(cleared).digest());
}
