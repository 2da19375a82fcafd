import { FlashlineError } from '#shared/model/failure.ts';
import type { Manufacturing } from '#shared/model/manufacturing.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { ReleaseImage } from '../../plan/layout.ts';
import { renderFor } from './render.ts';
import type { UnitValues } from './unit-values.ts';

/** For messages: there is no file. */
const NAME = 'the manufacturing partition';

/** The image of a release that needs the unit's values; `fromPlant` is what the plant answered to the section's command. */
export function unitImage(recipe: Recipe, unit: UnitValues, fromPlant?: Uint8Array): ReleaseImage | undefined {
  const section = recipe.manufacturing;
  if (!section) return undefined;
  return imageOf(section, section.kind === 'plant' ? plantBytes(section, fromPlant) : renderFor(section, recipe, unit));
}

function plantBytes({ command, size }: Extract<Manufacturing, { kind: 'plant' }>, bytes?: Uint8Array): Uint8Array {
  if (bytes === undefined) throw new FlashlineError('plant-data-missing', { params: { command } });
  if (bytes.length === size) return bytes;
  const detail = `the plant answered ${bytes.length} bytes, the partition has ${size}`;
  throw new FlashlineError('value-unsuited', { params: { field: command, detail } });
}

/** Takes the partition's place when a release is checked, before there is a unit. */
export function placeholderOf({ manufacturing: section }: Recipe): ReleaseImage[] {
  return section ? [imageOf(section, new Uint8Array(section.size))] : [];
}

function imageOf({ version, address }: Manufacturing, data: Uint8Array): ReleaseImage {
  return { role: 'manufacturing', version, file: NAME, image: { format: 'bin', segments: [{ address, data }] } };
}
