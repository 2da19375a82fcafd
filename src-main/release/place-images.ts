import type { ChipDescription } from '#shared/model/chip.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { ReleaseImage } from '../plan/layout.ts';
import { placeRegions, type Regions } from '../plan/regions.ts';
import { withValidFlags } from './valid-flags.ts';

export interface PlacedImages extends Regions {
  /** Without what valid flags add. */
  readonly unflagged: readonly ReleaseImage[];
}

/** The images, in the recipe's order, with what its regions and valid flags add to them. */
export function placeImages(recipe: Recipe, chip: ChipDescription, images: readonly ReleaseImage[]): PlacedImages {
  const placed = placeRegions(recipe, chip, images);
  if (placed.faults.length > 0) return { ...placed, unflagged: placed.images };
  const flagged = withValidFlags(recipe, placed.images);
  return { ...flagged, kept: placed.kept, unflagged: placed.images };
}
