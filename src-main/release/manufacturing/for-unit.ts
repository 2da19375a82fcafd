import { FlashlineError } from '#shared/model/failure.ts';
import type { Manufacturing } from '#shared/model/manufacturing.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { ReleaseImage } from '../../plan/layout.ts';
import { renderFor } from './render.ts';
import { type UnitValues, valueFrom } from './unit-values.ts';

/** For messages: there is no file. */
const NAME = 'the manufacturing partition';

/** The image of a release that needs the unit's values; `fromPlant` is what the plant answered to the section's command. */
export function unitImage(recipe: Recipe, unit: UnitValues, fromPlant?: Uint8Array): ReleaseImage | undefined {
  const section = recipe.manufacturing;
  if (!section) return undefined;
  return imageOf(section, section.kind === 'plant' ? plantBytes(section, fromPlant) : renderFor(section, recipe, unit));
}

type PlantSection = Extract<Manufacturing, { kind: 'plant' }>;

function plantBytes({ command, size, fill }: PlantSection, bytes?: Uint8Array): Uint8Array {
  if (bytes === undefined) throw new FlashlineError('plant-data-missing', { params: { command } });
  if (bytes.length === size) return bytes;
  if (fill === undefined || bytes.length === 0 || bytes.length > size) {
    const detail = `the plant answered ${bytes.length} bytes, the partition has ${size}`;
    throw new FlashlineError('plant-command-wrong', { params: { command, detail } });
  }
  const whole = new Uint8Array(size).fill(fill);
  whole.set(bytes);
  return whole;
}

/** What the recipe has its plant's command told of the unit. Throws `value-missing`. */
export function valuesForPlant(
  { values }: PlantSection,
  recipe: Recipe,
  unit: UnitValues,
): Readonly<Record<string, string>> {
  return Object.fromEntries(values.map((source) => [source, valueFrom(source, 'values', recipe, unit).text]));
}

/** Takes the partition's place when a release is checked, before there is a unit. */
export function placeholderOf({ manufacturing: section }: Recipe): ReleaseImage[] {
  return section ? [imageOf(section, new Uint8Array(section.size))] : [];
}

function imageOf({ version, address }: Manufacturing, data: Uint8Array): ReleaseImage {
  return { role: 'manufacturing', version, file: NAME, image: { format: 'bin', segments: [{ address, data }] } };
}
