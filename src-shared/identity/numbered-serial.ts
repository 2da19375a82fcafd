import { FlashlineError } from '../model/failure.ts';
import type { SerialSource } from '../model/numbers.ts';
import type { Recipe } from '../model/recipe.ts';
import type { IdentityRules } from './unit-label.ts';

export type Counter = Extract<SerialSource, { counter: string }>;

const DIGITS = '0123456789';

/** The serial that a counter makes of a number, its check behind it. Throws as `requireSerial` where it is none. */
export function numberedSerial(
  { prefix, digits }: Counter,
  number: number,
  { check }: Recipe['serial'],
  rules: IdentityRules,
): string {
  const body = prefix + String(number).padStart(digits, '0');
  const agrees = checksOf(check)
    .map((end) => body + end)
    .find((serial) => fits(serial, rules));
  if (agrees !== undefined) return agrees;
  rules.requireSerial(body);
  return body;
}

/** All that may follow: it is only asked for when a label is made, never to correct one. */
function checksOf(check: Recipe['serial']['check']): readonly string[] {
  if (!check) return [''];
  if (check.scheme === 'luhn') return check.alphabet.split('');
  if (check.scheme === 'gs1') return DIGITS.split('');
  if (check.scheme === 'weights') return (check.symbols ?? check.alphabet).split('');
  return DIGITS.split('').flatMap((first) => DIGITS.split('').map((second) => first + second));
}

function fits(serial: string, rules: IdentityRules): boolean {
  try {
    rules.requireSerial(serial);
    return true;
  } catch (error) {
    if (error instanceof FlashlineError) return false;
    throw error;
  }
}
