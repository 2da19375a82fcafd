import { FlashlineError } from '#shared/model/failure.ts';

/** Decimal or 0x hexadecimal, with k or K for 1024; throws `usage`. */
export function numberOf(option: string, text: string): number {
  const [, digits, kilo] = /^(0[xX][0-9a-fA-F]+|\d+)([kK]?)$/u.exec(text) ?? [];
  const value = Number(digits) * (kilo ? 1024 : 1);
  if (Number.isSafeInteger(value)) return value;
  throw new FlashlineError('usage', {
    params: { detail: `${option} is a number such as 4096, 4k or 0x1000, not ${text}` },
  });
}
