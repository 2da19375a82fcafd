import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';

export type NumberRange = Pick<PlantPool, 'kind' | 'prefix' | 'digits' | 'first' | 'last'>;

/**
 * A pool's numbers in the one form in which pools are compared. Digits that end the prefix belong to the number: `A1` with
 * two digits makes the same serials as `A` with three, from 100 on.
 */
export interface RangeForm {
  /** The prefix without the digits that end it. */
  readonly base: string;
  readonly places: number;
  readonly low: bigint;
  readonly high: bigint;
}

const MAC_DIGITS = 12;
const MAC_LAST = 2 ** 48 - 1;
/** An address's first octet: bits 40 to 47. */
const FIRST_OCTET = 2 ** 40;

/** Throws `bad-request` for a pool that could not be numbered from. */
export function rangeForm(range: NumberRange): RangeForm {
  const { kind, prefix, digits, first, last } = range;
  if (first > last) throw refused('the first number is after the last one');
  if (kind === 'mac') return macForm(range);
  if (/\p{Cc}/u.test(prefix)) throw refused('the prefix has a control character in it');
  if (last >= 10 ** digits) throw refused(`${last} has more than ${digits} digits`);
  const own = /[0-9]*$/.exec(prefix)?.[0] ?? '';
  const above = BigInt(own || '0') * 10n ** BigInt(digits);
  return {
    base: prefix.slice(0, prefix.length - own.length),
    places: own.length + digits,
    low: above + BigInt(first),
    high: above + BigInt(last),
  };
}

function macForm({ prefix, digits, first, last }: NumberRange): RangeForm {
  if (prefix !== '' || digits !== MAC_DIGITS) throw refused('a pool of addresses has no prefix, and 12 digits');
  if (last > MAC_LAST) throw refused('the last address has more than 48 bits');
  const octet = Math.floor(first / FIRST_OCTET);
  // IEEE 802: the lowest bit of the first octet makes a group address of it, which no unit may have as its own.
  if (octet % 2 === 1 || Math.floor(last / FIRST_OCTET) !== octet)
    throw refused('the addresses must have the same first octet, and it must be even: odd ones are group addresses');
  return { base: '', places: MAC_DIGITS, low: BigInt(first), high: BigInt(last) };
}

function refused(detail: string): FlashlineError {
  return new FlashlineError('bad-request', { params: { detail } });
}
