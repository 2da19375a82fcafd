import { createHash } from 'node:crypto';
import type { RandomBytes } from '#shared/base/clock.ts';

const TOKEN_BYTES = 32;

/** An opaque token of 256 random bits. Only its digest is stored: who reads the database cannot use it. */
export function makeToken(random: RandomBytes): string {
  return Buffer.from(random(TOKEN_BYTES)).toString('base64url');
}

export function isToken(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}

/** SHA-256 (hex). Enough without salt for what is random and long; a badge's code is looked up by it. */
export function secretDigest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
