import { Name } from '#shared/contract/plant/common.ts';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';

/** What is typed to make a pool. */
export interface PoolForm {
  readonly id: string;
  readonly kind: PlantPool['kind'];
  readonly product: string;
  readonly prefix: string;
  readonly digits: string;
  readonly first: string;
  readonly last: string;
  readonly block: string;
}

const MAC_DIGITS = 12;

/** The call that the form stands for; null while it does not make a pool. */
export function poolGiven(form: PoolForm) {
  const isMac = form.kind === 'mac';
  const read = isMac ? macNumber : wholeNumber;
  const [first, last, block] = [read(form.first), read(form.last), wholeNumber(form.block)];
  const digits = isMac ? MAC_DIGITS : wholeNumber(form.digits);
  if (first === null || last === null || block === null || digits === null) return null;
  if (!Name.safeParse(form.id.trim()).success || last < first || block < 1 || digits < 1) return null;
  if (digits > MAC_DIGITS || (!isMac && String(last).length > digits)) return null;
  const product = form.product.trim() === '' ? null : form.product.trim();
  const prefix = isMac ? '' : form.prefix;
  return { body: { id: form.id.trim(), kind: form.kind, product, prefix, digits, first, last, block } };
}

/** A number of a pool as it stands on a label: `HB000042`, `02:00:5e:00:53:01`. */
export function numberOf(
  { kind, prefix, digits }: Pick<PlantPool, 'kind' | 'prefix' | 'digits'>,
  value: number,
): string {
  if (kind === 'serial') return `${prefix}${String(value).padStart(digits, '0')}`;
  return value
    .toString(16)
    .padStart(MAC_DIGITS, '0')
    .replaceAll(/(..)(?=.)/g, '$1:');
}

function wholeNumber(text: string): number | null {
  const value = Number(text);
  return /^\d+$/.test(text.trim()) && Number.isSafeInteger(value) ? value : null;
}

function macNumber(text: string): number | null {
  const digits = text.replaceAll(/[\s:.-]/g, '');
  return /^[0-9a-f]{12}$/i.test(digits) ? Number.parseInt(digits, 16) : null;
}
