import { MAX_UNIT_DATA_BYTES } from '#shared/contract/plant/command-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Manufacturing, NvsSection, TemplateField } from '#shared/model/manufacturing.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { NVS_PAGE } from '../../image/nvs/nvs-format.ts';
import { isSignatureKey, nvsSignatureFaults, nvsSignatures } from './nvs-signature.ts';
import { longestSignatures, signatureSizes } from './signature-size.ts';
import { fieldName, fieldSize, isSignature, render, type Resolve, type Template } from './render.ts';
import { sourceFault } from './unit-values.ts';

type Path = readonly (string | number)[];

export interface ManufacturingFault {
  readonly path: Path;
  readonly detail: string;
}

interface Valued {
  readonly path: Path;
  readonly value?: string | number | undefined;
  readonly from?: string | undefined;
}

/** What no unit could be given, whatever its values: found when the recipe is opened, before any unit is there. */
export function manufacturingFaults(recipe: Recipe, hasUid: boolean): ManufacturingFault[] {
  const section = recipe.manufacturing;
  return section ? [...roleFaults(recipe), ...sectionFaults(section, recipe, hasUid)] : [];
}

/** The same for fields that stand elsewhere in the recipe. */
export function fieldFaults(section: Template, recipe: Recipe, hasUid: boolean, at: Path): ManufacturingFault[] {
  return sectionFaults(section, recipe, hasUid).map(({ path: [, ...rest], detail }) => ({
    path: [...at, ...rest],
    detail,
  }));
}

function sectionFaults(section: Manufacturing, recipe: Recipe, hasUid: boolean): ManufacturingFault[] {
  const faults = valuesOf(section).flatMap((valued) => valueFaults(valued, recipe, hasUid));
  if (section.kind === 'template') faults.push(...placeFaults(section));
  if (section.kind === 'nvs') faults.push(...nvsSignatureFaults(section), ...nvsEncodingFaults(section));
  if (section.kind === 'nvs' && section.size % NVS_PAGE !== 0)
    faults.push({ path: ['manufacturing', 'size'], detail: `an NVS partition has whole pages of ${NVS_PAGE} bytes` });
  if (section.kind === 'plant' && section.size > MAX_UNIT_DATA_BYTES)
    faults.push({ path: ['manufacturing', 'size'], detail: `the plant gives ${MAX_UNIT_DATA_BYTES} bytes at most` });
  if (faults.length > 0 || section.kind === 'plant') return faults;
  return trialFaults(section);
}

function roleFaults({ images }: Recipe): ManufacturingFault[] {
  const index = images.findIndex(({ role }) => role === 'manufacturing');
  if (index < 0) return [];
  const detail = 'the manufacturing section makes this role for each unit; the same cannot come from a file too';
  return [{ path: ['images', index, 'role'], detail }];
}

function valuesOf(section: Manufacturing): Valued[] {
  if (section.kind === 'plant')
    return section.values.map((from, index) => ({ path: ['manufacturing', 'values', index], from }));
  if (section.kind === 'nvs') {
    return section.namespaces.flatMap(({ keys }, at) =>
      keys.flatMap((key, index): Valued[] => {
        if (isSignatureKey(key)) return [];
        const { value, from } = key;
        return [{ path: ['manufacturing', 'namespaces', at, 'keys', index], value, from }];
      }),
    );
  }
  return section.fields.flatMap((field, index): Valued[] => {
    if ('over' in field) return [];
    const { value, from } = field;
    return [{ path: ['manufacturing', 'fields', index], value, from }];
  });
}

function valueFaults({ path, value, from }: Valued, recipe: Recipe, hasUid: boolean): ManufacturingFault[] {
  if ((value === undefined) === (from === undefined))
    return [{ path, detail: 'has either a value or a source (from)' }];
  const fault = from === undefined ? undefined : sourceFault(from, recipe, hasUid);
  return fault === undefined ? [] : [{ path: [...path, 'from'], detail: `${from ?? ''}: ${fault}` }];
}

function placeFaults({ fields, size }: Template): ManufacturingFault[] {
  const faults: ManufacturingFault[] = [];
  for (const [index, field] of fields.entries()) {
    const path = ['manufacturing', 'fields', index];
    const end = field.at + fieldSize(field);
    if (end > size)
      faults.push({ path, detail: `${fieldName(field)} ends at ${end}, beyond the ${size} bytes that are there` });
    const other = fields
      .slice(0, index)
      .find(({ at, ...each }) => at < end && field.at < at + fieldSize({ at, ...each }));
    if (other) faults.push({ path, detail: `${fieldName(field)} lies on ${fieldName(other)}` });
    if (!('over' in field)) continue;
    const { over } = field;
    if (over.at + over.size > size)
      faults.push({ path: [...path, 'over'], detail: `ends beyond the ${size} bytes that are there` });
    if (over.at < end && field.at < over.at + over.size)
      faults.push({ path: [...path, 'over'], detail: `${fieldName(field)} would be made of itself` });
    faults.push(...signatureFaults(field, index, fields));
  }
  return faults;
}

/** Signatures are made one after the other, when all else is there. */
function signatureFaults(field: TemplateField, index: number, fields: readonly TemplateField[]): ManufacturingFault[] {
  if (!('over' in field)) return [];
  const { over } = field;
  const path = ['manufacturing', 'fields', index];
  const later = fields.find(
    (other, at) =>
      isSignature(other) &&
      (!isSignature(field) || at > index) &&
      other.at < over.at + over.size &&
      over.at < other.at + other.size,
  );
  const faults =
    later === undefined
      ? []
      : [{ path: [...path, 'over'], detail: `it has ${fieldName(later)} in it, which is made after it` }];
  if (!isSignature(field)) return faults;
  const { raw, der } = signatureSizes(field);
  if (field.encoding === 'der' && der === null)
    return [...faults, { path: [...path, 'encoding'], detail: `a signature by ${field.by.algorithm} has no DER` }];
  const fits = field.encoding === 'der' ? field.size >= (der ?? 0) : raw.includes(field.size);
  if (fits) return faults;
  const needed = field.encoding === 'der' ? `up to ${der ?? 0}` : raw.join(' or ');
  return [...faults, { path: [...path, 'size'], detail: `a signature by ${field.by.algorithm} has ${needed} bytes` }];
}

function nvsEncodingFaults(section: NvsSection): ManufacturingFault[] {
  return nvsSignatures(section).flatMap(({ entry, path }) =>
    entry.encoding === 'der' && signatureSizes(entry).der === null
      ? [{ path: [...path, 'encoding'], detail: `a signature by ${entry.by.algorithm} has no DER` }]
      : [],
  );
}

/** The partition is made once with the least values that units could have: what does not fit then, never does. */
function trialFaults(section: Template | NvsSection): ManufacturingFault[] {
  // Whatever the type: a number, a text, bytes.
  const resolve: Resolve = () => ({ text: '0', bytes: Uint8Array.of(0) });
  try {
    render(constantsOf(section), resolve, section.kind === 'nvs' ? longestSignatures(section) : undefined);
    return [];
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    const { code, params } = error.failure;
    return [{ path: ['manufacturing'], detail: `${params['field'] ?? code}: ${params['detail'] ?? ''}` }];
  }
}

function constantsOf(section: Template | NvsSection): Template | NvsSection {
  if (section.kind === 'nvs') return section;
  return { ...section, fields: section.fields.filter((field) => 'over' in field || field.from === undefined) };
}
