import { assertNever } from '../base/assert-never.ts';
import type { CheckScheme } from '../model/label.ts';

/** Why a text does not fit its scheme: a character that cannot stand at a place (from 0), or a check that does not agree. */
export type CheckFault =
  | { readonly kind: 'character'; readonly at: number }
  | { readonly kind: 'short' }
  | { readonly kind: 'check'; readonly at: number };

const DIGITS = '0123456789';
const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * Null: the check agrees. What it should have been is told to nobody: a check finds a misread label, and whoever is shown the
 * right digit types a serial that is on no label.
 */
export function checkFault(text: string, check: CheckScheme): CheckFault | null {
  switch (check.scheme) {
    case 'luhn':
      return luhnFault(text, check.alphabet);
    case 'mod97-10':
      return mod97Fault(text);
    case 'gs1':
      return gs1Fault(text);
    case 'weights':
      return weightsFault(text, check);
    default:
      return assertNever(check, 'check scheme');
  }
}

/** ISO/IEC 7812-1, annex B; with more characters than ten: Luhn mod N. Every second character from the check on is doubled. */
function luhnFault(text: string, alphabet: string): CheckFault | null {
  const values = valuesOf(text, alphabet);
  if ('kind' in values) return values;
  const base = alphabet.length;
  const sum = values.toReversed().reduce((total, value, place) => {
    const product = place % 2 === 1 ? 2 * value : value;
    return total + Math.floor(product / base) + (product % base);
  }, 0);
  return sum % base === 0 ? null : { kind: 'check', at: text.length - 1 };
}

/** GS1 General Specifications, 7.9.1: the digit before the check digit has weight 3, then 1 and 3 in turn. */
export function gs1Fault(text: string): CheckFault | null {
  const values = valuesOf(text, DIGITS);
  if ('kind' in values) return values;
  const sum = values.toReversed().reduce((total, value, place) => total + (place % 2 === 1 ? 3 * value : value), 0);
  return sum % 10 === 0 ? null : { kind: 'check', at: text.length - 1 };
}

/** ISO/IEC 7064, MOD 97-10: the number that it all makes, two check digits at its end included, leaves 1. */
function mod97Fault(text: string): CheckFault | null {
  let rest = 0;
  for (const [at, character] of text.split('').entries()) {
    const value = (at < text.length - 2 ? ALPHANUMERIC : DIGITS).indexOf(character);
    if (value < 0) return { kind: 'character', at };
    rest = (value < 10 ? 10 * rest + value : 100 * rest + value) % 97;
  }
  if (text.length < 3) return { kind: 'short' };
  return rest === 1 ? null : { kind: 'check', at: text.length - 2 };
}

function weightsFault(text: string, scheme: Extract<CheckScheme, { scheme: 'weights' }>): CheckFault | null {
  const { weights, modulus, alphabet, symbols = alphabet, at, from, products, remainder } = scheme;
  const place = at === 'end' ? text.length - 1 : 0;
  const body = at === 'end' ? text.slice(0, -1) : text.slice(1);
  if (text.length < 2) return { kind: 'short' };
  const values = body.split('').map((character) => alphabet.indexOf(character));
  const wrong = values.indexOf(-1);
  if (wrong >= 0) return { kind: 'character', at: at === 'end' ? wrong : wrong + 1 };
  const inOrder = from === 'left' ? values : values.toReversed();
  const sum = inOrder.reduce((total, value, index) => {
    const product = value * (weights[index % weights.length] ?? 0);
    return total + (products === 'whole' ? product : digitSum(product));
  }, 0);
  const rest = sum % modulus;
  const value = remainder === 'sum' ? rest : (modulus - rest) % modulus;
  const given = symbols.indexOf(text[place] ?? '');
  if (given < 0) return { kind: 'character', at: place };
  return given === value ? null : { kind: 'check', at: place };
}

function valuesOf(
  text: string,
  alphabet: string,
): readonly number[] | Extract<CheckFault, { kind: 'character' | 'short' }> {
  const values = text.split('').map((character) => alphabet.indexOf(character));
  const wrong = values.indexOf(-1);
  if (wrong >= 0) return { kind: 'character', at: wrong };
  return values.length < 2 ? { kind: 'short' } : values;
}

function digitSum(number: number): number {
  let sum = 0;
  for (let rest = number; rest > 0; rest = Math.floor(rest / 10)) sum += rest % 10;
  return sum;
}
