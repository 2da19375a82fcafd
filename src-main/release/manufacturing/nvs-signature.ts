import type { NvsKey, NvsSection, NvsSignatureKey } from '#shared/model/manufacturing.ts';
import type { NvsEntry } from '../../image/nvs/nvs-format.ts';
import { integerBytes } from './field-bytes.ts';

/** The first field of what is signed: nothing else that the plant signs begins so. */
const DOMAIN = 'flashline-nvs-1';

/** A signature among an NVS partition's keys. */
export interface NvsSignature {
  /** Its place among the section's signatures, by which the unit's values have it. */
  readonly index: number;
  readonly namespace: string;
  readonly entry: NvsSignatureKey;
  /** In the recipe. */
  readonly path: readonly (string | number)[];
}

export function isSignatureKey(entry: NvsKey): entry is NvsSignatureKey {
  return entry.type === 'signature';
}

/** In the recipe's order, which is the order in which they are made. */
export function nvsSignatures({ namespaces }: NvsSection): NvsSignature[] {
  const found = namespaces.flatMap(({ namespace, keys }, at) =>
    keys.flatMap((entry, index) =>
      isSignatureKey(entry)
        ? [{ namespace, entry, path: ['manufacturing', 'namespaces', at, 'keys', index] as const }]
        : [],
    ),
  );
  return found.map(({ namespace, entry, path }, index) => ({ index, namespace, entry, path }));
}

/**
 * What is signed: fields, each with its length before it (u32, little endian). First the domain, the namespace and the signature's own
 * key; then the values of the keys that it names, in that order, as NVS gives them: an integer in its own size, little endian; a
 * string without its zero; a blob as it is. `entries` are those of its namespace.
 */
export function nvsMessage({ namespace, entry }: NvsSignature, entries: readonly NvsEntry[]): Uint8Array {
  const text = new TextEncoder();
  const values = entry.over.map((key) => {
    const found = entries.find((each) => each.namespace === namespace && each.key === key);
    if (found === undefined) throw new Error(`${namespace} has no ${key}`);
    return valueBytes(found);
  });
  const fields = [...[DOMAIN, namespace, entry.key].map((word) => text.encode(word)), ...values];
  const out = new Uint8Array(fields.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const field of fields) {
    new DataView(out.buffer).setUint32(at, field.length, true);
    out.set(field, at + 4);
    at += 4 + field.length;
  }
  return out;
}

function valueBytes(entry: NvsEntry): Uint8Array {
  if (entry.type === 'string') return new TextEncoder().encode(entry.value);
  if (entry.type === 'blob') return entry.value;
  return integerBytes(entry.type, entry.value, 'little');
}

/** What of a signature can never be: said when the recipe is opened. */
export function nvsSignatureFaults(
  section: NvsSection,
): { readonly path: readonly (string | number)[]; readonly detail: string }[] {
  return nvsSignatures(section).flatMap(({ namespace, entry, path }) => {
    const keys = section.namespaces.filter((each) => each.namespace === namespace).flatMap((each) => each.keys);
    const own = keys.indexOf(entry);
    return entry.over.flatMap((key, index) => {
      const detail =
        overFault(key, keys, own) ?? (entry.over.indexOf(key) < index ? `${key} is named twice` : undefined);
      return detail === undefined ? [] : [{ path: [...path, 'over', index], detail }];
    });
  });
}

function overFault(key: string, keys: readonly NvsKey[], own: number): string | undefined {
  const at = keys.findIndex((each) => each.key === key);
  const found = keys[at];
  if (found === undefined) return `there is no key ${key} in the signature’s namespace`;
  if (at === own) return `${key} would be made of itself`;
  return isSignatureKey(found) && at > own ? `${key} is a signature that is made after this one` : undefined;
}
