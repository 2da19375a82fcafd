import type {
  CrcField,
  Manufacturing,
  NvsSection,
  NvsValueKey,
  SignatureField,
  TemplateField,
} from '#shared/model/manufacturing.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { NvsEntry } from '../../image/nvs/nvs-format.ts';
import { isNvsInteger } from '../../image/nvs/nvs-format.ts';
import { writeNvs } from '../../image/nvs/nvs-writer.ts';
import { crcOf } from './crc.ts';
import { type Given, integerBytes, integerOf, rawBytes, scaled, stringBytes, unsuited } from './field-bytes.ts';
import { isSignatureKey, nvsSignatures } from './nvs-signature.ts';
import { longestSignatures } from './signature-size.ts';
import { type SourceValue, type UnitValues, valueFrom } from './unit-values.ts';

export type Template = Extract<Manufacturing, { kind: 'template' }>;

/** Gives a field its value; the unit's, or in a trial something that could be one. */
export type Resolve = (source: string, field: string) => SourceValue;

/**
 * The partition of one unit, with the signatures that it has so far; where one is missing stands what no field names. Throws
 * `value-missing`, `value-unsuited` or `nvs-invalid`.
 */
export function renderFor(section: Template | NvsSection, recipe: Recipe, unit: UnitValues): Uint8Array {
  return render(section, (source, field) => valueFrom(source, field, recipe, unit), unit.signatures);
}

export function render(
  section: Template | NvsSection,
  resolve: Resolve,
  signatures: ReadonlyMap<number, Uint8Array> = new Map(),
): Uint8Array {
  return section.kind === 'template'
    ? renderTemplate(section, resolve, signatures)
    : renderNvs(section, nvsEntries(section, resolve, signatures));
}

export function fieldName(field: TemplateField): string {
  return field.name ?? `the ${field.type} at 0x${field.at.toString(16)}`;
}

export function fieldSize(field: TemplateField): number {
  if ('size' in field) return field.size;
  return { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8, crc32: 4 }[field.type as 'u8'] ?? 2;
}

function isCrc(field: TemplateField): field is CrcField {
  return 'over' in field && field.type !== 'signature';
}

export function isSignature(field: TemplateField): field is SignatureField {
  return field.type === 'signature';
}

function renderTemplate(
  { size, fill, fields }: Template,
  resolve: Resolve,
  signatures: ReadonlyMap<number, Uint8Array>,
): Uint8Array {
  const out = new Uint8Array(size).fill(fill);
  for (const field of fields) if (!isCrc(field) && !isSignature(field)) out.set(valueBytes(field, resolve), field.at);
  // In their order: one may stand in the range of a later one.
  for (const field of fields) {
    if (!isCrc(field)) continue;
    const { at, type, endian, over } = field;
    const crc = BigInt(crcOf(type, out.subarray(over.at, over.at + over.size)));
    out.set(integerBytes(type === 'crc32' ? 'u32' : 'u16', crc, endian), at);
  }
  for (const field of fields) {
    const signature = isSignature(field) && signatures.get(field.at);
    if (signature) out.set(signature, field.at);
  }
  return out;
}

function valueBytes(field: Exclude<TemplateField, CrcField | SignatureField>, resolve: Resolve): Uint8Array {
  const given = givenOf(fieldName(field), field, resolve);
  if (field.type === 'string') return stringBytes(field, given);
  if (field.type !== 'bytes')
    return integerBytes(field.type, integerOf(field.type, scaled(given, field.scale)), field.endian);
  const bytes = rawBytes(given);
  const isShort = field.pad !== undefined && bytes.length < field.size;
  if (bytes.length !== field.size && !isShort)
    throw unsuited(given.field, `it has ${bytes.length} bytes, the field ${field.size}`);
  const out = new Uint8Array(field.size).fill(field.pad ?? 0);
  out.set(field.reversed ? bytes.toReversed() : bytes);
  return out;
}

function renderNvs({ size, nvsVersion }: NvsSection, entries: readonly NvsEntry[]): Uint8Array {
  return writeNvs(entries, { size, version: nvsVersion });
}

/**
 * The unit's keys with the signatures that it has so far. That the partition has room for all of them is seen before the plant is asked
 * for one: with the longest that each can be. Throws as `renderFor` does.
 */
export function nvsEntriesFor(section: NvsSection, recipe: Recipe, unit: UnitValues): NvsEntry[] {
  const resolve: Resolve = (source, field) => valueFrom(source, field, recipe, unit);
  const whole = new Map([...longestSignatures(section), ...(unit.signatures ?? [])]);
  renderNvs(section, nvsEntries(section, resolve, whole));
  return nvsEntries(section, resolve, unit.signatures);
}

/** A signature that is not there yet is left out. */
function nvsEntries(
  section: NvsSection,
  resolve: Resolve,
  signatures: ReadonlyMap<number, Uint8Array> = new Map(),
): NvsEntry[] {
  const places = new Map(nvsSignatures(section).map(({ entry, index }) => [entry, index]));
  return section.namespaces.flatMap(({ namespace, keys }) =>
    keys.flatMap((entry): NvsEntry[] => {
      if (!isSignatureKey(entry)) return [entryOf(namespace, entry, resolve)];
      const value = signatures.get(places.get(entry) ?? -1);
      return value === undefined ? [] : [{ namespace, key: entry.key, type: 'blob', value }];
    }),
  );
}

function entryOf(namespace: string, entry: NvsValueKey, resolve: Resolve): NvsEntry {
  const { key, type } = entry;
  const given = givenOf(`${namespace}/${key}`, entry, resolve);
  if (isNvsInteger(type)) return { namespace, key, type, value: integerOf(type, scaled(given, entry.scale)) };
  if (type === 'string') return { namespace, key, type, value: given.value.text };
  return { namespace, key, type, value: rawBytes(given) };
}

/** A recipe was checked to have one of both. */
function givenOf(
  field: string,
  { value, from }: { readonly value?: string | number | undefined; readonly from?: string | undefined },
  resolve: Resolve,
): Given {
  if (from === undefined) return { field, value: { text: String(value ?? ''), bytes: null } };
  return { field, value: resolve(from, field) };
}
