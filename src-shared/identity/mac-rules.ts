import type { MacSource } from '../model/numbers.ts';
import type { Recipe } from '../model/recipe.ts';

/** Where a recipe's units have their MACs from; its manufacturing section may say it too. */
export function macSource({ macs, manufacturing }: Pick<Recipe, 'macs' | 'manufacturing'>): MacSource | undefined {
  if (macs) return macs;
  const older = manufacturing?.macs;
  return older ? { ...older, step: 1 } : undefined;
}

export function macCount(source: MacSource | undefined): number {
  if (!source) return 0;
  return 'from' in source ? 1 : source.count;
}
